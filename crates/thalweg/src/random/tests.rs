//! The generators in law and to the last bit. Fixed seeds; every p-value below 1e-4 fails, two-sided, so a
//! correct generator fails one of the seventeen comparisons with a chance below 0.2 %.

use statrs::distribution::{ChiSquared, ContinuousCDF, Laplace, Normal, StudentsT, Uniform};

use super::functions::{circle, exp_m1, ln, scaled_ln};
use super::{
    FEW_DEGREES, Purpose, Streams, centred_uniform, chi_square_even, chi_square_many, laplace,
    normal_pair, philox4x32_10, student,
};

/// A law's name, a sample, and the distribution function it should have.
type Case = (&'static str, Vec<f64>, Box<dyn Fn(f64) -> f64>);

const DRAWS: u64 = 40_000;
const LEAST_P: f64 = 1e-4;

/// P(K > √n D), Kolmogorov's limit law, for the distance D between `sample` and `cdf`.
pub(crate) fn kolmogorov_smirnov(sample: &mut [f64], cdf: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = sample.iter().enumerate().fold(0.0f64, |d, (i, &x)| {
        let p = cdf(x);
        d.max((p - i as f64 / n).abs())
            .max(((i + 1) as f64 / n - p).abs())
    });
    kolmogorov_tail(n.sqrt() * distance)
}

/// 2 Σ_j (−1)^{j−1} exp(−2 j² x²).
pub(crate) fn kolmogorov_tail(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    let term = |j: i32| (-2.0 * f64::from(j * j) * x * x).exp() * f64::from(1 - 2 * ((j + 1) % 2));
    (2.0 * (1..100).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

fn blocks(seed: u64) -> impl Iterator<Item = [u64; 4]> {
    let streams = Streams::<f64>::new(&[seed]);
    (0..DRAWS).map(move |step| streams.block([step, 0, 0, Purpose::Batches as u64]))
}

#[test]
fn vector_philox_is_philox() {
    for seed in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
        let streams = Streams::<f64>::new(&[seed]);
        for counter in [[0; 4], [u32::MAX; 4], [7, 8, 9, 10]] {
            let block = streams.block(counter.map(u64::from)).map(|w| w as u32);
            assert_eq!(
                block,
                philox4x32_10([seed as u32, (seed >> 32) as u32], counter)
            );
        }
    }
}

#[test]
fn words_are_filled_block_by_block() {
    let streams = Streams::<f64>::new(&[3]);
    for count in 0..10 {
        let mut words = vec![[0; 4]; count];
        streams.fill(u64::MAX - 7, 5, 9, &mut words);
        for (slot, filled) in (5..).zip(&words) {
            let block = streams.block([0xffff_fff8, 0xffff_ffff, slot, 9]);
            assert_eq!(*filled, block, "{count}, {slot}");
        }
    }
}

#[test]
fn scaling_a_logarithm_rounds_nothing() {
    for block in blocks(5) {
        let words = block.map(|word| f64::from(word as u32) + 0.5);
        let x = 2f64.powi(-32);
        for word in words {
            let exact = ln(word * x) * -2.0;
            assert_eq!(scaled_ln(word, 32, -2.0).to_bits(), exact.to_bits());
        }
        let (product, x) = (words.iter().product::<f64>(), 2f64.powi(-128));
        let exact = ln(product * x) * -2.0;
        assert_eq!(scaled_ln(product, 128, -2.0).to_bits(), exact.to_bits());
    }
}

#[test]
fn functions_are_accurate() {
    for block in blocks(3) {
        let x = (block[0] as u32 as f64 + 0.5) * (f64::from(block[1] as u32 % 200) - 100.0).exp2();
        assert!((ln(x) - x.ln()).abs() <= 4.5e-16 * x.ln().abs(), "ln {x}");
        let near = 1.0 - f64::from(block[2] as u32) * 2f64.powi(-40);
        assert!(
            (ln(near) - near.ln()).abs() <= 4.5e-16 * near.ln().abs(),
            "ln {near}"
        );
        let y = f64::from(block[3] as u32) * 45.0 / 4_294_967_296.0;
        for y in [y, y * 1e-3, y * 1e-9] {
            assert!(
                (exp_m1(y) - y.exp_m1()).abs() <= 6.7e-16 * y.exp_m1(),
                "exp {y}"
            );
        }
        let (a, b) = circle::<f64>(block[1]);
        assert!((a * a + b * b - 1.0).abs() < 5e-16);
    }
}

#[test]
fn normals_and_noise_laws() {
    let normal = Normal::standard();
    let mut samples: Vec<Case> = vec![
        (
            "first normal",
            blocks(1)
                .map(|b| normal_pair::<f64>(b[0], b[1]).0)
                .collect(),
            Box::new(move |x| normal.cdf(x)),
        ),
        (
            "second normal",
            blocks(1)
                .map(|b| normal_pair::<f64>(b[0], b[1]).1)
                .collect(),
            Box::new(move |x| normal.cdf(x)),
        ),
        (
            "Laplace",
            blocks(2).map(|b| laplace::<f64>(b[0])).collect(),
            Box::new(|x| Laplace::new(0.0, 0.5f64.sqrt()).unwrap().cdf(x)),
        ),
        (
            "uniform",
            blocks(3).map(|b| centred_uniform::<f64>(b[0])).collect(),
            Box::new(|x| Uniform::new(-(3f64.sqrt()), 3f64.sqrt()).unwrap().cdf(x)),
        ),
    ];
    for degrees in [2.5f64, 5.0] {
        let scale = (degrees / (degrees - 2.0)).sqrt();
        samples.push((
            "Student",
            blocks(4).map(|b| student::<f64>(&b, degrees)).collect(),
            Box::new(move |x| StudentsT::new(0.0, 1.0, degrees).unwrap().cdf(scale * x)),
        ));
    }
    for (name, mut sample, cdf) in samples {
        let p = kolmogorov_smirnov(&mut sample, cdf);
        assert!(p > LEAST_P, "{name}: p = {p:e}");
    }
}

/// The correlations of a pair, of its squares and of two seeds' numbers, each N(0, 1/n) or nearly.
#[test]
fn normals_are_uncorrelated() {
    let pairs: Vec<(f64, f64)> = blocks(1).map(|b| normal_pair::<f64>(b[0], b[1])).collect();
    let others = blocks(2).map(|b| normal_pair::<f64>(b[0], b[1]));
    let n = (DRAWS as f64).sqrt();
    let product: f64 = pairs.iter().map(|(a, b)| a * b).sum::<f64>() / n;
    let squares: f64 = pairs
        .iter()
        .map(|(a, b)| (a * a - 1.0) * (b * b - 1.0) / 2.0)
        .sum::<f64>()
        / n;
    let seeds: f64 = pairs
        .iter()
        .zip(others)
        .map(|(p, q)| p.0 * q.0)
        .sum::<f64>()
        / n;
    let steps: f64 = pairs.windows(2).map(|w| w[0].0 * w[1].0).sum::<f64>() / n;
    for (name, z) in [
        ("pair", product),
        ("squares", squares),
        ("seeds", seeds),
        ("steps", steps),
    ] {
        // Two-sided 1e-4 of a standard normal.
        assert!(z.abs() < 3.89, "{name}: z = {z}");
    }
}

#[test]
fn chi_square_few_and_many() {
    let few = |degrees: usize| -> Vec<f64> {
        let streams = Streams::<f64>::new(&[degrees as u64]);
        let draw = |step| {
            let mut words = [[0; 4]; 5];
            streams.fill(step, 0, Purpose::Batches as u32, &mut words);
            let words = words.as_flattened();
            let even = chi_square_even::<f64>(words[..degrees / 2].iter());
            let odd = normal_pair::<f64>(words[16], words[17]).0;
            even + if degrees % 2 == 1 { odd * odd } else { 0.0 }
        };
        (0..DRAWS).map(draw).collect()
    };
    let many = |degrees: usize| -> Vec<f64> {
        let streams = Streams::<f64>::new(&[degrees as u64]);
        let draw = |step| chi_square_many(&streams, degrees as f64, step, 0, 3);
        (0..DRAWS).map(draw).collect()
    };
    for degrees in [1, 2, 9, FEW_DEGREES, FEW_DEGREES + 1, 100, 10_000] {
        let mut sample = if degrees <= FEW_DEGREES {
            few(degrees)
        } else {
            many(degrees)
        };
        let law = ChiSquared::new(degrees as f64).unwrap();
        let p = kolmogorov_smirnov(&mut sample.clone(), |x| law.cdf(x));
        assert!(p > LEAST_P, "{degrees} degrees: p = {p:e}");
        // The comparison can fail: one degree more or less, where the sample can tell, is refused.
        if degrees <= 100 {
            let wrong = ChiSquared::new(degrees as f64 + 1.0).unwrap();
            assert!(kolmogorov_smirnov(&mut sample, |x| wrong.cdf(x)) < 1e-6);
        }
    }
}
