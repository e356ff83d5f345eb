//! Lanes as arrays, of which the compiler makes what registers there are: 32 bytes of numbers.

use super::{Pack, Vector};

macro_rules! array {
    ($t:ty, $lanes:literal) => {
        impl Vector<$t> for [$t; $lanes] {
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
            fn positive_part(self) -> Self {
                let mut result = self;
                for l in 0..$lanes {
                    result[l] = if self[l] < 0.0 { 0.0 } else { self[l] };
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
        }

        impl Pack<$t> for [$t; $lanes] {
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
