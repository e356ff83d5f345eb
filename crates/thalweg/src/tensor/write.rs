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
        let n = out.len();
        let sources = sources.map(
            #[inline(always)]
            |source| &source[..n],
        );
        // Not `map`: what the compiler leaves of it out of line would miss the vector instructions.
        let at = |i: usize| {
            let mut values = [T::ZERO; N];
            for k in 0..N {
                values[k] = sources[k][i];
            }
            values
        };
        match self {
            Self::Set => {
                for i in 0..n {
                    out[i] = f(at(i));
                }
            }
            Self::Add => {
                for i in 0..n {
                    out[i] += f(at(i));
                }
            }
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

/// Longest run of columns that a loop with temporaries on the stack treats at once.
pub(crate) const RUN: usize = 64;

/// The ranges of at most [`RUN`] columns that make up a line of `stride`.
#[inline(always)]
pub(crate) fn runs(stride: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..stride)
        .step_by(RUN)
        .map(move |from| from..(from + RUN).min(stride))
}
