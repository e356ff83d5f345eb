//! Runs work with the vector instructions that the processor has.

use super::Lanes;

/// Work that is generic over the lanes it runs in. `run` must be `#[inline(always)]`, and so must all
/// that it calls in hot loops: code outside the instruction set's own function is compiled without it.
pub(crate) trait Task {
    /// What comes out.
    type Output;
    /// Does the work.
    fn run<V: Lanes>(self) -> Self::Output;
}

/// Work already bound to its lanes, to be compiled once and called: without it, every caller in an
/// instruction set's function would hold a copy. `call` must be `#[inline(always)]`.
pub(crate) trait Call {
    /// What comes out.
    type Output;
    /// Does the work.
    fn call(self) -> Self::Output;
}

/// An instruction set to run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    /// One lane.
    Scalar,
    /// Four lanes of `f64`.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Eight lanes of `f64`.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The widest that this processor has.
    fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if has_avx512() {
                return Self::Avx512;
            }
            if has_avx2() {
                return Self::Avx2;
            }
        }
        Self::Scalar
    }

    /// All that this processor has.
    #[cfg(test)]
    pub(crate) fn available() -> Vec<Self> {
        match Self::best() {
            Self::Scalar => vec![Self::Scalar],
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => vec![Self::Scalar, Self::Avx2],
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => vec![Self::Scalar, Self::Avx2, Self::Avx512],
        }
    }
}

/// Runs `task` in the widest instruction set.
pub(crate) fn dispatch<T: Task>(task: T) -> T::Output {
    dispatch_on(Isa::best(), task)
}

/// Runs `task` in `isa`, which must be one that the processor has.
pub(crate) fn dispatch_on<T: Task>(isa: Isa, task: T) -> T::Output {
    debug_assert!(isa as u8 <= Isa::best() as u8);
    match isa {
        Isa::Scalar => task.run::<f64>(),
        // SAFETY: `isa` is one that the processor was found to have.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe {
            with_avx2(
                #[inline(always)]
                || task.run::<std::arch::x86_64::__m256d>(),
            )
        },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe {
            with_avx512(
                #[inline(always)]
                || task.run::<std::arch::x86_64::__m512d>(),
            )
        },
    }
}

/// Runs `work`, compiled with AVX2 and fused multiply–add where the processor has them. Without them
/// `mul_add` is a call into the C library: the same bits, many times slower.
///
/// `work` and all that it calls in hot loops must be `#[inline(always)]`: code outside the
/// instruction set's own function is compiled without it.
#[inline]
pub(crate) fn vectorise<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor was just found to have both.
        return unsafe { with_avx2(work) };
    }
    work()
}

/// Whether the processor has AVX2 and fused multiply–add.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_avx2() -> bool {
    #[cfg(test)]
    if forced::PLAIN.get() {
        return false;
    }
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Whether the processor has AVX2 and what is used of AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
}

/// `work`, compiled with AVX2 and fused multiply–add.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// `work`, compiled with AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// [`Call::call`] compiled for four lanes.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
pub(super) fn call_avx2<C: Call>(work: C) -> C::Output {
    work.call()
}

/// [`Call::call`] compiled for eight lanes.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl")]
pub(super) fn call_avx512<C: Call>(work: C) -> C::Output {
    work.call()
}

/// Takes the vector instructions away, to see that results do not depend on them.
#[cfg(test)]
pub(crate) mod forced {
    use std::cell::Cell;

    thread_local! {
        pub(super) static PLAIN: Cell<bool> = const { Cell::new(false) };
    }

    /// Runs `work` on this thread as on a processor without AVX2.
    pub(crate) fn plain<R>(work: impl FnOnce() -> R) -> R {
        PLAIN.set(true);
        let result = work();
        PLAIN.set(false);
        result
    }
}
