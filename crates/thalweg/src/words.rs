//! Numbers in messages: short, whatever their size.

/// As it is written, with an exponent where it would otherwise be mostly zeros.
pub(crate) fn shown(x: f64) -> String {
    if x == 0.0 || !x.is_finite() || (1e-5..1e16).contains(&x.abs()) {
        x.to_string()
    } else {
        format!("{x:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

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
