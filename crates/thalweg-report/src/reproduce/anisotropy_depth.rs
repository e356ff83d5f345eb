//! Beyond the paper: how much sharper than the flattest minimum SGD's is, over anisotropy and depth.

use thalweg::theory::predict;

use super::exhibit::Exhibit;
use super::linear::identity_problem;
use super::ran::Ran;
use super::{Context, ReproduceError};
use crate::claims::{Claim, beyond, paper};
use crate::claims::{EXACT, Tolerance};
use crate::plot::{Axis, Dash, Figure, Heat, Look, Panel, Point};

const DEPTHS: std::ops::RangeInclusive<usize> = 1..=12;
const COLUMNS: usize = 36;
/// κ(Σε) up to 10⁶.
const DECADES: f64 = 6.0;

/// Computes, draws and judges.
pub fn show(_: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let mut ratios = Vec::new();
    for depth in DEPTHS {
        let row = (0..COLUMNS).map(|i| ratio((edge(i) * edge(i + 1)).sqrt(), depth));
        ratios.push(row.collect::<Result<Vec<_>, _>>()?);
        context.tell(depth as f64 / 12.0)?;
    }
    let claims = claims(&ratios)?;
    Ok(Exhibit {
        caption: "The sharpness of the minimum that SGD selects, over that of the flattest minimum. One layer has \
                  no choice; from two layers on, anisotropic noise makes SGD sharper, the more so the deeper."
            .to_owned(),
        settings: vec![
            ("problem", "d = 2, Σx = V = I, √Σε = (1, √κ)".to_owned()),
            ("computed", "exactly (eq. 14, 15), no SGD".to_owned()),
        ],
        figure: Figure {
            description: "Map of the ratio of sharpness to least sharpness over noise anisotropy and depth".to_owned(),
            panels: vec![map(ratios), cuts()?],
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims,
    })
}

/// The border of a column of the map, κ(Σε).
fn edge(i: usize) -> f64 {
    10f64.powf(DECADES * i as f64 / COLUMNS as f64)
}

/// T/T_min.
fn ratio(kappa: f64, depth: usize) -> Result<f64, ReproduceError> {
    let problem = identity_problem(&[1.0, kappa.sqrt()], depth)?;
    let prediction = predict(&problem)?;
    Ok(prediction.sharpness / prediction.min_sharpness)
}

fn claims(ratios: &[Vec<f64>]) -> Result<Vec<Claim>, ReproduceError> {
    // Depth 1 has no freedom: its row is 1 throughout.
    let deep = &ratios[1..];
    let along = deep
        .iter()
        .flat_map(|row| row.windows(2).map(|pair| pair[1] / pair[0]));
    let up = deep.windows(2).flat_map(|rows| {
        rows[1]
            .iter()
            .zip(&rows[0])
            .map(|(deeper, here)| deeper / here)
    });
    let grows = |text: &str, smallest| {
        let tolerance = Tolerance::Above {};
        Claim::exact(text, beyond(""), (smallest, 1.0), "no change", tolerance)
    };
    let mut isotropic = 0.0_f64;
    for depth in DEPTHS {
        isotropic = isotropic.max(ratio(1.0, depth)?);
    }
    Ok(vec![
        Claim::exact(
            "isotropic noise: largest T/T_{min} over D = 1 … 12",
            paper("Corollary 2"),
            (isotropic, 1.0),
            "SGD's minimum is the flattest",
            EXACT,
        ),
        grows(
            "D ≥ 2: smallest growth of T/T_{min} from one κ(Σε) to the next",
            along.fold(f64::INFINITY, f64::min),
        ),
        grows(
            "smallest growth of T/T_{min} from depth D to D + 1, D ≥ 2",
            up.fold(f64::INFINITY, f64::min),
        ),
    ])
}

fn map(ratios: Vec<Vec<f64>>) -> Panel {
    let mut map = Panel::new("T / T_{min}", Axis::log("κ(Σε)"), Axis::linear("depth D"));
    map.heat = Some(Heat {
        x_edges: (0..=COLUMNS).map(edge).collect(),
        y_edges: (0..=DEPTHS.count()).map(|i| i as f64 + 0.5).collect(),
        values: ratios,
        label: "T / T_{min}".to_owned(),
    });
    map
}

fn cuts() -> Result<Panel, ReproduceError> {
    let mut cuts = Panel::new(
        "cuts at fixed depth",
        Axis::log("κ(Σε)"),
        Axis::log("T / T_{min}"),
    );
    for (n, depth) in [2, 3, 5, 12].into_iter().enumerate() {
        let points = (0..=COLUMNS).map(|i| Ok(Point::exact(edge(i), ratio(edge(i), depth)?)));
        let points = points.collect::<Result<Vec<_>, ReproduceError>>()?;
        cuts = cuts.with(format!("D = {depth}"), points, Look::measured(n));
    }
    let limit = |i: usize| {
        let root = edge(i).sqrt();
        Point::exact(edge(i), 0.25 * (1.0 + root).powi(2) / root)
    };
    Ok(cuts.with(
        "D → ∞, (1 + √κ)²/4√κ",
        (0..=COLUMNS).map(limit).collect(),
        Look::reference(Dash::Dashed),
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use thalweg_lab::examples::ANISOTROPY_DEPTH;
    use thalweg_lab::quantity::SHARPNESS;
    use thalweg_lab::spec::Draft;
    use thalweg_lab::sweep::{Store, Sweep, Task, Which, ends, run};

    use super::*;

    /// Cell by cell of the map, whose columns the sweep file names by their middles.
    #[test]
    fn the_sweep_file_gives_the_figures_numbers() {
        let draft = Draft::from_toml(ANISOTROPY_DEPTH).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path(), Sweep::from_draft(draft).unwrap()).unwrap();
        let stop = AtomicBool::new(false);
        let done = run(&store, &Which::All, Task::default(), &(), &stop).unwrap();
        assert_eq!(done.finished, DEPTHS.count() * COLUMNS);
        for cell in ends(&store).unwrap() {
            let (row, column) = (cell.number / COLUMNS, cell.number % COLUMNS);
            let end = cell
                .ends
                .iter()
                .find(|end| end.quantity == SHARPNESS.key)
                .unwrap();
            let found = end.limit.unwrap() / end.flattest.unwrap();
            let expected = ratio((edge(column) * edge(column + 1)).sqrt(), row + 1).unwrap();
            assert!(
                (found / expected - 1.0).abs() < 1e-9,
                "{row} {column}: {found} {expected}"
            );
        }
    }
}
