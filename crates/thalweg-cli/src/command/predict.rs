//! `thalweg predict`: where SGD ends as η → 0, in closed form.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};
use thalweg::problem::Problem;
use thalweg::theory::{self, Prediction};
use thalweg_lab::spec::ProblemFile;

use crate::arguments::{ProblemArguments, StepArguments};
use crate::exit::Failure;
use crate::number::number;
use crate::output;
use crate::page::{Align, CONVENTION, Page, Table};

/// The most eigenvalues that `--json` lists without `--spectrum`.
const SPECTRUM_UNASKED: usize = 1 << 16;

/// Predict the minimum that SGD converges to: sharpness, spectrum, fluctuation
///
/// The answer is exact in the limit of small steps (Theorem 1): of all global
/// minima, W_D … W_1 = V, SGD with label noise drifts to the one of least gradient
/// fluctuation.
///
///   T      sharpness, the trace of the Hessian (eq. 14)
///   T_min  least sharpness of any global minimum (eq. 15); T = T_min iff Σε ∝ I
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
    spectrum: Option<Vec<f64>>,
    /// η, where it is known.
    learning_rate: Option<f64>,
}

impl<'p> Answer<'p> {
    fn new(file: &'p ProblemFile, arguments: &Arguments) -> Result<Self, Failure> {
        let problem = &file.problem;
        let prediction = theory::predict(problem).map_err(Failure::input)?;
        let size = problem.input_dim() * problem.output_dim();
        let wanted = arguments.spectrum || (arguments.json && size <= SPECTRUM_UNASKED);
        let spectrum = wanted
            .then(|| prediction.minimum.spectrum())
            .transpose()
            .map_err(Failure::work)?;
        Ok(Self {
            problem,
            prediction,
            spectrum: spectrum.map(|spectrum| spectrum.eigenvalues().to_vec()),
            learning_rate: arguments.step.learning_rate.or(file.learning_rate),
        })
    }

    /// η λ_max / 2, which is 1 at the edge of stability.
    fn stability(&self) -> Option<f64> {
        self.learning_rate
            .map(|η| η * self.prediction.lambda_max / 2.0)
    }

    fn json(&self) -> Value {
        let p = &self.prediction;
        let layers: Vec<_> = p
            .layers
            .iter()
            .map(|share| json!({ "sharpness": share.sharpness, "fluctuation": share.fluctuation }))
            .collect();
        json!({
            "convention": CONVENTION,
            "sharpness": p.sharpness,
            "min_sharpness": p.min_sharpness,
            "excess": p.excess,
            "fluctuation": p.fluctuation,
            "lambda_max": p.lambda_max,
            "stability": self.stability(),
            "layers": layers,
            "nonzero_spectrum": self.spectrum,
        })
    }

    fn page(&self) -> String {
        let p = &self.prediction;
        let mut page = Page::for_output();
        page.problem(self.problem);

        page.heading("Where SGD ends as η → 0");
        let mut table = Table::with_heads(&[
            ("quantity", Align::Left),
            ("symbol", Align::Left),
            ("value", Align::Right),
            ("unit", Align::Left),
            ("source", Align::Left),
        ]);
        let curvature = "loss/weight²";
        let row = |name: &str, symbol: &str, value: f64, unit: &str, source: &str| {
            [name, symbol, &number(value), unit, source].map(String::from)
        };
        table.row(row(
            "sharpness, tr Hessian",
            "T",
            p.sharpness,
            curvature,
            "eq. 14",
        ));
        table.row(row(
            "… of the flattest minimum",
            "T_min",
            p.min_sharpness,
            curvature,
            "eq. 15",
        ));
        table.row(row(
            "… in excess of it",
            "Δ_SGD",
            p.excess,
            curvature,
            "eq. 14 − 15",
        ));
        table.row(row(
            "… relative to it",
            "T/T_min",
            p.sharpness / p.min_sharpness,
            "",
            "",
        ));
        table.row(row(
            "largest eigenvalue",
            "λ_max",
            p.lambda_max,
            curvature,
            "closed form",
        ));
        table.row(row(
            "gradient fluctuation",
            "F",
            p.fluctuation,
            "loss²/weight²",
            "Theorem 1",
        ));
        page.table(&table);

        page.heading("Layer by layer");
        page.table(&self.layers());

        if let (Some(η), Some(stability)) = (self.learning_rate, self.stability()) {
            page.heading(&format!("At the step size η = {}", number(η)));
            page.paragraph(&format!("stability η λ_max/2 = {}", number(stability)));
        }

        if let Some(spectrum) = &self.spectrum {
            page.heading("Hessian eigenvalues, loss/weight²");
            let zeros = self.problem.parameters().saturating_sub(spectrum.len());
            let list: Vec<_> = spectrum.iter().map(|&value| number(value)).collect();
            page.paragraph(&list.join(" "));
            page.paragraph(&format!("and {zeros} times 0"));
        }
        page.finish()
    }

    /// The first layer, those between, which are all alike, and the last.
    fn layers(&self) -> Table {
        let layers = &self.prediction.layers;
        let depth = layers.len();
        let mut table = Table::with_heads(&[
            ("layer", Align::Left),
            ("share of T", Align::Right),
            ("", Align::Right),
            ("share of F", Align::Right),
        ]);
        let distinct = BTreeSet::from([1, depth.min(2), depth]);
        for k in distinct {
            let name = if k == 2 && depth > 3 {
                format!("W_2 … W_{} each", depth - 1)
            } else {
                format!("W_{k}")
            };
            let share = layers[k - 1];
            let percent = 100.0 * share.sharpness / self.prediction.sharpness;
            table.row([
                name,
                number(share.sharpness),
                format!("{percent:.1} %"),
                number(share.fluctuation),
            ]);
        }
        table
    }
}
