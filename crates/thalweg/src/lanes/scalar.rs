//! One lane: plain `f64` and `f32`, the fallback and the form for numbers drawn one at a time.

use super::{Call, Lanes, Real, Vector};

macro_rules! real {
    ($t:ty) => {
        impl Vector<$t> for $t {
            const LANES: usize = 1;
            #[inline(always)]
            fn splat(x: $t) -> Self {
                x
            }
            #[inline(always)]
            fn load(from: &[$t]) -> Self {
                from[0]
            }
            #[inline(always)]
            fn store(self, to: &mut [$t]) {
                to[0] = self;
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                <$t>::mul_add(self, factor, addend)
            }
            #[inline(always)]
            fn positive_part(self) -> Self {
                if self < 0.0 { 0.0 } else { self }
            }
        }

        impl Real for $t {
            type Scalar = $t;
            type Wide = f64;

            #[inline(always)]
            fn narrow(wide: f64) -> Self {
                wide as $t
            }
            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn scalar(x: f64) -> $t {
                x as $t
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn neg_mul_add(self, factor: Self, addend: Self) -> Self {
                <$t>::mul_add(-self, factor, addend)
            }
        }
    };
}

real!(f64);
real!(f32);

impl Lanes for f64 {
    type Bits = u64;
    type Single = f32;

    #[inline(never)]
    fn within<C: Call>(work: C) -> C::Output {
        work.call()
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self * other
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self / other
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn below(self, other: Self) -> u32 {
        u32::from(self < other)
    }
    #[inline(always)]
    fn choose(mask: u32, yes: Self, no: Self) -> Self {
        if mask & 1 == 1 { yes } else { no }
    }
    #[inline(always)]
    fn choose_by_top_bit(bits: u64, yes: Self, no: Self) -> Self {
        if bits >> 63 == 1 { yes } else { no }
    }
    #[inline(always)]
    fn to_bits(self) -> u64 {
        f64::to_bits(self)
    }
    #[inline(always)]
    fn from_bits(bits: u64) -> Self {
        f64::from_bits(bits)
    }
    #[inline(always)]
    fn bits(word: u64) -> u64 {
        word
    }
    #[inline(always)]
    fn load_bits(from: &[u64]) -> u64 {
        from[0]
    }
    #[inline(always)]
    fn bits_add(a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn and(a: u64, b: u64) -> u64 {
        a & b
    }
    #[inline(always)]
    fn or(a: u64, b: u64) -> u64 {
        a | b
    }
    #[inline(always)]
    fn xor(a: u64, b: u64) -> u64 {
        a ^ b
    }
    #[inline(always)]
    fn shift_left<const N: u32>(a: u64) -> u64 {
        a << N
    }
    #[inline(always)]
    fn shift_right<const N: u32>(a: u64) -> u64 {
        a >> N
    }
    #[inline(always)]
    fn widening_mul(a: u64, b: u64) -> u64 {
        (a & 0xffff_ffff) * (b & 0xffff_ffff)
    }
}
