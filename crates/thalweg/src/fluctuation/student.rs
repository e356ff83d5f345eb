//! Student's t: how many standard errors a mean's confidence interval reaches to each side.

/// A point of the normal law that a value of it passes, to either side, with the chance 1 − `within`.
struct Point {
    z: f64,
    within: f64,
}

const TWENTIETH: Point = Point {
    z: 1.959_963_984_540_054,
    within: 0.95,
};

const HUNDREDTH: Point = Point {
    z: 2.575_829_303_548_901,
    within: 0.99,
};

/// From here on the expansion in 1/ν is right to ten digits.
const MANY: usize = 100;

/// t with P(|t_ν| ≤ t) = 95 % for ν degrees of freedom; infinite for none.
///
/// (mean − μ)/(s/√N) of N independent normal values follows Student's law with ν = N − 1.
///
/// ```
/// // Of two values, and of very many.
/// assert!((thalweg::fluctuation::student::reach(1) - 12.706).abs() < 1e-3);
/// assert!((thalweg::fluctuation::student::reach(1_000_000) - 1.95997).abs() < 1e-5);
/// ```
pub fn reach(degrees: usize) -> f64 {
    TWENTIETH.of(degrees)
}

/// t that chance passes to either side once in 100 times: from there on a mean of ν + 1 values counts as clear of 0, in its standard errors.
///
/// ```
/// // Of two values, of five, and of very many.
/// assert!((thalweg::fluctuation::student::clear(1) - 63.66).abs() < 0.01);
/// assert!((thalweg::fluctuation::student::clear(4) - 4.604).abs() < 1e-3);
/// assert!((thalweg::fluctuation::student::clear(1_000_000) - 2.5758).abs() < 1e-4);
/// ```
pub fn clear(degrees: usize) -> f64 {
    HUNDREDTH.of(degrees)
}

impl Point {
    /// The same point of Student's law.
    fn of(&self, degrees: usize) -> f64 {
        match degrees {
            0 => f64::INFINITY,
            degrees if degrees < MANY => within(degrees, self.within),
            degrees => expansion(degrees, self.z),
        }
    }
}

/// By halving, from the law's own sum.
fn within(degrees: usize, chance: f64) -> f64 {
    // Of one degree it is 12.7 and 63.7, and it falls with each more.
    let (mut low, mut high) = (0.0, 64.0);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if probability(middle, degrees) < chance {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// P(|t_ν| ≤ t), with θ = arctan(t/√ν) (Abramowitz and Stegun, 26.7.3 and 26.7.4):
/// sin θ (1 + ½ cos²θ + ½·¾ cos⁴θ + … up to cos^{ν−2}θ) for even ν, and
/// (2/π)(θ + sin θ (cos θ + ⅔ cos³θ + ⅔·⅘ cos⁵θ + … up to cos^{ν−2}θ)) for odd ν.
fn probability(t: f64, degrees: usize) -> f64 {
    let angle = (t / (degrees as f64).sqrt()).atan();
    let (sin, cos) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    let (mut power, mut term) = if odd { (1, cos) } else { (0, 1.0) };
    let mut sum = 0.0;
    while power + 2 <= degrees {
        sum += term;
        term *= cos * cos * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    if odd {
        (angle + sin * sum) * std::f64::consts::FRAC_2_PI
    } else {
        sin * sum
    }
}

/// In powers of 1/ν, about the normal law's z (Abramowitz and Stegun, 26.7.5).
fn expansion(degrees: usize, z: f64) -> f64 {
    let nu = degrees as f64;
    let s = z * z;
    let terms = [
        z * (s + 1.0) / 4.0,
        z * ((5.0 * s + 16.0) * s + 3.0) / 96.0,
        z * (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0,
        z * ((((79.0 * s + 776.0) * s + 1482.0) * s - 1920.0) * s - 945.0) / 92_160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| (sum + term) / nu) + z
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, StudentsT};

    use super::*;

    /// Printed tables of the two-sided 95 % points.
    #[test]
    fn table_values() {
        for (degrees, table) in [
            (1, 12.7062),
            (2, 4.3027),
            (3, 3.1824),
            (4, 2.7764),
            (5, 2.5706),
            (9, 2.2622),
            (10, 2.2281),
            (15, 2.1314),
            (30, 2.0423),
            (60, 2.0003),
            (120, 1.9799),
        ] {
            let found = reach(degrees);
            assert!((found - table).abs() < 6e-5, "{degrees}: {found}");
        }
        assert_eq!(reach(0), f64::INFINITY);
        assert!((reach(usize::MAX) - TWENTIETH.z).abs() < 1e-15);
    }

    /// Against the distribution function of another implementation, on both sides of the change of method.
    #[test]
    fn the_law_itself() {
        for degrees in [1, 2, 3, 6, 7, 50, 99, 100, 101, 400, 10_000] {
            let law = StudentsT::new(0.0, 1.0, degrees as f64).unwrap();
            let tail = law.sf(reach(degrees));
            assert!((tail - 0.025).abs() < 1e-9, "{degrees}: {tail}");
        }
    }
}
