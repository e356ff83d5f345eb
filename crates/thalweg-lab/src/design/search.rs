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

/// A crossing between two positions that are so near to each other, by the range, is known.
const NARROW: f64 = 1e-10;

/// A value that is then missed by more, relatively, is jumped over.
const JUMPED: f64 = 1e-6;

/// What became of a search.
#[derive(Debug, PartialEq)]
pub(super) enum Sought<E> {
    /// The position nearest to rest where the value is met, or just crossed, seen from rest.
    At(f64),
    /// It is crossed first where the function jumps.
    Jump {
        /// Before the jump, seen from rest, and the function there.
        near: Tried,
        /// After it.
        far: Tried,
    },
    /// It is not met anywhere.
    Beyond {
        /// Where the function is least, and what it is there.
        low: Tried,
        /// Where it is largest, and what it is there.
        high: Tried,
        /// Why it has no values at all further below rest, and further above, if that is so before the end of the range.
        ends: [Option<E>; 2],
    },
}

/// Looks in `range`, which has 0, rest, in it, for the position nearest to rest at which `function` has the value `wanted`; at rest it has
/// `at_rest`.
///
/// The function is tried at 24 positions on either side of rest, outwards, until the value lies between two of them, one position further, and
/// on each side no further than it has values. Between three of which the middle one is an extremum that comes
/// near to the value without meeting it, and at the ends, the extremum itself is found by golden sections. The crossing nearest to rest
/// is then found by false position (in the Illinois form, which halves the weight of an end that stays).
///
/// # Errors
/// Where the function has no value between two positions at which it has one.
pub(super) fn nearest<E>(
    range: &RangeInclusive<f64>,
    wanted: f64,
    at_rest: f64,
    mut function: impl FnMut(f64) -> Result<f64, E>,
) -> Result<Sought<E>, E> {
    let scale = wanted.abs();
    let enough = MET * scale;
    // Kept is the function itself: what it is off the value has fewer digits of it where that is far away.
    let off = |tried: Tried| tried.1 - wanted;
    let is_crossed = |near: Tried, far: Tried| {
        let (near, far) = (off(near), off(far));
        near * far <= 0.0 || near.abs().min(far.abs()) <= enough
    };
    let sides = [*range.start(), *range.end()];
    let mut ways = sides.map(|_| vec![(0.0, at_rest)]);
    let mut ends = [None, None];
    let mut last = TRIED;
    for i in 1..=TRIED {
        for ((way, end), stopped) in ways.iter_mut().zip(sides).zip(&mut ends) {
            if i > last || end == 0.0 || stopped.is_some() {
                continue;
            }
            let position = end * f64::from(i) / f64::from(TRIED);
            match function(position) {
                Ok(value) => {
                    let near = way[way.len() - 1];
                    // One more, for extremes around this one.
                    if is_crossed(near, (position, value)) {
                        last = last.min(i + 1);
                    }
                    way.push((position, value));
                }
                Err(error) => *stopped = Some(error),
            }
        }
    }
    let [below, above] = ways;
    let grid: Vec<Tried> = below.into_iter().skip(1).rev().chain(above).collect();
    let mut tried = grid.clone();
    for sign in [1.0, -1.0] {
        tried.extend(minima(&grid, sign, Some(sign * wanted), &mut function)?);
    }
    tried.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut found: Option<(Tried, Tried)> = None;
    for (near, far) in outwards(&tried) {
        // Rest may have a crossing on either side of it, and the way to one may be shorter.
        let is_nearer = |position: f64| found.is_none_or(|(_, at)| position.abs() < at.0.abs());
        if is_crossed(near, far) && is_nearer(near.0) {
            let ends = crossing(near, far, (wanted, enough), &mut function)?;
            if is_nearer(ends.1.0) {
                found = Some(ends);
            }
        }
    }
    match found {
        Some((_, far)) if off(far).abs() <= JUMPED * scale => return Ok(Sought::At(far.0)),
        Some((near, far)) => return Ok(Sought::Jump { near, far }),
        None => {}
    }
    // All is on one side of the value, and only the extrema that face it are known.
    let away = if at_rest > wanted { -1.0 } else { 1.0 };
    tried.extend(minima(&grid, away, None, &mut function)?);
    tried.sort_by(|a, b| a.1.total_cmp(&b.1));
    Ok(Sought::Beyond {
        low: tried[0],
        high: tried[tried.len() - 1],
        ends,
    })
}

/// A position and the function there.
pub(super) type Tried = (f64, f64);

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

/// The minima of `sign` times the function around the positions that are `tried`, which are in order: those that are above `floor`, where one
/// is given.
fn minima<E>(
    tried: &[Tried],
    sign: f64,
    floor: Option<f64>,
    function: &mut impl FnMut(f64) -> Result<f64, E>,
) -> Result<Vec<Tried>, E> {
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
        if rise(before).max(rise(after)) <= ROUNDING * here.abs() {
            continue;
        }
        if i == 0 || i == last {
            let next = tried[if i == 0 { 1 } else { last - 1 }].0;
            let probe = position + NEAR * (next - position);
            if sign * function(probe)? >= here {
                continue;
            }
        }
        let ends = (tried[before].0, tried[after].0);
        let (position, least) = minimum(ends, floor, |x| Ok(sign * function(x)?))?;
        found.push((position, sign * least));
    }
    Ok(found)
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

/// Where the function passes `wanted` between `near` and `far`: from where to where. At the latter it is within `enough` of that, unless it jumps.
fn crossing<E>(
    near: Tried,
    far: Tried,
    (wanted, enough): (f64, f64),
    function: &mut impl FnMut(f64) -> Result<f64, E>,
) -> Result<(Tried, Tried), E> {
    let off = |tried: Tried| tried.1 - wanted;
    if off(near).abs() <= enough {
        return Ok((near, near));
    }
    let mut ends = (near, far);
    let (mut weight_near, mut weight_far) = (off(near), off(far));
    let mut stayed = 0;
    for _ in 0..MOST_STEPS {
        let (from, to) = (ends.0.0, ends.1.0);
        if off(ends.1).abs() <= enough || (from - to).abs() <= NARROW {
            break;
        }
        let next = (from * weight_far - to * weight_near) / (weight_far - weight_near);
        let here = (next, function(next)?);
        if off(here) * off(near) > 0.0 {
            (ends.0, weight_near) = (here, off(here));
            weight_far *= if stayed == 1 { 0.5 } else { 1.0 };
            stayed = 1;
        } else {
            (ends.1, weight_far) = (here, off(here));
            weight_near *= if stayed == -1 { 0.5 } else { 1.0 };
            stayed = -1;
        }
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Sought, TRIED, nearest};

    /// Why a function has no value.
    #[derive(Debug, PartialEq)]
    struct Nothing;

    fn sought(range: [f64; 2], wanted: f64, function: impl Fn(f64) -> f64) -> Sought<Nothing> {
        let [start, end] = range;
        nearest(&(start..=end), wanted, function(0.0), |x| Ok(function(x))).unwrap()
    }

    fn at(range: [f64; 2], wanted: f64, function: impl Fn(f64) -> f64) -> f64 {
        match sought(range, wanted, function) {
            Sought::At(position) => position,
            beyond => panic!("{beyond:?}"),
        }
    }

    fn range_of(range: [f64; 2], wanted: f64, function: impl Fn(f64) -> f64) -> [f64; 2] {
        match sought(range, wanted, function) {
            Sought::Beyond { low, high, .. } => [low.1, high.1],
            at => panic!("{at:?}"),
        }
    }

    /// What can be had before they end is found, and the range is of what there is; values beyond a gap are not looked at.
    #[test]
    fn a_side_without_values_is_left_where_they_end() {
        let root = |x: f64| match x {
            x if x < -0.9 => Ok(3.0),
            x if x < -0.5 => Err(Nothing),
            x => Ok((0.5 + x).sqrt()),
        };
        let look = |wanted| nearest(&(-1.0..=1.0), wanted, 0.5f64.sqrt(), root).unwrap();
        let Sought::At(position) = look(0.6) else {
            panic!()
        };
        assert!((position + 0.14).abs() < 1e-8);
        let Sought::Beyond { low, high, ends } = look(2.0) else {
            panic!()
        };
        assert!(low == (-0.5, 0.0) && high == (1.0, 1.5f64.sqrt()));
        assert_eq!(ends, [Some(Nothing), None]);
    }

    /// Each value may cost seconds.
    #[test]
    fn what_lies_beyond_the_crossing_is_not_looked_at() {
        let (count, furthest) = (Cell::new(0), Cell::new(0.0f64));
        let function = |x: f64| {
            count.set(count.get() + 1);
            furthest.set(furthest.get().max(x.abs()));
            Ok::<_, Nothing>(1.0 + x)
        };
        let found = nearest(&(-1.0..=1.0), 1.06, 1.0, function);
        let Ok(Sought::At(position)) = found else {
            panic!()
        };
        assert!((position - 0.06).abs() < 1e-8);
        assert!(
            furthest.get() <= 3.0 / f64::from(TRIED) && count.get() < 12,
            "{count:?}"
        );
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

    /// Where the end of SGD is another all at once, no position has what lies between.
    #[test]
    fn a_value_that_is_jumped_over_is_not_met() {
        let step = |x: f64| if x < 0.3 { 2.0 - x } else { 1.0 };
        let Sought::Jump { near, far } = sought([0.0, 1.0], 1.5, step) else {
            panic!()
        };
        assert!((near.0 - 0.3).abs() < 1e-9 && (near.1 - 1.7).abs() < 1e-9);
        assert!((far.0 - 0.3).abs() < 1e-9 && far.1 == 1.0);
        assert!((at([0.0, 1.0], 1.8, step) - 0.2).abs() < 1e-8);
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

    /// Nor does the range depend on how far what was asked for is from it, or on which side.
    #[test]
    fn the_range_is_the_same_whatever_is_asked_for() {
        let wave = |x: f64| 2.0 + 0.1 * x + (7.0 * x).sin();
        let range = range_of([-1.0, 1.0], 0.5, wave);
        // Its highest point, and its lowest on the other side of rest.
        let turn = (-0.1f64 / 7.0).acos() / 7.0;
        for (found, extreme) in range.into_iter().zip([wave(-turn), wave(turn)]) {
            assert!((found - extreme).abs() < 1e-8, "{found} {extreme}");
        }
        for wanted in [-1e300, -3.0, 5.0, 1e9, 1e300] {
            assert_eq!(range_of([-1.0, 1.0], wanted, wave), range, "{wanted}");
        }
    }
}
