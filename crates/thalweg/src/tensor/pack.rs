//! The packs of each number, in which sums over the batch are taken in one order everywhere.

use super::Number;
use crate::lanes::{Pack, Vector};

/// A number that comes in packs. Registers are no part of it: they do not leave [`on_packs`].
pub trait Packs: Sized {
    /// Whether it is a floating-point number, such as registers hold.
    const PLAIN: bool;
    /// Lines are padded to a multiple of this many numbers, so that loops need no remainder.
    const PADDING: usize;
    /// A sum over the batch is this many sums, of columns that lie as far apart, added by halving: a pack's lanes.
    /// At most [`MOST_SUMS`], a power of 2.
    const PARTIAL_SUMS: usize;
    /// 32 bytes of floating-point numbers, or one of what is as large already.
    type Pack: Pack<Self>;
    /// Runs `work` on the same in registers of AVX2, of which the compiler makes no shuffles as it does of a tile of
    /// arrays.
    ///
    /// # Safety
    /// The processor must have AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    unsafe fn on_registers(work: impl Packed<Self>);
    /// Runs `work` in the widest registers that the processor has, else on packs: the same bits.
    fn on_widest(work: impl Laned<Self>) {
        #[cfg(target_arch = "x86_64")]
        if crate::lanes::has_avx2() {
            // SAFETY: the processor was just found to have both.
            return unsafe { lanes_avx2::<Self, Self::Pack>(work) };
        }
        work.run::<Self::Pack>();
    }
}

/// The largest [`Packs::PARTIAL_SUMS`].
pub(crate) const MOST_SUMS: usize = 8;

impl Packs for f32 {
    const PLAIN: bool = true;
    const PADDING: usize = 16;
    const PARTIAL_SUMS: usize = 8;
    type Pack = [f32; 8];
    #[cfg(target_arch = "x86_64")]
    unsafe fn on_registers(work: impl Packed<Self>) {
        // SAFETY: as the caller promised.
        unsafe { on_avx2::<Self, std::arch::x86_64::__m256>(work) }
    }
    #[cfg(target_arch = "x86_64")]
    fn on_widest(work: impl Laned<Self>) {
        use std::arch::x86_64::{__m256, __m512};
        // SAFETY: the processor is found to have what the registers need.
        unsafe {
            if crate::lanes::has_avx512() {
                lanes_avx512::<Self, __m512>(work);
            } else if crate::lanes::has_avx2() {
                lanes_avx2::<Self, __m256>(work);
            } else {
                work.run::<Self::Pack>();
            }
        }
    }
}

impl Packs for f64 {
    const PLAIN: bool = true;
    const PADDING: usize = 16;
    const PARTIAL_SUMS: usize = 4;
    type Pack = [f64; 4];
    #[cfg(target_arch = "x86_64")]
    unsafe fn on_registers(work: impl Packed<Self>) {
        // SAFETY: as the caller promised.
        unsafe { on_avx2::<Self, std::arch::x86_64::__m256d>(work) }
    }
    #[cfg(target_arch = "x86_64")]
    fn on_widest(work: impl Laned<Self>) {
        use std::arch::x86_64::{__m256d, __m512d};
        // SAFETY: the processor is found to have what the registers need.
        unsafe {
            if crate::lanes::has_avx512() {
                lanes_avx512::<Self, __m512d>(work);
            } else if crate::lanes::has_avx2() {
                lanes_avx2::<Self, __m256d>(work);
            } else {
                work.run::<Self::Pack>();
            }
        }
    }
}

/// A pack of one number.
#[derive(Clone, Copy)]
pub struct One<T>(T);

impl<T: Number> Vector<T> for One<T> {
    const LANES: usize = 1;
    #[inline(always)]
    fn splat(x: T) -> Self {
        Self(x)
    }
    #[inline(always)]
    fn load(from: &[T]) -> Self {
        Self(from[0])
    }
    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to[0] = self.0;
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        Self(self.0.mul_add(factor.0, addend.0))
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
    #[inline(always)]
    fn positive_part(self) -> Self {
        Self(self.0.positive_part())
    }
}

impl<T: Number> Pack<T> for One<T> {
    #[inline(always)]
    fn sum(self) -> T {
        self.0
    }
}

/// Packs that make up the partial sums of a sum over the batch.
#[inline(always)]
pub(crate) const fn sums<T: Packs, P: Pack<T>>() -> usize {
    T::PARTIAL_SUMS / P::LANES
}

/// The first [`sums`] of `parts`, and their lanes, added by halving.
#[inline(always)]
pub(crate) fn halve<T: Packs, P: Pack<T>>(mut parts: [P; MOST_SUMS]) -> T {
    let mut half = sums::<T, P>() / 2;
    while half > 0 {
        for q in 0..half {
            parts[q] = parts[q].add(parts[q + half]);
        }
        half /= 2;
    }
    parts[0].sum()
}

/// Work that is written for any pack. `run` must be `#[inline(always)]`, and so must all that it calls in hot
/// loops: code outside the instruction set's own function is compiled without it.
pub trait Packed<T> {
    /// Does the work.
    fn run<P: Pack<T>>(self);
}

/// Work that adds no lanes to one another, so that any number of them gives the same bits. `run` as in [`Packed`].
pub trait Laned<T> {
    /// Does the work.
    fn run<V: Vector<T>>(self);
}

/// `work` in vectors of the kind `V`, compiled for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn lanes_avx2<T, V: Vector<T>>(work: impl Laned<T>) {
    work.run::<V>();
}

/// The same for AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl")]
fn lanes_avx512<T, V: Vector<T>>(work: impl Laned<T>) {
    work.run::<V>();
}

/// Runs `work` on registers of AVX2 where the processor has them, else on arrays: the same bits.
pub(crate) fn on_packs<T: Packs>(work: impl Packed<T>) {
    #[cfg(target_arch = "x86_64")]
    if crate::lanes::has_avx2() {
        // SAFETY: the processor was just found to have both.
        return unsafe { T::on_registers(work) };
    }
    work.run::<T::Pack>();
}

/// `work` on packs of the kind `P`, compiled for AVX2. A function of its own: through a closure `work` was copied once more, and a
/// small network's step took a tenth longer.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn on_avx2<T: Packs, P: Pack<T>>(work: impl Packed<T>) {
    // What products of lines ask of a line's length.
    const { assert!(P::LANES == T::Pack::LANES) };
    work.run::<P>();
}
