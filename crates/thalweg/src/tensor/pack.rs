//! A few numbers at once, as sums over the batch are taken in one order everywhere.

use super::Number;

/// A fixed number of lanes.
pub trait Pack<T>: Copy {
    /// How many.
    const LANES: usize;
    /// All lanes `x`.
    fn splat(x: T) -> Self;
    /// The first lanes of `from`.
    fn load(from: &[T]) -> Self;
    /// Into the first lanes of `to`.
    fn store(self, to: &mut [T]);
    /// self · factor + addend, lane by lane.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// self + other, lane by lane.
    fn add(self, other: Self) -> Self;
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
        unsafe { with_avx2::<Self, std::arch::x86_64::__m256>(work) }
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
        unsafe { with_avx2::<Self, std::arch::x86_64::__m256d>(work) }
    }
}

/// A pack of one number.
#[derive(Clone, Copy)]
pub struct One<T>(T);

impl<T: Number> Pack<T> for One<T> {
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

/// Runs `work` on registers of AVX2 where the processor has them, else on arrays: the same bits.
pub(crate) fn on_packs<T: Packs>(work: impl Packed<T>) {
    #[cfg(target_arch = "x86_64")]
    if super::vectorise::has_avx2() {
        // SAFETY: the processor was just found to have both.
        return unsafe { T::on_registers(work) };
    }
    work.run::<T::Pack>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn with_avx2<T: Packs, P: Pack<T>>(work: impl Packed<T>) {
    work.run::<P>();
}

macro_rules! array {
    ($t:ty, $lanes:literal) => {
        impl Pack<$t> for [$t; $lanes] {
            const LANES: usize = $lanes;
            #[inline(always)]
            fn splat(x: $t) -> Self {
                [x; $lanes]
            }
            #[inline(always)]
            fn load(from: &[$t]) -> Self {
                let mut pack = [0.0; $lanes];
                pack.copy_from_slice(&from[..$lanes]);
                pack
            }
            #[inline(always)]
            fn store(self, to: &mut [$t]) {
                to[..$lanes].copy_from_slice(&self);
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                let mut result = addend;
                for l in 0..$lanes {
                    result[l] = self[l].mul_add(factor[l], addend[l]);
                }
                result
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                let mut result = self;
                for l in 0..$lanes {
                    result[l] += other[l];
                }
                result
            }
            #[inline(always)]
            fn sum(mut self) -> $t {
                let mut half = $lanes / 2;
                while half > 0 {
                    for l in 0..half {
                        self[l] += self[l + half];
                    }
                    half /= 2;
                }
                self[0]
            }
        }
    };
}

array!(f32, 8);
array!(f64, 4);

/// Every `unsafe` here rests on one fact: a register reaches these methods only inside [`on_packs`], after
/// the processor has been asked for AVX2 and FMA. Loads and stores check their slices' lengths first.
#[cfg(target_arch = "x86_64")]
mod registers {
    use std::arch::x86_64::*;

    use super::Pack;

    macro_rules! register {
        ($t:ty, $register:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $mul_add:ident, $add:ident, $halvings:ident) => {
            // What loads and stores touch, and what products of lines ask of a line's length.
            const _: () = assert!(size_of::<$register>() == $lanes * size_of::<$t>());
            const _: () = assert!($lanes == <<$t as super::Packs>::Pack as Pack<$t>>::LANES);

            impl Pack<$t> for $register {
                const LANES: usize = $lanes;
                #[inline(always)]
                fn splat(x: $t) -> Self {
                    unsafe { $splat(x) }
                }
                #[inline(always)]
                fn load(from: &[$t]) -> Self {
                    unsafe { $load(from[..$lanes].as_ptr()) }
                }
                #[inline(always)]
                fn store(self, to: &mut [$t]) {
                    unsafe { $store(to[..$lanes].as_mut_ptr(), self) }
                }
                #[inline(always)]
                fn mul_add(self, factor: Self, addend: Self) -> Self {
                    unsafe { $mul_add(self, factor, addend) }
                }
                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    unsafe { $add(self, other) }
                }
                #[inline(always)]
                fn sum(self) -> $t {
                    let mut lanes = [0.0; $lanes];
                    self.store(&mut lanes);
                    lanes.sum()
                }
                #[inline(always)]
                fn sum_each(packs: &[Self], sums: &mut [$t]) {
                    let mut whole = packs.chunks_exact($lanes);
                    let mut to = sums.chunks_exact_mut($lanes);
                    for (packs, to) in (&mut whole).zip(&mut to) {
                        let mut eight = [packs[0]; $lanes];
                        eight.copy_from_slice(packs);
                        $halvings(eight).store(to);
                    }
                    let rest = to.into_remainder();
                    if !rest.is_empty() {
                        let mut last = [Self::splat(0.0); $lanes];
                        for (last, &pack) in last.iter_mut().zip(whole.remainder()) {
                            *last = pack;
                        }
                        let mut lanes = [0.0; $lanes];
                        $halvings(last).store(&mut lanes);
                        for (sum, lane) in rest.iter_mut().zip(lanes) {
                            *sum = lane;
                        }
                    }
                }
            }
        };
    }

    register!(
        f32,
        __m256,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        halve_singles
    );
    register!(
        f64,
        __m256d,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd,
        halve_doubles
    );

    /// The sums of eight registers' lanes: each step adds halves, of two registers in one.
    #[inline(always)]
    fn halve_singles(x: [__m256; 8]) -> __m256 {
        unsafe {
            // Lanes 0–3 to lanes 4–7, of registers i and i + 4.
            let mut quarters = [x[0]; 4];
            for i in 0..4 {
                let low = _mm256_permute2f128_ps::<0x20>(x[i], x[i + 4]);
                let high = _mm256_permute2f128_ps::<0x31>(x[i], x[i + 4]);
                quarters[i] = _mm256_add_ps(low, high);
            }
            // Of each half's four lanes the first two to the others.
            let mut pairs = [x[0]; 2];
            for i in 0..2 {
                let (a, b) = (quarters[i], quarters[i + 2]);
                let first = _mm256_shuffle_ps::<0b01_00_01_00>(a, b);
                pairs[i] = _mm256_add_ps(first, _mm256_shuffle_ps::<0b11_10_11_10>(a, b));
            }
            // Of each pair the first to the second: registers 0, 2, 1, 3 and 4, 6, 5, 7.
            let [a, b] = pairs;
            let first = _mm256_shuffle_ps::<0b10_00_10_00>(a, b);
            let sums = _mm256_add_ps(first, _mm256_shuffle_ps::<0b11_01_11_01>(a, b));
            _mm256_permute_ps::<0b11_01_10_00>(sums)
        }
    }

    /// The sums of four registers' lanes.
    #[inline(always)]
    fn halve_doubles(x: [__m256d; 4]) -> __m256d {
        unsafe {
            let mut pairs = [x[0]; 2];
            for i in 0..2 {
                let low = _mm256_permute2f128_pd::<0x20>(x[i], x[i + 2]);
                let high = _mm256_permute2f128_pd::<0x31>(x[i], x[i + 2]);
                pairs[i] = _mm256_add_pd(low, high);
            }
            let [a, b] = pairs;
            _mm256_add_pd(_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b))
        }
    }
}
