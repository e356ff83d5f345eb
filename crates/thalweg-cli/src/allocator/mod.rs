//! The allocator: what the C library does with memory, and the end of the program when there is no more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

use crate::leave;

mod small;

/// The system's allocator, but that small blocks at cache lines come from its quick lists ([`small`]), and that a failure ends the program with a sentence: the standard library's own
/// way of saying it allocates and takes locks, and hangs where there is no memory left.
struct OrLeave;

#[global_allocator]
static ALLOCATOR: OrLeave = OrLeave;

// SAFETY: everything is left to the system's allocator, and a layout says by itself how its block was made.
unsafe impl GlobalAlloc for OrLeave {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise; the block that is aligned is one of the outer layout.
        let pointer = unsafe {
            match small::outer(layout) {
                Some(outer) => small::aligned(System.alloc(outer), layout),
                None => System.alloc(layout),
            }
        };
        or_leave(pointer, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above; the block around it is all zeros.
        let pointer = unsafe {
            match small::outer(layout) {
                Some(outer) => small::aligned(System.alloc_zeroed(outer), layout),
                None => System.alloc_zeroed(layout),
            }
        };
        or_leave(pointer, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size does not overflow at this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if small::outer(layout).is_none() && small::outer(wanted).is_none() {
            // SAFETY: the caller's promise.
            return or_leave(unsafe { System.realloc(pointer, layout, size) }, size);
        }
        // SAFETY: both blocks have the bytes that are copied, and the old one is given back as it was made.
        unsafe {
            let moved = self.alloc(wanted);
            moved.copy_from_nonoverlapping(pointer, layout.size().min(size));
            self.dealloc(pointer, layout);
            moved
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe {
            match small::outer(layout) {
                Some(outer) => small::give_back(pointer, outer),
                None => System.dealloc(pointer, layout),
            }
        }
    }
}

#[inline(always)]
fn or_leave(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() {
        out_of_memory(size);
    }
    pointer
}

#[cold]
fn out_of_memory(size: usize) -> ! {
    leave::at_once(
        1,
        format_args!("out of memory: {size} more bytes were needed and refused"),
    )
}

/// Arranges the C library's heap and the stack. Call once, first.
pub fn prepare() {
    take_stack();
    share_arenas();
    keep_freed();
}

/// glibc sets 64 MB of addresses aside for each thread: where addresses are limited, one heap serves all.
fn share_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if thalweg_lab::memory::addresses_are_limited() {
        // SAFETY: no other thread runs yet.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }
}

/// glibc trims its heap whenever a little of it is free at the end, and a flow's matrices are freed and
/// made again at every step: the page faults took a fifth of its time. Freeing one block of this size
/// lifts the limit to twice that (`man mallopt`, `M_MMAP_THRESHOLD`). Elsewhere it does nothing.
const KEPT: usize = 1 << 24;

fn keep_freed() {
    let Ok(layout) = Layout::array::<u8>(KEPT) else {
        return;
    };
    // Nothing is touched, so that no memory is used; the optimiser must not see that. Under a tight limit
    // on the address space there may be no such block, and then it is not missed.
    // SAFETY: the layout's size is not zero, and the block is given back as it came.
    unsafe {
        let block = black_box(System.alloc(layout));
        if !block.is_null() {
            System.dealloc(block, layout);
        }
    }
}

/// As much stack as anything here needs.
const STACK: usize = 1 << 19;

/// Takes [`STACK`] while there is memory: where the stack cannot grow the program is killed without a word. So addresses
/// are asked for first, and where there are not so many the program ends with a sentence.
fn take_stack() {
    let Ok(layout) = Layout::array::<u8>(STACK + SPARE) else {
        return;
    };
    // SAFETY: the layout's size is not zero, and the block is given back as it came.
    unsafe {
        let block = black_box(ALLOCATOR.alloc(layout));
        System.dealloc(block, layout);
    }
    touch_stack();
}

/// What the stack grows by beside what is asked for: the callers' part, and whole pages.
const SPARE: usize = 1 << 16;

#[inline(never)]
fn touch_stack() {
    black_box([0u8; STACK]);
}
