//! SGD's own drift beside a path by symmetric generators: by how much T of the two differs.

use super::{
    Drift, FlowError, FlowSettings,
    modes::Modes,
    point::{Model, Point},
    trajectory::along,
    walk::Walk,
};
use crate::problem::Problem;
use crate::words::by_up_to;

/// T of SGD's own drift relative to T of symmetric generators from the same minimum, less 1, without its sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnDrift {
    /// The largest at the times asked for.
    pub largest: f64,
    /// At the last of them.
    pub end: f64,
    /// Whether the own drift was followed. It is not where it would take long; the two numbers are then by how much T of the path differs from T of
    /// the minimum from which it starts: the own drift changes T by another amount of that size.
    pub is_followed: bool,
}

/// T of SGD's own drift may differ by so much: T is then right to about a percent.
pub const MOST_OWN_DRIFT: f64 = 1e-2;

/// The most weights with which SGD's own drift is quickly followed.
const MOST_QUICK_WEIGHTS: usize = 25_000;

/// And the most rows of K, whose eigenvectors each step takes.
const MOST_QUICK_ROWS: usize = 200;

/// Whether SGD's own drift is followed in a few seconds at most, whatever the start: it is then followed beside symmetric generators.
pub fn own_drift_is_quick(problem: &Problem) -> bool {
    is_quick(&Model::new(problem))
}

fn is_quick(model: &Model) -> bool {
    let rows = model.outputs() * model.root().ncols();
    model.dim() <= MOST_QUICK_WEIGHTS && rows <= MOST_QUICK_ROWS
}

impl OwnDrift {
    /// Where both drifts are one.
    const NONE: Self = Self {
        largest: 0.0,
        end: 0.0,
        is_followed: true,
    };

    /// That of what T differs by at each time.
    fn of(is_followed: bool, off: impl IntoIterator<Item = f64>) -> Self {
        let start = Self {
            is_followed,
            ..Self::NONE
        };
        off.into_iter().fold(start, |before, off| Self {
            largest: before.largest.max(off.abs()),
            end: off.abs(),
            is_followed,
        })
    }

    /// The larger of each number.
    pub(super) fn worst(self, other: Self) -> Self {
        Self {
            largest: self.largest.max(other.largest),
            end: self.end.max(other.end),
            is_followed: self.is_followed && other.is_followed,
        }
    }

    /// What is to be known where it is too much.
    pub(super) fn warning(self) -> Option<String> {
        let most = 100.0 * MOST_OWN_DRIFT;
        let differs = by_up_to(self.largest, self.end);
        (self.largest > MOST_OWN_DRIFT).then(|| {
            if self.is_followed {
                format!(
                    "The start is not balanced, and within the minima SGD's own drift is then another than the one by symmetric generators that is followed \
                     here: T of it differs {differs} (at most {most} % is in range); `flow --drift exact` follows it."
                )
            } else {
                format!(
                    "Within the minima SGD's own drift may be another than the one by symmetric generators that is followed here, and in a network of this \
                     size it is not followed beside it. T of this path changes by up to {:.1} % within the minima (at most {most} % is in range), and T of \
                     SGD's own drift by more or less than that, most often by about one and a half times as much; `flow --drift exact` follows it.",
                    100.0 * self.largest
                )
            }
        })
    }
}

/// By how much T of SGD's own drift from `minimum` differs from `sharpness`, which it is by symmetric generators at each of the slow `times`; none
/// where the path is by the own drift.
pub(super) fn own_drift(
    model: &Model,
    minimum: &[f64],
    times: &[f64],
    sharpness: impl Fn(usize) -> f64,
    settings: &FlowSettings,
) -> Result<Option<OwnDrift>, FlowError> {
    if settings.drift == Drift::Exact {
        return Ok(None);
    }
    let settings = FlowSettings {
        drift: Drift::Exact,
        ..*settings
    };
    let look = |weights: &[f64]| Point::new(model, model.layers(weights)).sharpness();
    let over = |own: &f64, row: usize| own / sharpness(row) - 1.0;
    if is_quick(model) {
        let own = along(
            model,
            minimum.to_vec(),
            times,
            &settings,
            |run: &dyn Walk, time| Ok(look(&run.weights_at(time)?)),
        );
        match own {
            Ok((own, _)) => {
                let off = own.iter().enumerate().map(|(row, own)| over(own, row));
                return Ok(Some(OwnDrift::of(true, off)));
            }
            Err(FlowError::Stopped(stopped)) => return Err(stopped.into()),
            Err(_) => {}
        }
    } else if Modes::new(model, minimum).is_some() {
        return Ok(Some(OwnDrift::NONE));
    }
    let start = look(minimum);
    let off = (0..times.len()).map(|row| over(&start, row));
    Ok(Some(OwnDrift::of(false, off)))
}
