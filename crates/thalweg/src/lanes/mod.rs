//! Several numbers at once: one layer of vectors over AVX-512, AVX2, arrays and plain scalars.
//!
//! Code written against [`Lanes`] or [`Pack`] gives the same bits in every implementation: each operation is one
//! correctly rounded IEEE operation per lane, `mul_add` is fused everywhere, and where lanes are added, they are by
//! halving. What runs is chosen at run time: [`dispatch`] picks the widest lanes that the processor has;
//! [`vectorise`], and the packs of tensors, stay with AVX2, since wider ones made their short loops slower; products that add no
//! lanes have the widest.

mod array;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod condition;
mod dispatch;
pub(crate) mod numbers;
#[cfg(target_arch = "x86_64")]
mod registers;
mod scalar;
pub(crate) mod tridiagonal;

pub(crate) use dispatch::{Call, Task, dispatch, vectorise};
#[cfg(test)]
pub(crate) use dispatch::{Isa, dispatch_on, forced};
#[cfg(target_arch = "x86_64")]
pub(crate) use dispatch::{has_avx2, has_avx512};

/// A fixed number of lanes, each a `T`.
pub trait Vector<T>: Copy {
    /// How many lanes.
    const LANES: usize;

    /// All lanes `x`.
    fn splat(x: T) -> Self;
    /// The first lanes of `from`, which must hold at least that many.
    fn load(from: &[T]) -> Self;
    /// Into the first lanes of `to`, which must hold at least that many.
    fn store(self, to: &mut [T]);
    /// self + other, lane by lane.
    fn add(self, other: Self) -> Self;
    /// self · factor + addend, lane by lane, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// max(self, 0), lane by lane; NaN and −0 stay.
    fn positive_part(self) -> Self;
}

/// Lanes that can be added to one number.
pub trait Pack<T>: Vector<T> {
    /// The sum of all lanes, by halving.
    fn sum(self) -> T;
    /// The same for each of `packs`, into `sums`.
    #[inline(always)]
    fn sum_each(packs: &[Self], sums: &mut [T]) {
        for (sum, pack) in sums.iter_mut().zip(packs) {
            *sum = pack.sum();
        }
    }
}

/// A vector of numbers in one precision, with as many lanes as its `Wide` form.
pub(crate) trait Real: Vector<<Self as Real>::Scalar> + Send + Sync {
    /// One lane.
    type Scalar: Real<Scalar = Self::Scalar, Wide = f64> + Default;
    /// The double precision vector with as many lanes.
    type Wide: Lanes;

    fn narrow(wide: Self::Wide) -> Self;
    fn widen(self) -> Self::Wide;
    /// The nearest number to `x`, in the vector's precision.
    fn scalar(x: f64) -> Self::Scalar;
    /// All lanes the nearest number to `x`.
    #[inline(always)]
    fn constant(x: f64) -> Self {
        Self::splat(Self::scalar(x))
    }
    fn sub(self, other: Self) -> Self;
    /// addend − self · factor, rounded once.
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self;
}

/// A vector of `f64` with the bit operations that random numbers and elementary functions are made of.
pub(crate) trait Lanes: Real<Scalar = f64, Wide = Self> + 'static {
    /// The same lanes as 64-bit words.
    type Bits: Copy + Send + Sync;
    /// The single precision vector with as many lanes.
    type Single: Real<Wide = Self, Scalar = f32>;

    /// Runs `work` as a function of its own, compiled for these lanes.
    fn within<C: Call>(work: C) -> C::Output;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// Bit l is set where lane l of `self` is below `other`; clear for NaN.
    fn below(self, other: Self) -> u32;
    /// `yes` in the lanes whose bit in `mask` is set, `no` elsewhere.
    fn choose(mask: u32, yes: Self, no: Self) -> Self;
    /// `yes` in the lanes where the top bit of `bits` is set, `no` elsewhere.
    fn choose_by_top_bit(bits: Self::Bits, yes: Self, no: Self) -> Self;

    fn to_bits(self) -> Self::Bits;
    fn from_bits(bits: Self::Bits) -> Self;
    fn bits(word: u64) -> Self::Bits;
    /// The first lanes of `from`, which must hold at least that many.
    fn load_bits(from: &[u64]) -> Self::Bits;
    fn bits_add(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    fn and(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    fn or(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    fn xor(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    fn shift_left<const N: u32>(a: Self::Bits) -> Self::Bits;
    fn shift_right<const N: u32>(a: Self::Bits) -> Self::Bits;
    /// The product of the low halves of a and b.
    fn widening_mul(a: Self::Bits, b: Self::Bits) -> Self::Bits;
}
