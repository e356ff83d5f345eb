//! Where a function of a lever's position has a value, and the range that it has.

use std::ops::RangeInclusive;

/// Positions on either side of rest at which the function is tried first.
const TRIED: i32 = 24;

/// A value is met this closely, relatively.
pub(super) const MET: f64 = 1e-8;

/// Rises and falls below this are taken for rounding, relatively.
const ROUNDING: f64 = 1e-6;

/// Golden sections of an interval around an extremum: what is left of it is 10⁻⁴, and of the error of the value the square of that.
const SECTIONS: usize = 20;

/// The most steps towards a crossing.
const MOST_STEPS: usize = 60;

/// What became of a search.
#[derive(Debug, PartialEq)]
pub(super) enum Sought {
    /// The position nearest to rest where the value is met, or just crossed, seen from rest.
    At(f64),
    /// It is not met anywhere; the function goes from `low` to `high`.
    Beyond {
        /// The least.
        low: f64,
        /// The most.
        high: f64,
    },
}

/// Looks in `range`, which has 0, rest, in it, for the position nearest to rest at which `function` has the value `wanted`.
///
/// The function is tried at 24 positions on either side of rest. Between three of which the middle one is an extremum that comes
/// near to the value without meeting it, and at the ends, the extremum itself is found by golden sections. The crossing nearest to rest
/// is then found by false position (in the Illinois form, which halves the weight of an end that stays).
pub(super) fn nearest<E>(
    range: &RangeInclusive<f64>,
    wanted: f64,
    mut function: impl FnMut(f64) -> Result<f64, E>,
) -> Result<Sought, E> {
    let mut off = |position: f64| Ok(function(position)? - wanted);
    let mut tried = Vec::new();
    for i in -TRIED..=TRIED {
        let end = if i < 0 { -range.start() } else { *range.end() };
        if i == 0 || end != 0.0 {
            let position = end * f64::from(i) / f64::from(TRIED);
            tried.push((position, off(position)?));
        }
    }
    let scale = wanted.abs();
    for sign in [1.0, -1.0] {
        sharpen(&mut tried, sign, scale, Some(0.0), &mut off)?;
    }
    let enough = MET * scale;
    let mut found: Option<f64> = None;
    for (near, far) in outwards(&tried) {
        let is_crossed = near.1 * far.1 <= 0.0 || near.1.abs().min(far.1.abs()) <= enough;
        // Rest may have a crossing on either side of it, and the way to one may be shorter.
        if is_crossed && found.is_none_or(|found| near.0.abs() < found.abs()) {
            let position = crossing(near, far, enough, &mut off)?;
            if found.is_none_or(|found| position.abs() < found.abs()) {
                found = Some(position);
            }
        }
    }
    if let Some(position) = found {
        return Ok(Sought::At(position));
    }
    for sign in [1.0, -1.0] {
        sharpen(&mut tried, sign, scale, None, &mut off)?;
    }
    let values = || tried.iter().map(|(_, value)| wanted + value);
    Ok(Sought::Beyond {
        low: values().fold(f64::INFINITY, f64::min),
        high: values().fold(f64::NEG_INFINITY, f64::max),
    })
}

/// A position and the function there.
type Tried = (f64, f64);

/// Neighbours among `tried`, the one nearer to rest first, the pairs in the order of their distance from rest.
fn outwards(tried: &[Tried]) -> Vec<(Tried, Tried)> {
    let pairs = tried.windows(2).map(|pair| {
        if pair[0].0.abs() < pair[1].0.abs() {
            (pair[0], pair[1])
        } else {
            (pair[1], pair[0])
        }
    });
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by(|(a, _), (b, _)| a.0.abs().total_cmp(&b.0.abs()));
    pairs
}

/// Puts the minima of `sign` times the function among the positions that are `tried`, which are in order: those that are above `floor`, where one
/// is given.
fn sharpen<E>(
    tried: &mut Vec<Tried>,
    sign: f64,
    scale: f64,
    floor: Option<f64>,
    off: &mut impl FnMut(f64) -> Result<f64, E>,
) -> Result<(), E> {
    /// How near to an end it is looked whether the function turns before it, in units of the distance to the next position.
    const NEAR: f64 = 0.01;
    let mut found = Vec::new();
    let last = tried.len() - 1;
    for i in 0..=last {
        let (position, here) = (tried[i].0, sign * tried[i].1);
        if floor.is_some_and(|floor| here <= floor) || last == 0 {
            continue;
        }
        let is_lower = |j: usize| here <= sign * tried[j].1;
        let (before, after) = (i.saturating_sub(1), (i + 1).min(last));
        let rise = |j: usize| sign * tried[j].1 - here;
        if !is_lower(before) || !is_lower(after) {
            continue;
        }
        if rise(before).max(rise(after)) <= ROUNDING * scale {
            continue;
        }
        if i == 0 || i == last {
            let next = tried[if i == 0 { 1 } else { last - 1 }].0;
            let probe = position + NEAR * (next - position);
            if sign * off(probe)? >= here {
                continue;
            }
        }
        let ends = (tried[before].0, tried[after].0);
        found.push(minimum(ends, floor, |x| Ok(sign * off(x)?))?);
    }
    tried.extend(found.into_iter().map(|(x, value)| (x, sign * value)));
    tried.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(())
}

/// The minimum of a function that has one between `from` and `to`, and its value, or the first place that is at `floor` or below.
fn minimum<E>(
    (mut from, mut to): (f64, f64),
    floor: Option<f64>,
    mut function: impl FnMut(f64) -> Result<f64, E>,
) -> Result<(f64, f64), E> {
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let inner = |from: f64, to: f64| [to - golden * (to - from), from + golden * (to - from)];
    let [mut low, mut high] = inner(from, to);
    let (mut at_low, mut at_high) = (function(low)?, function(high)?);
    for _ in 0..SECTIONS {
        if floor.is_some_and(|floor| at_low.min(at_high) <= floor) {
            break;
        }
        if at_low < at_high {
            (to, high, at_high) = (high, low, at_low);
            low = inner(from, to)[0];
            at_low = function(low)?;
        } else {
            (from, low, at_low) = (low, high, at_high);
            high = inner(from, to)[1];
            at_high = function(high)?;
        }
    }
    Ok(if at_low < at_high {
        (low, at_low)
    } else {
        (high, at_high)
    })
}

/// Where the function changes its sign between `near` and `far`, or is within `enough` of 0: never on the side of `near`, unless that is met.
fn crossing<E>(
    (mut near, at_near): Tried,
    (mut far, at_far): Tried,
    enough: f64,
    off: &mut impl FnMut(f64) -> Result<f64, E>,
) -> Result<f64, E> {
    if at_near.abs() <= enough {
        return Ok(near);
    }
    let (mut weight_near, mut weight_far, mut value) = (at_near, at_far, at_far);
    let mut stayed = 0;
    for _ in 0..MOST_STEPS {
        if value.abs() <= enough || (near - far).abs() <= f64::EPSILON * far.abs() {
            break;
        }
        let next = (near * weight_far - far * weight_near) / (weight_far - weight_near);
        let here = off(next)?;
        if here * at_near > 0.0 {
            (near, weight_near) = (next, here);
            weight_far *= if stayed == 1 { 0.5 } else { 1.0 };
            stayed = 1;
        } else {
            (far, weight_far, value) = (next, here, here);
            weight_near *= if stayed == -1 { 0.5 } else { 1.0 };
            stayed = -1;
        }
    }
    Ok(far)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::{Sought, nearest};

    fn sought(range: [f64; 2], wanted: f64, function: impl Fn(f64) -> f64) -> Sought {
        let [start, end] = range;
        nearest(&(start..=end), wanted, |x| Ok::<_, Infallible>(function(x))).unwrap()
    }

    fn at(range: [f64; 2], wanted: f64, function: impl Fn(f64) -> f64) -> f64 {
        match sought(range, wanted, function) {
            Sought::At(position) => position,
            beyond => panic!("{beyond:?}"),
        }
    }

    fn range_of(range: [f64; 2], wanted: f64, function: impl Fn(f64) -> f64) -> [f64; 2] {
        match sought(range, wanted, function) {
            Sought::Beyond { low, high } => [low, high],
            at => panic!("{at:?}"),
        }
    }

    #[test]
    fn the_crossing_nearest_to_rest_is_taken() {
        assert!((at([0.0, 1.0], 2.5, |x| 2.0 + x) - 0.5).abs() < 1e-8);
        let root = at([-1.0, 1.0], 1.3, |x| 1.0 + x * x + 0.01 * x);
        assert!((1.0 + root * root + 0.01 * root - 1.3).abs() < 1e-8 && root > 0.0);
        let root = at([-1.0, 1.0], 0.5, |x| 1.0 + (7.0 * x).sin() * (1.0 - x));
        assert!((-0.2..0.0).contains(&root), "{root}");
        // At rest, at an end, and where a single position is allowed.
        assert_eq!(at([-1.0, 1.0], 3.0, |x| 3.0 + x), 0.0);
        assert_eq!(at([-1.0, 1.0], 4.0, |x| 3.0 + x), 1.0);
        assert_eq!(range_of([0.0, 0.0], 2.0, |x| 3.0 + x), [3.0, 3.0]);
    }

    /// What is asked for is not passed by rounding on the wrong side.
    #[test]
    fn a_crossing_is_met_from_the_other_side() {
        for wanted in [0.3, 0.77, 0.9, 0.999] {
            let root = at([0.0, 1.0], wanted, |x| (-3.0 * x).exp());
            let found = (-3.0 * root).exp();
            assert!(
                found <= wanted * (1.0 + 1e-8) && found > wanted * (1.0 - 1e-7),
                "{wanted}"
            );
        }
    }

    /// Between two positions that are tried, at rest, and before an end.
    #[test]
    fn extremes_are_those_of_the_function_and_not_of_the_positions_tried() {
        for turn in [0.01, 0.3, 0.515, 0.99, -0.02, -0.73] {
            let valley = move |x: f64| 1.0 + (x - turn).powi(2);
            let [low, high] = range_of([-1.0, 1.0], 0.5, valley);
            assert!((low - 1.0).abs() < 1e-10, "{turn}: {low}");
            let end = (1.0 + turn.abs()).powi(2) + 1.0;
            assert!((high - end).abs() < 1e-10, "{turn}: {high}");
            let hill = move |x: f64| 9.0 - (x - turn).powi(2);
            assert!(
                (range_of([-1.0, 1.0], 9.5, hill)[1] - 9.0).abs() < 1e-10,
                "{turn}"
            );
            // Just above the bottom there is something to be met, which no position that is tried sees.
            let met = at([-1.0, 1.0], 1.0 + 1e-6, valley);
            assert!((met - turn).abs() < 2e-3, "{turn}: {met}");
        }
    }
}
