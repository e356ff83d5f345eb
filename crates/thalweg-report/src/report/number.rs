//! Numbers for reading: a value to the precision that its error, or its reader, can use.

/// `value ± error`, the error with two digits and the value to the same place; a value without error
/// with five digits.
pub fn with_error(value: f64, error: Option<f64>) -> String {
    match error.filter(|e| *e > 0.0 && e.is_finite()) {
        Some(error) if (1e-4..1e6).contains(&error) && value.abs() < 1e6 => {
            let decimals = decimals(error);
            minus(format!("{value:.decimals$} ± {error:.decimals$}"))
        }
        Some(error) => format!("{} ± {}", plain(value), plain(error)),
        None => plain(value),
    }
}

/// An error alone, with two digits.
pub fn two_digits(error: f64) -> String {
    if (1e-4..1e6).contains(&error) {
        format!("{error:.0$}", decimals(error))
    } else {
        plain(error)
    }
}

/// Decimals that show two digits of an error.
fn decimals(error: f64) -> usize {
    (1.0 - error.log10().floor()).max(0.0) as usize
}

/// Five digits, with a power of ten where the value is very large or small.
pub fn plain(value: f64) -> String {
    if value == 0.0 {
        // −0 too.
        return "0".to_owned();
    }
    if !value.is_finite() {
        return format!("{value}");
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..6).contains(&exponent) {
        let mantissa = value / 10f64.powi(exponent);
        return minus(format!("{mantissa:.3}·10^{{{exponent}}}"));
    }
    let decimals = (4 - exponent).clamp(0, 7) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    minus(text.to_owned())
}

/// A fraction in percent with its sign; small ones as one digit with a power of ten.
pub fn percent(fraction: f64) -> String {
    if fraction == 0.0 {
        return "0".to_owned();
    }
    if fraction.abs() < 1e-4 {
        let text = format!("{fraction:.0e}");
        let (digit, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return minus(format!("{digit}·10^{{{exponent}}}"));
    }
    minus(format!("{:+.1} %", 100.0 * fraction))
}

fn minus(text: String) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_carry_the_digits_their_errors_allow() {
        assert_eq!(with_error(49.30338, Some(1.2394)), "49.3 ± 1.2");
        assert_eq!(with_error(-0.0123456, Some(0.00034)), "−0.01235 ± 0.00034");
        assert_eq!(with_error(1234.5, Some(67.0)), "1234 ± 67");
        assert_eq!(with_error(257.911_42, None), "257.91");
        assert_eq!(with_error(12.0, Some(0.0)), "12");
    }

    #[test]
    fn extremes_are_powers_of_ten() {
        assert_eq!(plain(1.5e9), "1.500·10^{9}");
        assert_eq!(plain(-2.5e-7), "−2.500·10^{−7}");
        assert_eq!(plain(100_000.0), "100000");
        assert_eq!(plain(f64::NAN), "NaN");
        assert_eq!(percent(-0.8088), "−80.9 %");
        assert_eq!(percent(3e-16), "3·10^{−16}");
        assert_eq!(percent(-8.2e-5), "−8·10^{−5}");
        assert_eq!(percent(9.6e-6), "1·10^{−5}");
        assert_eq!(plain(-0.0), "0");
    }
}
