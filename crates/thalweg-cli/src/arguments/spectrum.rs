//! Spectra as they are written on the command line: `identity`, `1,0.1`, `power:1.5`, `spiked:2,10`.

use std::str::FromStr;

use thalweg::problem::spectrum;

use super::step::number;

/// The variances or singular values of one matrix.
#[derive(Clone, Debug, PartialEq)]
pub enum Spectrum {
    /// All 1.
    Identity,
    /// The standard deviations or singular values themselves; a single one is repeated.
    Values(Vec<f64>),
    /// i^−exponent.
    Power { exponent: f64 },
    /// The first `count` are `height`, the others 1.
    Spiked { count: usize, height: f64 },
}

/// What the numbers of a list mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Square roots of the wanted eigenvalues.
    Deviations,
    /// The wanted singular values.
    SingularValues,
}

/// Why a spectrum cannot have so many values.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// The spectrum's formula, or the square of a deviation, takes a value out of double precision.
    OutOfRange {
        /// Which value, from 1.
        number: usize,
        /// What came out.
        value: f64,
    },
    /// There are more spikes than values.
    Spikes {
        /// So many are asked for.
        found: usize,
        /// Of so many values.
        most: usize,
    },
}

impl Spectrum {
    /// How many values were listed, where that fixes a dimension.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Values(values) if values.len() > 1 => Some(values.len()),
            _ => None,
        }
    }

    /// The eigenvalues or singular values, `d` of them where the list itself does not say.
    ///
    /// # Errors
    /// When one of them cannot be told from 0 or from infinity, and is neither as given; when there are more spikes than values.
    pub fn values(&self, d: usize, meaning: Meaning) -> Result<Vec<f64>, Unfit> {
        if let Self::Spiked { count: found, .. } = *self
            && found > d
        {
            return Err(Unfit::Spikes { found, most: d });
        }
        let values = self.unchecked(d, meaning);
        let given_zero = |i: usize| match self {
            Self::Values(given) => given[i % given.len()] == 0.0,
            Self::Spiked { height, .. } => *height == 0.0,
            Self::Identity | Self::Power { .. } => false,
        };
        let lost = |&(i, value): &(usize, &f64)| !value.is_normal() && !given_zero(i);
        match values.iter().enumerate().find(lost) {
            None => Ok(values),
            Some((i, &value)) => Err(Unfit::OutOfRange {
                number: i + 1,
                value,
            }),
        }
    }

    fn unchecked(&self, d: usize, meaning: Meaning) -> Vec<f64> {
        match self {
            Self::Identity => spectrum::identity(d),
            Self::Power { exponent } => spectrum::power_law(d, *exponent),
            Self::Spiked { count, height } => spectrum::spiked(d, *count, *height),
            Self::Values(values) => {
                let all = match values[..] {
                    [value] => vec![value; d],
                    _ => values.clone(),
                };
                match meaning {
                    Meaning::SingularValues => all,
                    Meaning::Deviations => all.iter().map(|value| value * value).collect(),
                }
            }
        }
    }
}

impl FromStr for Spectrum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| match number(part) {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(format!(
                "`{part}` is not a finite number; write identity, numbers such as 10,0.1, \
                 power:EXPONENT or spiked:COUNT,HEIGHT"
            )),
        };
        if text == "identity" {
            return Ok(Self::Identity);
        }
        if let Some(exponent) = text.strip_prefix("power:") {
            return Ok(Self::Power {
                exponent: number(exponent)?,
            });
        }
        if let Some(spike) = text.strip_prefix("spiked:") {
            let (count, height) = spike
                .split_once(',')
                .ok_or("write spiked:COUNT,HEIGHT, for example spiked:2,10")?;
            let count = count
                .trim()
                .parse()
                .map_err(|_| format!("`{count}` is not a number of spikes"))?;
            return Ok(Self::Spiked {
                count,
                height: number(height)?,
            });
        }
        let values = text.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
        match values.iter().find(|value| **value < 0.0) {
            Some(value) => Err(format!(
                "{value} is negative; deviations and singular values are not"
            )),
            None => Ok(Self::Values(values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let read = |text: &str| text.parse::<Spectrum>();
        assert_eq!(read("identity"), Ok(Spectrum::Identity));
        assert_eq!(read("10,0.1"), Ok(Spectrum::Values(vec![10.0, 0.1])));
        assert_eq!(read("power:1.5"), Ok(Spectrum::Power { exponent: 1.5 }));
        let spiked = Spectrum::Spiked {
            count: 2,
            height: 10.0,
        };
        assert_eq!(read("spiked:2,10"), Ok(spiked));
        for wrong in [
            "",
            "1,",
            "nan",
            "1e999",
            "-1",
            "power:",
            "power:x",
            "spiked:2",
            "spiked:-1,2",
            "λ",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn deviations_are_squared_and_singular_values_are_not() {
        let list = Spectrum::Values(vec![10.0, 0.5]);
        assert_eq!(list.values(2, Meaning::Deviations).unwrap(), [100.0, 0.25]);
        assert_eq!(
            list.values(2, Meaning::SingularValues).unwrap(),
            [10.0, 0.5]
        );
        assert_eq!(
            Spectrum::Values(vec![3.0])
                .values(3, Meaning::Deviations)
                .unwrap(),
            [9.0; 3]
        );
    }

    #[test]
    fn what_leaves_double_precision_is_not_taken_for_0() {
        let lost = |text: &str, meaning| {
            let spectrum = text.parse::<Spectrum>().unwrap();
            spectrum.values(3, meaning).map_err(|unfit| match unfit {
                Unfit::OutOfRange { number, value } => (number, value),
                Unfit::Spikes { found, .. } => panic!("{found} spikes"),
            })
        };
        let deviations = Meaning::Deviations;
        assert_eq!(lost("1,1e-200,0", deviations), Err((2, 0.0)));
        assert_eq!(lost("1e200", deviations), Err((1, f64::INFINITY)));
        assert_eq!(lost("power:700", deviations), Err((3, 0.0)));
        assert_eq!(lost("power:-700", deviations), Err((3, f64::INFINITY)));
        assert_eq!(lost("1,0,0", deviations), Ok(vec![1.0, 0.0, 0.0]));
        assert_eq!(lost("1e-200", Meaning::SingularValues), Ok(vec![1e-200; 3]));
    }

    #[test]
    fn more_spikes_than_values_are_refused() {
        let of = |d| {
            let spectrum = "spiked:3,2".parse::<Spectrum>().unwrap();
            spectrum.values(d, Meaning::Deviations)
        };
        assert_eq!(of(3), Ok(vec![2.0; 3]));
        assert_eq!(of(2), Err(Unfit::Spikes { found: 3, most: 2 }));
    }
}
