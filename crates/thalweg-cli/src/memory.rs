//! Keeps freed memory for the next step, where the C library would give it back to the system.

/// glibc trims its heap whenever a little of it is free at the end, and a flow's matrices are freed and
/// made again at every step: the page faults took a fifth of its time. Freeing one block of this size
/// lifts the limit to twice that (`man mallopt`, `M_MMAP_THRESHOLD`). Elsewhere it does nothing.
const KEPT: usize = 1 << 24;

/// Call once, first.
pub fn keep_freed() {
    // Nothing is touched, so that no memory is used; the optimiser must not see that.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT)));
}
