//! Runs a task with the widest lanes that the processor has.

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
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Self::Avx512;
            }
            if avx2 {
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
        Isa::Avx2 => unsafe { with_avx2(task) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { with_avx512(task) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<T: Task>(task: T) -> T::Output {
    task.run::<std::arch::x86_64::__m256d>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl")]
fn with_avx512<T: Task>(task: T) -> T::Output {
    task.run::<std::arch::x86_64::__m512d>()
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
