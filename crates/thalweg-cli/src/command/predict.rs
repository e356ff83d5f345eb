//! `thalweg predict`: where SGD ends as η → 0, in closed form.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};
use thalweg::flow::{self, Validity, misalignment_warning};
use thalweg::problem::Problem;
use thalweg::theory::{self, ConditionBounds, LayerConditioning, Prediction, Stability};
use thalweg_lab::compare::{Belief, MOST_WEIGHTS_UNASKED};
use thalweg_lab::memory;
use thalweg_lab::quantity::{FLUCTUATION, LAMBDA_MAX, Quantity, SHARPNESS};
use thalweg_lab::spec::ProblemFile;

use super::flow::fits;
use crate::arguments::{ProblemArguments, StepArguments};
use crate::exit::Failure;
use crate::number::{known, number, percent};
use crate::output;
use crate::page::{Align, CONVENTION, Page, Table, json_of_notes};

/// Of T and T_min, relative.
const ROUNDING: f64 = 1e-14;

/// The most eigenvalues that `--json` lists without `--spectrum`.
const SPECTRUM_UNASKED: usize = 1 << 16;

/// Predict the minimum that SGD converges to: sharpness, spectrum, fluctuation
///
/// The answer is exact in the limit of small steps (Theorem 1): of all global
/// minima, W_D … W_1 = V, SGD with label noise drifts to the one of least gradient
/// fluctuation.
///
///   T      sharpness, the trace of the Hessian (eq. 14)
///   T_min  least sharpness of any global minimum (eq. 15). T = T_min where all
///          outputs have equal, uncorrelated noise (Σε ∝ I); if V has full row
///          rank, only there. In general: if and only if Π Σε Π = (tr Σε/d_y) Π,
///          Π the projection on the range of V√Σx
///   λ_max  largest Hessian eigenvalue (closed form, beyond the paper)
///   F      gradient fluctuation, E‖∇ℓ‖² of one sample; B samples have F/B
///
/// Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    problem: ProblemArguments,
    #[command(flatten)]
    step: StepArguments,
    /// List all d_x d_y eigenvalues of the Hessian's non-zero block, largest first
    #[arg(long, help_heading = "Output")]
    spectrum: bool,
    /// Print one JSON object; what is infinite or undefined is null
    #[arg(long, help_heading = "Output")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  The paper's Figure 2: two inputs and outputs, √Σε = diag(10, 0.1):
    thalweg predict --depth 3 --dimension 2 --noise 10,0.1
  With stability and relaxation time at this step size and batch:
    thalweg predict --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10
  Power-law spectra (Corollary 4) in random bases:
    thalweg predict --depth 4 --dimension 300 --noise power:1 --basis-seed 7
  All of it as data:
    thalweg predict problem.toml --json

A problem file:
  depth = 3
  input_covariance = [[1.0, 0.0], [0.0, 1.0]]        # Σx
  teacher = [[1.0, 0.0], [0.0, 1.0]]                 # V
  noise_covariance = [[100.0, 0.0], [0.0, 0.01]]     # Σε";

/// Prints the prediction.
///
/// # Errors
/// Bad input, or a question that the theory cannot answer.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = arguments.problem.read()?;
    let answer = Answer::new(&file, arguments)?;
    if arguments.json {
        output::print_json(&answer.json())
    } else {
        output::print(&answer.page())
    }
}

/// All that is printed, in either form.
struct Answer<'p> {
    problem: &'p Problem,
    prediction: Prediction<'p>,
    conditioning: Vec<LayerConditioning>,
    /// Absent where Σε is singular, and for one layer, which has no choice of minimum.
    bounds: Option<ConditionBounds>,
    kaiming: f64,
    xavier: f64,
    spectrum: Option<Vec<f64>>,
    misalignment: f64,
    run: Option<Run>,
}

/// What depends on the step size and the batch.
struct Run {
    learning_rate: f64,
    batch: usize,
    stability: Stability,
    validity: Validity,
    /// In steps; none where the slow flow is too large to linearise, or has no limit.
    relaxation: Option<f64>,
}

impl<'p> Answer<'p> {
    fn new(file: &'p ProblemFile, arguments: &Arguments) -> Result<Self, Failure> {
        let problem = &file.problem;
        let prediction = theory::predict(problem).map_err(Failure::input)?;
        let initial = |variances: Vec<f64>| theory::initial_sharpness(problem, &variances);
        let size = problem.input_dim() * problem.output_dim();
        let listed = arguments.spectrum || (arguments.json && size <= SPECTRUM_UNASKED);
        if listed {
            // The numbers, in order and as text.
            memory::fits(size as u64 * 128, 0, "without --spectrum it needs less")
                .map_err(Failure::input)?;
        }
        let spectrum = listed.then(|| prediction.minimum.spectrum()).transpose();
        let rate = arguments.step.learning_rate.or(file.learning_rate);
        let batch = arguments.step.batch().or(file.batch);
        let run = match (rate, batch) {
            (Some(learning_rate), Some(batch)) => Some(Run {
                learning_rate,
                batch,
                stability: prediction
                    .stability(learning_rate, batch)
                    .map_err(Failure::input)?,
                validity: Validity::at_minimum(&prediction, learning_rate, batch),
                relaxation: fits(problem.widths(), MOST_WEIGHTS_UNASKED)
                    .and_then(|()| flow::relaxation(problem))
                    .ok()
                    .filter(|relaxation| !relaxation.rates.is_empty())
                    .map(|relaxation| relaxation.steps(learning_rate, batch)),
            }),
            _ => None,
        };
        Ok(Self {
            problem,
            conditioning: prediction
                .minimum
                .layer_conditioning()
                .map_err(Failure::work)?,
            bounds: (problem.depth() > 1)
                .then(|| prediction.minimum.condition_bounds().ok())
                .flatten(),
            kaiming: initial(theory::kaiming_variances(problem, 1.0)).map_err(Failure::work)?,
            xavier: initial(theory::xavier_variances(problem, 1.0)).map_err(Failure::work)?,
            spectrum: spectrum
                .map_err(Failure::work)?
                .map(|spectrum| spectrum.eigenvalues().to_vec()),
            misalignment: theory::noise_misalignment(problem),
            run,
            prediction,
        })
    }

    /// A number of the minimum, to the digits that the covariances fix.
    fn known(&self, value: f64) -> String {
        known(value, self.problem.known_digits())
    }

    /// T − T_min: what is less than the rounding of the two is 0.
    fn excess(&self) -> String {
        let error = self.problem.uncertainty().max(ROUNDING) * self.prediction.sharpness;
        let digits = (self.prediction.excess / error).log10().floor();
        if digits >= 1.0 {
            known(self.prediction.excess, digits as usize)
        } else {
            "0".to_owned()
        }
    }

    fn json(&self) -> Value {
        let p = &self.prediction;
        let layers = p
            .layers
            .iter()
            .zip(&self.conditioning)
            .map(|(share, layer)| {
                json!({
                    "sharpness": share.sharpness,
                    "fluctuation": share.fluctuation,
                    "condition_number": layer.condition_number,
                    "singular_values": layer.singular_values,
                })
            });
        let bounds = self.bounds.as_ref().map(|bounds| {
            json!({
                "noise_condition_number": bounds.condition_number,
                "lower": bounds.lower,
                "upper": bounds.upper,
            })
        });
        let run = self.run.as_ref().map(|run| {
            json!({
                "learning_rate": run.learning_rate,
                "batch": run.batch,
                "relaxation_steps": run.relaxation,
                "stability_number": run.stability.stability_number,
                "unweighted_fluctuation": run.stability.unweighted_fluctuation,
                "relative_unweighted_fluctuation": run.stability.relative_unweighted_fluctuation,
                "validity": Belief::from(run.validity.clone()),
            })
        });
        json!({
            "convention": CONVENTION,
            "notes": json_of_notes(self.problem.caveats()),
            "uncertainty": self.problem.uncertainty(),
            "known_digits": self.problem.known_digits(),
            "sharpness": p.sharpness,
            "min_sharpness": p.min_sharpness,
            "excess": p.excess,
            "fluctuation": p.fluctuation,
            "lambda_max": p.lambda_max,
            "initial_sharpness": { "kaiming": self.kaiming, "xavier": self.xavier },
            "condition_bounds": bounds,
            "noise_misalignment": self.misalignment,
            "run": run,
            "layers": layers.collect::<Vec<_>>(),
            "nonzero_spectrum": self.spectrum,
        })
    }

    fn page(&self) -> String {
        let mut page = Page::for_output();
        page.problem(self.problem);
        page.heading("Where SGD ends as η → 0");
        page.table(&self.minimum());
        if let (Some(warning), None) = (misalignment_warning(self.misalignment), &self.run) {
            page.paragraph(&warning);
        }
        page.heading("Layer by layer at that minimum");
        page.table(&self.layers());
        if let Some(run) = &self.run {
            run.print(&mut page);
        }
        if let Some(spectrum) = &self.spectrum {
            page.heading(&format!(
                "Hessian eigenvalues there, in {}",
                LAMBDA_MAX.unit
            ));
            let zeros = self.problem.parameters().saturating_sub(spectrum.len());
            let list: Vec<_> = spectrum.iter().map(|&value| self.known(value)).collect();
            page.paragraph(&list.join(" "));
            page.paragraph(&format!("and {zeros} times 0"));
        }
        page.finish()
    }

    fn minimum(&self) -> Table {
        let p = &self.prediction;
        let mut table = Table::with_heads(&[
            ("quantity", Align::Left),
            ("symbol", Align::Left),
            ("value", Align::Right),
            ("unit", Align::Left),
            ("source", Align::Left),
        ]);
        let known = |value| self.known(value);
        let mut row = |name: &str, symbol: &str, value: String, unit: &str, source: &str| {
            table.row([name, symbol, &value, unit, source]);
        };
        let curvature = SHARPNESS.unit;
        let own = |quantity: Quantity| (quantity.words, quantity.formula, quantity.unit);
        let (words, formula, unit) = own(SHARPNESS);
        row(words, formula, known(p.sharpness), unit, "eq. 14");
        row(
            "… of the flattest minimum",
            "T_min",
            number(p.min_sharpness),
            curvature,
            "eq. 15",
        );
        row(
            "… in excess of it",
            "Δ_SGD",
            self.excess(),
            curvature,
            "eq. 14 − 15",
        );
        row(
            "… relative to it",
            "T/T_min",
            known(p.sharpness / p.min_sharpness),
            "",
            "",
        );
        let (words, formula, unit) = own(LAMBDA_MAX);
        row(words, formula, known(p.lambda_max), unit, "closed form");
        let (words, formula, unit) = own(FLUCTUATION);
        row(words, formula, known(p.fluctuation), unit, "Theorem 1");
        row(
            "initial T, Kaiming, mean",
            "E T",
            number(self.kaiming),
            curvature,
            "eq. 67",
        );
        row(
            "initial T, Xavier, mean",
            "E T",
            number(self.xavier),
            curvature,
            "eq. 68",
        );
        if let Some(bounds) = &self.bounds {
            row(
                "noise condition number",
                "κ(Σε)",
                known(bounds.condition_number),
                "",
                "",
            );
            row(
                "bound on T from below",
                "c₁ D √κ",
                known(bounds.lower),
                curvature,
                "Corollary 1",
            );
            row(
                "bound on T from above",
                "c₂ D κ",
                known(bounds.upper),
                curvature,
                "Corollary 1",
            );
        }
        table
    }

    /// The first layer, those between, which are all alike, and the last.
    fn layers(&self) -> Table {
        let depth = self.problem.depth();
        let mut table = Table::with_heads(&[
            ("layer", Align::Left),
            ("share of T", Align::Right),
            ("", Align::Right),
            ("share of F", Align::Right),
            ("condition number", Align::Right),
        ]);
        for k in BTreeSet::from([1, depth.min(2), depth]) {
            let name = if k == 2 && depth > 3 {
                format!("W_2 … W_{} each", depth - 1)
            } else {
                format!("W_{k}")
            };
            let share = self.prediction.layers[k - 1];
            let part = share.sharpness / self.prediction.sharpness;
            let known = |value| self.known(value);
            table.row([
                name,
                known(share.sharpness),
                percent(part),
                known(share.fluctuation),
                known(self.conditioning[k - 1].condition_number),
            ]);
        }
        table
    }
}

impl Run {
    fn print(&self, page: &mut Page) {
        page.heading(&format!(
            "At η = {} and B = {}",
            number(self.learning_rate),
            self.batch
        ));
        let mut table = Table::new(&[Align::Left, Align::Left, Align::Right]);
        let validity = &self.validity;
        table.row([
            "stability number, 1 at the edge",
            "η λ_max / 2",
            &number(validity.stability),
        ]);
        table.row([
            "fluctuation of the product",
            if validity.signal > 0.0 {
                "E‖(W_D…W_1 − V)√Σx‖² / ‖V√Σx‖²"
            } else {
                "E‖(W_D…W_1 − V)√Σx‖²"
            },
            &number(if validity.signal > 0.0 {
                validity.relative_weighted_fluctuation
            } else {
                self.stability.weighted_fluctuation
            }),
        ]);
        if let Some(steps) = self.relaxation {
            table.row(["relaxation time, in steps", "B / (η² rate)", &number(steps)]);
        }
        page.table(&table);
        page.paragraph(&validity.sentence());
    }
}
