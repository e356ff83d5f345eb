//! Elementwise loops, which either replace what is there or add to it.

use super::Number;

/// Whether results replace what is there or are added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Set,
    Add,
}

impl Write {
    /// out[i] = or += f(sources[0][i], sources[1][i], …). All slices are as long as `out`, or longer.
    #[inline(always)]
    pub fn each<T: Number, const N: usize>(
        self,
        out: &mut [T],
        sources: [&[T]; N],
        f: impl Fn([T; N]) -> T,
    ) {
        match self {
            Self::Set => update(
                out,
                sources,
                #[inline(always)]
                |_, values| f(values),
            ),
            Self::Add => update(
                out,
                sources,
                #[inline(always)]
                |old, values| old + f(values),
            ),
        }
    }

    /// *to = or += x.
    #[inline(always)]
    pub fn one<T: Number>(self, to: &mut T, x: T) {
        match self {
            Self::Set => *to = x,
            Self::Add => *to += x,
        }
    }
}

/// out[i] = f(out[i], [sources[0][i], sources[1][i], …]). All slices are as long as `out`, or longer.
///
/// In chunks of what lines are padded to: of a loop of unknown length the compiler leaves a rest of up to 31 numbers
/// that are not done several at once.
#[inline(always)]
pub(crate) fn update<T: Number, const N: usize>(
    out: &mut [T],
    sources: [&[T]; N],
    f: impl Fn(T, [T; N]) -> T,
) {
    let whole = out.len() - out.len() % T::PADDING;
    for (index, out) in out.chunks_exact_mut(T::PADDING).enumerate() {
        let from = index * T::PADDING;
        let mut chunk = sources;
        for k in 0..N {
            chunk[k] = &sources[k][from..from + T::PADDING];
        }
        some(out, chunk, &f);
    }
    let mut rest = sources;
    for k in 0..N {
        rest[k] = &sources[k][whole..];
    }
    some(&mut out[whole..], rest, &f);
}

/// [`update`] of a few.
#[inline(always)]
fn some<T: Number, const N: usize>(out: &mut [T], sources: [&[T]; N], f: &impl Fn(T, [T; N]) -> T) {
    let n = out.len();
    let mut exact = sources;
    for k in 0..N {
        exact[k] = &sources[k][..n];
    }
    for i in 0..n {
        // Not `map`: what the compiler leaves of it out of line would miss the vector instructions.
        let mut values = [T::ZERO; N];
        for k in 0..N {
            values[k] = exact[k][i];
        }
        out[i] = f(out[i], values);
    }
}

/// Longest run of columns that a loop with temporaries on the stack treats at once.
pub(crate) const RUN: usize = 64;

/// The ranges of at most [`RUN`] columns that make up a line of `stride`.
#[inline(always)]
pub(crate) fn runs(stride: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..stride)
        .step_by(RUN)
        .map(move |from| from..(from + RUN).min(stride))
}
