//! How SGD steps and where it starts: options of every command that knows of η and B.

use std::str::FromStr;

use clap::Args;
use thalweg::simulate::InitialWeights;

#[derive(Debug, Args)]
#[command(next_help_heading = "SGD")]
pub struct StepArguments {
    /// η, the step size [unit: weight²/loss]
    #[arg(long, value_name = "η", value_parser = rate, allow_hyphen_values = true)]
    pub learning_rate: Option<f64>,
    /// B, the samples in a minibatch
    #[arg(long, value_name = "B", value_parser = count, allow_hyphen_values = true)]
    pub batch: Option<u64>,
}

impl StepArguments {
    /// B as a size in memory; [`count`] has seen that it is one.
    pub fn batch(&self) -> Option<usize> {
        self.batch.and_then(|batch| usize::try_from(batch).ok())
    }
}

/// Which of --learning-rate, --batch and --steps were not given.
pub fn missing(given: [bool; 3]) -> String {
    let flags = ["--learning-rate", "--batch", "--steps"].iter().zip(given);
    let missing: Vec<&str> = flags
        .filter_map(|(flag, given)| (!given).then_some(*flag))
        .collect();
    missing.join(", ")
}

/// Where random weights start.
#[derive(Debug, Args)]
#[command(next_help_heading = "SGD")]
pub struct StartArguments {
    /// Distribution of the initial weights [default: kaiming]
    ///
    /// `kaiming`: N(0, 1/fan_in). `xavier`: N(0, 2/(fan_in + fan_out)). Either takes a gain on its
    /// standard deviations, as in `kaiming:0.5`. `normal:S`: N(0, S²) in every layer.
    #[arg(long, value_name = "LAW")]
    pub init: Option<InitArgument>,
}

/// Any number; whether it makes sense is for what it describes to say.
pub fn number(text: &str) -> Result<f64, String> {
    let written = text.trim();
    written
        .parse()
        .map_err(|_| "a number is needed, such as 0.9 or 1e-4, with a point and not a comma".into())
}

/// A finite number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err("a finite number above 0 is needed".into())
    }
}

/// A learning rate: slow times are made of its square.
fn rate(text: &str) -> Result<f64, String> {
    match positive(text)? {
        rate if (1e-150..=1e150).contains(&rate) => Ok(rate),
        _ => Err("a learning rate from 1e-150 to 1e150 is needed".into()),
    }
}

/// A whole number from 1, also written as 1e6.
pub fn count(text: &str) -> Result<u64, String> {
    // Up to here every whole number is an f64.
    const MOST: f64 = (1u64 << 53) as f64;
    let whole = text.parse::<u64>().ok().or_else(|| {
        let value = text.parse::<f64>().ok()?;
        (value.fract() == 0.0 && (0.0..=MOST).contains(&value)).then_some(value as u64)
    });
    match whole {
        Some(value) if value > 0 && value <= MOST as u64 => Ok(value),
        _ => Err("a whole number from 1 to 2^53 is needed, such as 100000 or 1e5".into()),
    }
}

/// A seed of random numbers.
pub fn seed(text: &str) -> Result<u64, String> {
    let whole = text.trim().parse();
    whole.map_err(|_| {
        format!(
            "`{text}` is not a seed, a whole number from 0 to {}",
            u64::MAX
        )
    })
}

/// The law of the initial weights, as `kaiming`, `xavier:0.5` or `normal:0.1`.
#[derive(Clone, Debug)]
pub struct InitArgument(pub InitialWeights);

impl FromStr for InitArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, number) = match text.split_once(':') {
            Some((kind, number)) => (kind, Some(positive(number)?)),
            None => (text, None),
        };
        Ok(Self(match (kind, number) {
            ("kaiming", gain) => InitialWeights::Kaiming {
                gain: gain.unwrap_or(1.0),
            },
            ("xavier", gain) => InitialWeights::Xavier {
                gain: gain.unwrap_or(1.0),
            },
            ("normal", Some(deviation)) => InitialWeights::Normal { deviation },
            _ => {
                return Err(
                    "write kaiming, kaiming:GAIN, xavier, xavier:GAIN or normal:DEVIATION".into(),
                );
            }
        }))
    }
}

/// The seeds of the runs: a number of them, or a list.
#[derive(Clone, Debug)]
pub struct Seeds(pub Vec<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        /// The most runs that a number can ask for.
        const MOST: u64 = 1 << 20;
        if text.contains(',') {
            return Ok(Self(text.split(',').map(seed).collect::<Result<_, _>>()?));
        }
        match seed(text)? {
            many @ 1..=MOST => Ok(Self((0..many).collect())),
            _ => Err(format!("a number of seeds from 1 to {MOST} is needed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole() {
        assert_eq!(count("10"), Ok(10));
        assert_eq!(count("1e6"), Ok(1_000_000));
        for wrong in [
            "0",
            "-1",
            "1.5",
            "1e30",
            "nan",
            "",
            "ten",
            "18446744073709551615",
        ] {
            assert!(count(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_seed_is_told_what_is_one() {
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        for wrong in ["-1", "1.5", "", "18446744073709551616"] {
            let message = seed(wrong).unwrap_err();
            assert!(
                message.contains(wrong) && message.contains("from 0 to 18446744073709551615"),
                "{message}"
            );
        }
    }

    #[test]
    fn inits_are_read() {
        let read = |text: &str| text.parse::<InitArgument>().map(|init| init.0);
        assert_eq!(read("kaiming"), Ok(InitialWeights::Kaiming { gain: 1.0 }));
        assert_eq!(read("xavier:0.5"), Ok(InitialWeights::Xavier { gain: 0.5 }));
        assert_eq!(
            read("normal:0.1"),
            Ok(InitialWeights::Normal { deviation: 0.1 })
        );
        for wrong in ["normal", "kaiming:0", "kaiming:x", "he", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
