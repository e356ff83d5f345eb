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
    /// All that this processor has, the widest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                found.push(Self::Avx512);
            }
            if avx2 {
                found.push(Self::Avx2);
            }
        }
        found.push(Self::Scalar);
        found
    }
}

/// Runs `task` in the widest instruction set.
pub(crate) fn dispatch<T: Task>(task: T) -> T::Output {
    dispatch_on(Isa::available()[0], task)
}

/// Runs `task` in `isa`, which must be one of [`Isa::available`].
pub(crate) fn dispatch_on<T: Task>(isa: Isa, task: T) -> T::Output {
    debug_assert!(Isa::available().contains(&isa));
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
