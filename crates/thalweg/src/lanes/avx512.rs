//! Eight lanes of `f64` (or `f32`) with AVX-512.
//!
//! Every `unsafe` here rests on one fact: a `__m512d` of this module reaches these methods only inside
//! [`dispatch`](super::dispatch), after the processor has been asked for the features. Loads and stores
//! check their slices' lengths first.

use std::arch::x86_64::*;

use super::dispatch::call_avx512;
use super::{Call, Lanes, Real};

impl Real for __m512d {
    type Scalar = f64;
    type Wide = __m512d;

    #[inline(always)]
    fn narrow(wide: __m512d) -> Self {
        wide
    }

    #[inline(always)]
    fn widen(self) -> __m512d {
        self
    }

    #[inline(always)]
    fn scalar(x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { _mm512_sub_pd(self, other) }
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { _mm512_fnmadd_pd(self, factor, addend) }
    }
}

impl Real for __m256 {
    type Scalar = f32;
    type Wide = __m512d;

    #[inline(always)]
    fn narrow(wide: __m512d) -> Self {
        unsafe { _mm512_cvtpd_ps(wide) }
    }

    #[inline(always)]
    fn widen(self) -> __m512d {
        unsafe { _mm512_cvtps_pd(self) }
    }

    #[inline(always)]
    fn scalar(x: f64) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe { _mm256_sub_ps(self, other) }
    }

    #[inline(always)]
    fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
        unsafe { _mm256_fnmadd_ps(self, factor, addend) }
    }
}

impl Lanes for __m512d {
    type Bits = __m512i;
    type Single = __m256;

    #[inline(always)]
    fn within<C: Call>(work: C) -> C::Output {
        unsafe { call_avx512(work) }
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        unsafe { _mm512_mul_pd(self, other) }
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        unsafe { _mm512_div_pd(self, other) }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        unsafe { _mm512_sqrt_pd(self) }
    }

    #[inline(always)]
    fn below(self, other: Self) -> u32 {
        unsafe { u32::from(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(self, other)) }
    }

    #[inline(always)]
    fn choose(mask: u32, yes: Self, no: Self) -> Self {
        unsafe { _mm512_mask_blend_pd(mask as u8, no, yes) }
    }

    #[inline(always)]
    fn choose_by_top_bit(bits: __m512i, yes: Self, no: Self) -> Self {
        unsafe { _mm512_mask_blend_pd(_mm512_movepi64_mask(bits), no, yes) }
    }

    #[inline(always)]
    fn to_bits(self) -> __m512i {
        unsafe { _mm512_castpd_si512(self) }
    }

    #[inline(always)]
    fn from_bits(bits: __m512i) -> Self {
        unsafe { _mm512_castsi512_pd(bits) }
    }

    #[inline(always)]
    fn bits(word: u64) -> __m512i {
        unsafe { _mm512_set1_epi64(word as i64) }
    }

    #[inline(always)]
    fn load_bits(from: &[u64]) -> __m512i {
        unsafe { _mm512_loadu_si512(from[..8].as_ptr().cast()) }
    }

    #[inline(always)]
    fn bits_add(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi64(a, b) }
    }

    #[inline(always)]
    fn and(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn or(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn xor(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn shift_left<const N: u32>(a: __m512i) -> __m512i {
        unsafe { _mm512_slli_epi64::<N>(a) }
    }

    #[inline(always)]
    fn shift_right<const N: u32>(a: __m512i) -> __m512i {
        unsafe { _mm512_srli_epi64::<N>(a) }
    }

    #[inline(always)]
    fn widening_mul(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_mul_epu32(a, b) }
    }
}
