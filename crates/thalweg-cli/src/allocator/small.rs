//! Small blocks at cache lines, from the system's quick lists.
//!
//! Matrices are aligned to cache lines, and glibc (2.36, among others) keeps its lists of blocks that are at hand for plain ones alone: of a flow in a small
//! network more than half the time went into finding and giving back a hundred bytes. So small blocks are taken with room to align them, with the
//! system's own address just before them.

use std::alloc::{GlobalAlloc, Layout, System};
use std::mem::size_of;

/// What the system aligns every block to.
const ALIGNED: usize = 2 * size_of::<usize>();

/// glibc's lists hold blocks up to this size.
const LISTED: usize = 1032;

/// The system's block for a small one of `layout`; none where the system's own alignment does, or the block is large.
pub fn outer(layout: Layout) -> Option<Layout> {
    let size = layout.size() + layout.align();
    let is_glibc = cfg!(all(target_os = "linux", target_env = "gnu"));
    if !is_glibc || layout.align() <= ALIGNED || size > LISTED {
        return None;
    }
    Layout::from_size_align(size, ALIGNED).ok()
}

/// A block of `layout` within `block`, which is one of [`outer`] of it, or null.
///
/// # Safety
/// `block` is null or has the size and alignment of the outer layout.
pub unsafe fn aligned(block: *mut u8, layout: Layout) -> *mut u8 {
    if block.is_null() {
        return block;
    }
    // At least `ALIGNED` and at most the alignment: both are powers of 2.
    let ahead = layout.align() - (block.addr() & (layout.align() - 1));
    // SAFETY: within the block, whose size is that of the layout and its alignment; the address before it has room for one.
    unsafe {
        let inner = block.add(ahead);
        inner.cast::<*mut u8>().sub(1).write(block);
        inner
    }
}

/// Gives back what [`aligned`] made.
///
/// # Safety
/// `inner` was made by [`aligned`] in a block of the layout `outer`, and is not used any more.
pub unsafe fn give_back(inner: *mut u8, outer: Layout) {
    // SAFETY: the caller's promise.
    unsafe { System.dealloc(inner.cast::<*mut u8>().sub(1).read(), outer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of many sizes and alignments start where they should, hold what is written into all of them, and do not touch one another.
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn blocks_are_aligned_and_apart() {
        let layouts = (4..=9).flat_map(|power| {
            (1..=1100)
                .step_by(37)
                .map(move |size| Layout::from_size_align(size, 1 << power).unwrap())
        });
        let mut held = Vec::new();
        for (i, layout) in layouts.enumerate() {
            let Some(outer) = outer(layout) else {
                assert!(layout.align() <= ALIGNED || layout.size() + layout.align() > LISTED);
                continue;
            };
            // SAFETY: the layout's size is not zero, and what is written lies in the block.
            let inner = unsafe {
                let inner = aligned(System.alloc(outer), layout);
                inner.write_bytes(i as u8, layout.size());
                inner
            };
            assert_eq!(inner.addr() % layout.align(), 0);
            held.push((inner, layout, i as u8));
        }
        assert!(held.len() > 100);
        for (inner, layout, value) in held {
            // SAFETY: as above, and each is given back once.
            unsafe {
                let block = std::slice::from_raw_parts(inner, layout.size());
                assert!(block.iter().all(|byte| *byte == value));
                give_back(inner, outer(layout).unwrap());
            }
        }
    }

    /// By the program's own allocator: to where the system's lists end, beyond, and back, a block keeps what is in it.
    #[test]
    fn blocks_grow_and_shrink_with_what_they_hold() {
        let layout = |size| Layout::from_size_align(size, 64).unwrap();
        // SAFETY: sizes are not zero, each layout is that of the block, and what is read was written.
        unsafe {
            let mut block = std::alloc::alloc_zeroed(layout(100));
            assert!(
                std::slice::from_raw_parts(block, 100)
                    .iter()
                    .all(|byte| *byte == 0)
            );
            block.write_bytes(7, 100);
            let mut before = 100;
            for size in [900, 5000, 980, 64, 200] {
                block = std::alloc::realloc(block, layout(before), size);
                assert_eq!(block.addr() % 64, 0);
                let kept = std::slice::from_raw_parts(block, 64);
                assert!(kept.iter().all(|byte| *byte == 7), "{size}");
                before = size;
            }
            std::alloc::dealloc(block, layout(before));
        }
    }
}
