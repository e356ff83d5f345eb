//! Numbers in messages: short, whatever their size.

/// As it is written, with an exponent where it would otherwise be mostly zeros.
pub fn shown(x: f64) -> String {
    if x == 0.0 || !x.is_finite() || (1e-5..1e16).contains(&x.abs()) {
        x.to_string()
    } else {
        format!("{x:e}")
    }
}

/// Four digits of it at most, with an exponent outside 10⁻⁴ … 10⁶.
pub fn rounded(x: f64) -> String {
    let x: f64 = format!("{x:.3e}").parse().unwrap_or(x);
    if x == 0.0 || !x.is_finite() || (1e-4..1e6).contains(&x.abs()) {
        x.to_string()
    } else {
        format!("{x:e}")
    }
}

/// So many of what one is called by `one`: "1 layer", "3 layers".
pub fn counted(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

/// "by up to …": the largest of some fractions in per cent, and the last, unless that is the largest.
pub(crate) fn by_up_to(largest: f64, last: f64) -> String {
    let [largest, last] = [largest, last].map(|part| format!("{:.1} %", 100.0 * part));
    if largest == last {
        format!("by up to {largest}, as much as that at the last step")
    } else {
        format!("by up to {largest}, and at the last step by up to {last}")
    }
}

#[cfg(test)]
mod tests {
    use super::{by_up_to, rounded, shown};

    #[test]
    fn what_is_largest_at_the_end_is_said_once() {
        assert_eq!(
            by_up_to(0.058, 0.012),
            "by up to 5.8 %, and at the last step by up to 1.2 %"
        );
        assert_eq!(
            by_up_to(0.058, 0.0579),
            "by up to 5.8 %, as much as that at the last step"
        );
    }

    #[test]
    fn no_message_has_digits_that_nobody_needs() {
        for (x, text) in [
            (2.000_000_001, "2"),
            (-1e-9, "-1e-9"),
            (0.000_123_456, "0.0001235"),
            (27_031.4, "27030"),
            (1_234_567.0, "1.235e6"),
            (0.0, "0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(rounded(x), text);
        }
    }

    #[test]
    fn no_message_is_filled_with_zeros() {
        for (x, text) in [
            (0.0, "0"),
            (-2.5, "-2.5"),
            (1e300, "1e300"),
            (-3e-200, "-3e-200"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(shown(x), text);
        }
    }
}
