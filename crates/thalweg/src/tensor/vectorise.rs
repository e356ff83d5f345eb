//! Compiles hot loops for the vector instructions that the processor has, chosen at run time.

/// Runs `work`, compiled with AVX2 and fused multiply–add where the processor has them. Without them
/// `mul_add` is a call into the C library: the same bits, many times slower.
///
/// `work` and all that it calls in hot loops must be `#[inline(always)]`: code outside the
/// instruction set's own function is compiled without it. AVX-512 made the short loops
/// here slower.
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
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
