//! Where an axis is marked and what stands there, linear and logarithmic.

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// In the data's units.
    pub value: f64,
    /// What is written at it; nothing at a minor mark.
    pub label: Option<String>,
}

/// Marks at round numbers between `low` and `high`, about `wanted` of them; none on an axis without end.
pub fn linear(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    if !(high - low).is_finite() {
        return Vec::new();
    }
    let raw = (high - low) / wanted.max(1) as f64;
    let decade = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|m| m * decade)
        .into_iter()
        .find(|&step| step >= raw * (1.0 - 1e-9))
        .unwrap_or(raw);
    // Counting marks, instead of adding steps, keeps 0.3 from becoming 0.30000000000000004.
    let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
    let count = (last - first) as usize + 1;
    let largest = low.abs().max(high.abs());
    (0..count)
        .map(|i| {
            let value = (first + i as f64) * step;
            Tick {
                value,
                label: Some(linear_label(value, step, largest)),
            }
        })
        .collect()
}

fn linear_label(value: f64, step: f64, largest: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = largest.log10().floor() as i32;
    if (-3..5).contains(&exponent) {
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        return minus(format!("{value:.decimals$}"));
    }
    let scale = 10f64.powi(exponent);
    let decimals = (-(step / scale).log10().floor()).max(0.0) as usize;
    minus(format!("{:.decimals$}·10^{{{exponent}}}", value / scale))
}

/// Marks at powers of ten between `low` and `high` (both > 0), with minor marks between; over less
/// than two decades the marks at 2 and 5 carry labels too.
pub fn logarithmic(low: f64, high: f64) -> Vec<Tick> {
    if !(low > 0.0 && high.is_finite()) {
        return Vec::new();
    }
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let decades = high.log10() - low.log10();
    if decades < 0.6 {
        return linear(low, high, 4);
    }
    let every = (decades / 7.0).ceil() as i32;
    let powers = first < -2 || last > 3;
    let inside = |value: f64| value >= low * (1.0 - 1e-9) && value <= high * (1.0 + 1e-9);
    let mut ticks = Vec::new();
    for exponent in first..=last {
        for multiple in 1..10 {
            let value = f64::from(multiple) * 10f64.powi(exponent);
            let labelled = match multiple {
                1 => exponent.rem_euclid(every) == 0,
                2 | 5 => decades < 2.0,
                _ => false,
            };
            if inside(value) && (labelled || every == 1) {
                let label = labelled.then(|| logarithmic_label(multiple, exponent, powers));
                ticks.push(Tick { value, label });
            }
        }
    }
    ticks
}

fn logarithmic_label(multiple: i32, exponent: i32, powers: bool) -> String {
    match (powers, multiple) {
        (true, 1) => format!("10^{{{}}}", minus(exponent.to_string())),
        (true, _) => format!("{multiple}·10^{{{}}}", minus(exponent.to_string())),
        (false, _) => {
            let decimals = (-exponent).max(0) as usize;
            format!("{:.decimals$}", f64::from(multiple) * 10f64.powi(exponent))
        }
    }
}

/// A hyphen as the sign it stands for.
fn minus(text: String) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().filter_map(|t| t.label.as_deref()).collect()
    }

    #[test]
    fn an_axis_without_end_has_no_marks() {
        assert!(linear(-1e308, 1e308, 5).is_empty());
        assert!(logarithmic(1.0, f64::INFINITY).is_empty());
        assert!(logarithmic(0.0, 1.0).is_empty());
    }

    #[test]
    fn linear_marks_are_round_and_uniformly_written() {
        assert_eq!(
            labels(&linear(0.0, 1.0, 5)),
            ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(&linear(-3.2, 4.1, 4)), ["−2", "0", "2", "4"]);
        assert_eq!(
            labels(&linear(7.9, 8.3, 4)),
            ["7.9", "8.0", "8.1", "8.2", "8.3"]
        );
        assert_eq!(
            labels(&linear(0.0, 1e7, 4)),
            ["0", "0.5·10^{7}", "1.0·10^{7}"]
        );
        assert_eq!(linear(0.0, 1.0, 10)[3].value, 3.0 * 0.1);
    }

    #[test]
    fn logarithmic_marks_are_powers_with_minor_marks() {
        let wide = logarithmic(100.0, 1e7);
        assert_eq!(
            labels(&wide),
            ["10^{2}", "10^{3}", "10^{4}", "10^{5}", "10^{6}", "10^{7}"]
        );
        assert_eq!(wide.len(), 5 * 9 + 1);
        assert_eq!(labels(&logarithmic(3.0, 60.0)), ["5", "10", "20", "50"]);
        assert_eq!(
            labels(&logarithmic(0.02, 1.0)),
            ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]
        );
        assert_eq!(
            labels(&logarithmic(1e-6, 1e-4)),
            ["10^{−6}", "10^{−5}", "10^{−4}"]
        );
    }

    #[test]
    fn many_decades_are_thinned_and_few_fall_back_to_linear() {
        let many = logarithmic(1e-12, 1e12);
        assert!(
            (5..=8).contains(&labels(&many).len()),
            "{:?}",
            labels(&many)
        );
        assert_eq!(
            labels(&logarithmic(10.0, 14.0)),
            ["10", "11", "12", "13", "14"]
        );
    }
}
