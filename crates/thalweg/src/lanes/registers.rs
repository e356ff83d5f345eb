//! Registers of AVX2 and AVX-512 as lanes.
//!
//! Every `unsafe` here rests on one fact: a register reaches these methods only inside what
//! [`dispatch`](super::dispatch), [`vectorise`](super::vectorise) and the packs of tensors run, after the processor has been asked for its features. Loads and stores check their slices' lengths first.

use std::arch::x86_64::*;

use super::{Pack, Vector};

macro_rules! register {
    ($t:ty, $register:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $mul_add:ident, $max:ident) => {
        // What loads and stores touch.
        const _: () = assert!(size_of::<$register>() == $lanes * size_of::<$t>());

        impl Vector<$t> for $register {
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
            fn add(self, other: Self) -> Self {
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                unsafe { $mul_add(self, factor, addend) }
            }
            /// Of two zeros, and beside NaN, the instruction takes its second operand.
            #[inline(always)]
            fn positive_part(self) -> Self {
                unsafe { $max(<Self as Vector<$t>>::splat(0.0), self) }
            }
        }
    };
}

register!(
    f32,
    __m128,
    4,
    _mm_set1_ps,
    _mm_loadu_ps,
    _mm_storeu_ps,
    _mm_add_ps,
    _mm_fmadd_ps,
    _mm_max_ps
);
register!(
    f32,
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_fmadd_ps,
    _mm256_max_ps
);
register!(
    f64,
    __m256d,
    4,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_add_pd,
    _mm256_fmadd_pd,
    _mm256_max_pd
);
register!(
    f64,
    __m512d,
    8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_add_pd,
    _mm512_fmadd_pd,
    _mm512_max_pd
);
register!(
    f32,
    __m512,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_add_ps,
    _mm512_fmadd_ps,
    _mm512_max_ps
);

macro_rules! pack {
    ($t:ty, $register:ty, $halvings:ident) => {
        impl Pack<$t> for $register {
            #[inline(always)]
            fn sum(self) -> $t {
                let mut lanes = [0.0; <Self as Vector<$t>>::LANES];
                self.store(&mut lanes);
                lanes.sum()
            }
            #[inline(always)]
            fn sum_each(packs: &[Self], sums: &mut [$t]) {
                const LANES: usize = <$register as Vector<$t>>::LANES;
                let mut whole = packs.chunks_exact(LANES);
                let mut to = sums.chunks_exact_mut(LANES);
                for (packs, to) in (&mut whole).zip(&mut to) {
                    let mut all = [packs[0]; LANES];
                    all.copy_from_slice(packs);
                    $halvings(all).store(to);
                }
                let rest = to.into_remainder();
                if !rest.is_empty() {
                    let mut last = [Self::splat(0.0); LANES];
                    for (last, &pack) in last.iter_mut().zip(whole.remainder()) {
                        *last = pack;
                    }
                    let mut lanes = [0.0; LANES];
                    $halvings(last).store(&mut lanes);
                    for (sum, lane) in rest.iter_mut().zip(lanes) {
                        *sum = lane;
                    }
                }
            }
        }
    };
}

pack!(f32, __m256, halve_singles);
pack!(f64, __m256d, halve_doubles);

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
