//! Numbers as a person reads them: six significant digits.

/// Significant digits of every number that does not need fewer.
const DIGITS: usize = 6;

/// Six significant digits; scientific outside 10⁻⁴ … 10⁷.
pub fn number(x: f64) -> String {
    significant(x, DIGITS)
}

/// Six significant digits, or as many as are known.
pub fn known(x: f64, digits: usize) -> String {
    significant(x, digits.min(DIGITS))
}

/// `digits` significant digits; scientific below 10⁻⁴, and from 10⁷ on or where more than two digits would not be known.
pub fn significant(x: f64, digits: usize) -> String {
    if x.is_nan() {
        return "undefined".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "∞" } else { "−∞" }.into();
    }
    if x == 0.0 {
        return "0".into();
    }
    let scientific = format!("{x:.*e}", digits - 1);
    // Rounding has been done: 9.999996 has become 1.00000e1.
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..=(digits as i32 + 1).min(6)).contains(&exponent) {
        let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
        trimmed(&format!("{x:.decimals$}")).into()
    } else {
        format!("{}e{exponent}", trimmed(mantissa))
    }
}

/// Rounded to three digits, the rest 0: some 30100.
pub fn about(x: f64) -> String {
    let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    significant(rounded, 3)
}

/// A part of a whole in per cent, with one decimal; 0/0 is undefined.
pub fn percent(part: f64) -> String {
    if part.is_finite() {
        format!("{:.1} %", 100.0 * part)
    } else {
        number(part)
    }
}

/// Without the zeros that say nothing.
fn trimmed(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{about, number, percent, significant};

    #[test]
    fn about_has_three_digits() {
        assert_eq!(about(30_081.4), "30100");
        assert_eq!(about(7.996), "8");
        assert_eq!(about(f64::INFINITY), "∞");
    }

    #[test]
    fn a_part_of_nothing_is_undefined() {
        assert_eq!(percent(0.455), "45.5 %");
        assert_eq!(percent(f64::NAN), "undefined");
    }

    /// A whole number is not spelled out where three of its digits are known.
    #[test]
    fn no_digit_is_made_up() {
        assert_eq!(significant(7_967_113.0, 3), "7.97e6");
        assert_eq!(significant(158.0, 2), "158");
    }

    #[test]
    fn six_digits_and_no_more() {
        for (x, text) in [
            (0.0, "0"),
            (12.0, "12"),
            (257.911_423_7, "257.911"),
            (9.999_999_6, "10"),
            (999_999.6, "1000000"),
            (1_234_567.0, "1234567"),
            (12_345_678.0, "1.23457e7"),
            (-0.000_123_456_78, "-0.000123457"),
            (0.000_012_5, "1.25e-5"),
            (f64::INFINITY, "∞"),
            (f64::NAN, "undefined"),
        ] {
            assert_eq!(number(x), text);
        }
    }
}
