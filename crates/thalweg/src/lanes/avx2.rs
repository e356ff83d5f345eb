//! Four lanes of `f64` (or `f32`) with AVX2 and FMA.
//!
//! Every `unsafe` here rests on one fact: a `__m256d` of this module reaches these methods only inside
//! [`dispatch`](super::dispatch), after the processor has been asked for the features. Loads and stores
//! check their slices' lengths first.

use std::arch::x86_64::*;

use super::dispatch::call_avx2;
use super::{Call, Lanes, Real};

impl Real for __m256d {
    type Scalar = f64;
    type Wide = __m256d;

    #[inline(always)]
    fn narrow(wide: __m256d) -> Self {
        wide
    }

    #[inline(always)]
    fn widen(self) -> __m256d {
        self
    }

    #[inline(always)]
    fn scalar(x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { _mm256_sub_pd(self, other) }
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { _mm256_fnmadd_pd(self, factor, addend) }
    }
}

impl Real for __m128 {
    type Scalar = f32;
    type Wide = __m256d;

    #[inline(always)]
    fn narrow(wide: __m256d) -> Self {
        unsafe { _mm256_cvtpd_ps(wide) }
    }

    #[inline(always)]
    fn widen(self) -> __m256d {
        unsafe { _mm256_cvtps_pd(self) }
    }

    #[inline(always)]
    fn scalar(x: f64) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { _mm_sub_ps(self, other) }
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { _mm_fnmadd_ps(self, factor, addend) }
    }
}

impl Lanes for __m256d {
    type Bits = __m256i;
    type Single = __m128;

    #[inline(always)]
    fn within<C: Call>(work: C) -> C::Output {
        unsafe { call_avx2(work) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        unsafe { _mm256_mul_pd(self, other) }
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        unsafe { _mm256_div_pd(self, other) }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        unsafe { _mm256_sqrt_pd(self) }
    }

    #[inline(always)]
    fn below(self, other: Self) -> u32 {
        unsafe { _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_LT_OQ>(self, other)) as u32 }
    }

    #[inline(always)]
    fn choose(mask: u32, yes: Self, no: Self) -> Self {
        unsafe {
            let lane = _mm256_set_epi64x(8, 4, 2, 1);
            let hit = _mm256_and_si256(_mm256_set1_epi64x(i64::from(mask)), lane);
            let taken = _mm256_castsi256_pd(_mm256_cmpeq_epi64(hit, lane));
            _mm256_blendv_pd(no, yes, taken)
        }
    }

    #[inline(always)]
    fn choose_by_top_bit(bits: __m256i, yes: Self, no: Self) -> Self {
        unsafe { _mm256_blendv_pd(no, yes, _mm256_castsi256_pd(bits)) }
    }

    #[inline(always)]
    fn to_bits(self) -> __m256i {
        unsafe { _mm256_castpd_si256(self) }
    }

    #[inline(always)]
    fn from_bits(bits: __m256i) -> Self {
        unsafe { _mm256_castsi256_pd(bits) }
    }

    #[inline(always)]
    fn bits(word: u64) -> __m256i {
        unsafe { _mm256_set1_epi64x(word as i64) }
    }

    #[inline(always)]
    fn load_bits(from: &[u64]) -> __m256i {
        unsafe { _mm256_loadu_si256(from[..4].as_ptr().cast()) }
    }

    #[inline(always)]
    fn bits_add(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_add_epi64(a, b) }
    }

    #[inline(always)]
    fn and(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn or(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    fn xor(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn shift_left<const N: u32>(a: __m256i) -> __m256i {
        unsafe { _mm256_sll_epi64(a, _mm_cvtsi32_si128(N as i32)) }
    }

    #[inline(always)]
    fn shift_right<const N: u32>(a: __m256i) -> __m256i {
        unsafe { _mm256_srl_epi64(a, _mm_cvtsi32_si128(N as i32)) }
    }

    #[inline(always)]
    fn widening_mul(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_mul_epu32(a, b) }
    }
}
