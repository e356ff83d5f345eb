//! An axis: its scale, its range over the data, and the map from data to pixels.

use super::ticks::{self, Tick};

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal lengths for equal differences.
    Linear,
    /// Equal lengths for equal ratios; only positive values can be shown.
    Log,
}

/// One axis of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it measures, with its unit.
    pub label: String,
    /// How it is divided.
    pub scale: Scale,
    /// Values that must be inside even when no data is.
    pub include: Vec<f64>,
    /// What stands at 0, 1, 2, … instead of numbers; empty on an axis of numbers.
    pub names: Vec<String>,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Linear,
            include: vec![],
            names: vec![],
        }
    }

    /// An axis of names instead of numbers: `names[i]` stands at i, in a place of width 1 that is all its own.
    pub fn categories(label: impl Into<String>, names: Vec<String>) -> Self {
        Self {
            names,
            ..Self::linear(label)
        }
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Self {
            scale: Scale::Log,
            ..Self::linear(label)
        }
    }

    /// The same axis, reaching at least to `value`.
    #[must_use]
    pub fn including(mut self, value: f64) -> Self {
        self.include.push(value);
        self
    }

    /// The middles of the cells between `edges`, on this axis's scale.
    pub fn middles(&self, edges: &[f64]) -> Vec<f64> {
        let middle = |pair: &[f64]| match self.scale {
            Scale::Linear => 0.5 * (pair[0] + pair[1]),
            Scale::Log => (pair[0] * pair[1]).sqrt(),
        };
        edges.windows(2).map(middle).collect()
    }

    /// Whether the axis can show `value` at all.
    pub fn shows(&self, value: f64) -> bool {
        value.is_finite() && (self.scale == Scale::Linear || value > 0.0)
    }
}

/// An axis fitted to its data and its length on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    scale: Scale,
    names: Vec<String>,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Fitted {
    /// Fits `axis` to `data` with `margin` (a fraction of the length) on both sides.
    pub fn new(axis: &Axis, data: impl Iterator<Item = f64>, margin: f64) -> Self {
        let all_between = |(low, high)| Self {
            scale: axis.scale,
            names: axis.names.clone(),
            low,
            high,
            from: 0.0,
            to: 1.0,
        };
        if !axis.names.is_empty() {
            return all_between((-0.5, axis.names.len() as f64 - 0.5));
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in data.chain(axis.include.iter().copied()) {
            if axis.shows(value) {
                low = low.min(value);
                high = high.max(value);
            }
        }
        if low > high {
            (low, high) = (1.0, 10.0);
        }
        all_between(match axis.scale {
            Scale::Linear => widen(
                low,
                high,
                margin,
                if low == 0.0 { 1.0 } else { 0.5 * low.abs() },
            ),
            Scale::Log => {
                let (low, high) = widen(low.log10(), high.log10(), margin, 0.2);
                (10f64.powf(low), 10f64.powf(high))
            }
        })
    }

    /// The same fit, its low end at pixel `from` and its high end at pixel `to`.
    #[must_use]
    pub fn between(mut self, from: f64, to: f64) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// The pixel of `value`; a value that cannot be shown lands on the low end.
    pub fn place(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
        };
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Pixels from its low to its high end.
    pub fn length(&self) -> f64 {
        (self.to - self.from).abs()
    }

    /// Its marks: each name, or about `wanted` on a linear axis of numbers.
    pub fn ticks(&self, wanted: usize) -> Vec<Tick> {
        if !self.names.is_empty() {
            let named = |(place, name): (usize, &String)| Tick {
                value: place as f64,
                label: Some(name.clone()),
            };
            return self.names.iter().enumerate().map(named).collect();
        }
        match self.scale {
            Scale::Linear => ticks::linear(self.low, self.high, wanted),
            Scale::Log => ticks::logarithmic(self.low, self.high),
        }
    }
}

/// The range widened by `margin` of its length; a range of no length by `alone` on both sides.
fn widen(low: f64, high: f64, margin: f64, alone: f64) -> (f64, f64) {
    let length = high - low;
    if length <= 1e-9 * low.abs().max(high.abs()) {
        return (low - alone, high + alone);
    }
    (low - margin * length, high + margin * length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_land_in_proportion_to_their_scale() {
        let linear = Fitted::new(&Axis::linear("x"), [0.0, 10.0].into_iter(), 0.0);
        assert_eq!(linear.between(100.0, 0.0).place(2.5), 75.0);
        let log = Fitted::new(&Axis::log("x"), [1.0, 1e4].into_iter(), 0.0).between(0.0, 100.0);
        assert!((log.place(100.0) - 50.0).abs() < 1e-9);
        assert_eq!(log.place(0.0), 0.0);
    }

    #[test]
    fn what_cannot_be_shown_does_not_spoil_the_range() {
        let values = [f64::NAN, -1.0, 0.0, 2.0, f64::INFINITY, 20.0];
        let log = Fitted::new(&Axis::log("x"), values.into_iter(), 0.0).between(0.0, 1.0);
        assert!(log.place(2.0).abs() < 1e-9 && (log.place(20.0) - 1.0).abs() < 1e-9);
        let empty = Fitted::new(&Axis::linear("x"), std::iter::empty(), 0.0);
        assert!(empty.ticks(4).len() > 1);
        let single = Fitted::new(&Axis::linear("x"), [8.0].into_iter(), 0.05).between(0.0, 1.0);
        assert!((single.place(8.0) - 0.5).abs() < 1e-9);
        // The first row of a log that has only just begun.
        let zero = Fitted::new(&Axis::linear("x"), [0.0].into_iter(), 0.05).between(0.0, 1.0);
        assert_eq!(
            (zero.place(-1.0), zero.place(0.0), zero.place(1.0)),
            (0.0, 0.5, 1.0)
        );
    }
}
