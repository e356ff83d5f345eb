//! How SGD steps and where it starts: options of every command that knows of η and B.

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "SGD")]
pub struct StepArguments {
    /// η, the step size [unit: weight²/loss]
    #[arg(long, value_name = "η", value_parser = positive)]
    pub learning_rate: Option<f64>,
    /// B, the samples in a minibatch
    #[arg(long, value_name = "B", value_parser = count)]
    pub batch: Option<u64>,
}

/// A finite number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("a finite number above 0 is needed".into()),
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
}
