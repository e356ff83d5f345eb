//! `thalweg predict`: where SGD ends as η → 0, in closed form.

use std::collections::BTreeSet;

use clap::Args;
use thalweg::flow::{Waypoint, is_turned};
use thalweg_lab::answer::{
    AnswerError, PredictAnswer, PredictedRun, Prepared, SimulatedEnd, lists_spectrum, time_for_runs,
};
use thalweg_lab::quantity::{FLUCTUATION, LAMBDA_MAX, Quantity, SHARPNESS};

use crate::arguments::{ProblemArguments, RecipeArguments, StepArguments, positive};
use crate::exit::Failure;
use crate::interrupt;
use crate::number::{known, number, percent, significant};
use crate::output;
use crate::page::{Align, Page, Table};
use crate::progress;

/// Of T and T_min, relative.
const ROUNDING: f64 = 1e-14;

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
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Also run SGD itself at your --learning-rate and --batch, from the predicted end, until T is known to 1 % or time is up
    #[arg(long, help_heading = "SGD")]
    simulate: bool,
    /// How long --simulate may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, requires = "simulate", value_parser = positive, allow_hyphen_values = true, help_heading = "SGD")]
    seconds: f64,
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
    let problem = &file.problem;
    let rate = arguments.step.learning_rate.or(file.learning_rate);
    let batch = arguments.step.batch().or(file.batch);
    let switches = file.switches(file.steps);
    file.data.validate(batch).map_err(Failure::input)?;
    let recipe = arguments.recipe.over(file.recipe, problem)?;
    let prepared = Prepared::new(problem, recipe, rate.zip(batch))?
        .on(file.data, switches)
        .by_own_drift();
    let listed = arguments.spectrum || (arguments.json && lists_spectrum(&prepared));
    let find = || -> Result<_, AnswerError> {
        let mut answer = PredictAnswer::new(&prepared, listed)?;
        answer.follow_axes()?;
        Ok(answer)
    };
    let mut answer = progress::waiting("looking for the end", find)?;
    if arguments.simulate {
        let step = rate.zip(batch).ok_or_else(|| Failure::input(NoStep))?;
        if let Some(more) = time_for_runs(arguments.seconds, interrupt::asked()) {
            interrupt::patiently();
            progress::waiting("running SGD", || answer.simulate(problem, step, more))?;
        }
    }
    if arguments.json {
        output::print_json(&answer.json())?;
    } else {
        output::print(&Shown(answer).page())?;
    }
    interrupt::if_cut_short()
}

#[derive(Debug, thiserror::Error)]
#[error("--simulate runs SGD at a step of yours: give --learning-rate and --batch")]
struct NoStep;

/// What is answered, as it is shown.
struct Shown<'p>(PredictAnswer<'p>);

impl Shown<'_> {
    /// A number of the minimum, to the digits that the covariances fix.
    fn known(&self, value: f64) -> String {
        known(value, self.0.prepared.known_digits())
    }

    /// T − T_min: what is less than the rounding of the two is 0.
    fn excess(&self) -> String {
        let error = self.0.prepared.uncertainty().max(ROUNDING) * self.0.prediction.sharpness;
        let excess = self.0.excess();
        let digits = (excess / error).log10().floor();
        if digits >= 1.0 {
            known(excess, digits as usize)
        } else {
            "0".to_owned()
        }
    }

    fn page(&self) -> String {
        let mut page = Page::for_output();
        page.problem(self.0.problem);
        page.heading(if self.0.end.is_some() {
            "Where SGD ends as η → 0, with what is added to it"
        } else if self.0.exact_drift.is_some() {
            "Theorem 1's minimum, where gradients fluctuate least"
        } else {
            "Where SGD ends as η → 0"
        });
        page.table(&self.minimum());
        if let (Some(warning), None) = (self.0.misalignment_warning(), &self.0.run) {
            page.paragraph(&warning);
        }
        for note in self.0.prepared.notes() {
            page.paragraph(&note);
        }
        if let Some(end) = &self.0.exact_drift {
            page.heading("Where SGD ends as η → 0, since noise and signal have different axes");
            page.table(&self.beside_theorem_1(end));
        }
        page.heading(if self.0.exact_drift.is_some() {
            "Layer by layer at Theorem 1's minimum"
        } else {
            "Layer by layer at that minimum"
        });
        page.table(&self.layers());
        if let Some(run) = &self.0.run {
            print(run, self.0.prepared.rate(), &mut page);
        }
        let relaxation = self.0.run.as_ref().and_then(|run| run.relaxation);
        if let (Some(_), Some(note)) = (relaxation, self.0.prepared.note_on_unused_units()) {
            page.paragraph(note);
        }
        if let Some(reason) = self.0.no_relaxation() {
            page.paragraph(&format!("No relaxation time is given: {reason}."));
        }
        if let Some(simulated) = &self.0.simulated {
            page.heading("SGD itself at that step, beside the limit");
            page.table(&self.beside(simulated));
            page.paragraph(&simulated.sentence());
        }
        if let Some(spectrum) = &self.0.spectrum {
            page.heading(&format!(
                "Hessian eigenvalues there, in {}",
                LAMBDA_MAX.unit
            ));
            let zeros = self.0.problem.parameters().saturating_sub(spectrum.len());
            let list: Vec<_> = spectrum.iter().map(|&value| self.known(value)).collect();
            page.paragraph(&list.join(" "));
            page.paragraph(&format!("and {zeros} times 0"));
        }
        page.finish()
    }

    /// The end of the exact drift, and by how much Theorem 1's minimum is off.
    fn beside_theorem_1(&self, end: &Waypoint) -> Table {
        let mut table = Table::with_heads(&[
            ("quantity", Align::Left),
            ("symbol", Align::Left),
            ("exact drift", Align::Right),
            ("unit", Align::Left),
            ("from Theorem 1's", Align::Right),
        ]);
        let p = &self.0.prediction;
        let ends = [end.sharpness, end.lambda_max, end.fluctuation];
        let theorem = [p.sharpness, p.lambda_max, p.fluctuation];
        for (i, quantity) in [SHARPNESS, LAMBDA_MAX, FLUCTUATION].iter().enumerate() {
            table.row([
                quantity.words.to_owned(),
                quantity.formula.to_owned(),
                self.known(ends[i]),
                quantity.unit.to_owned(),
                percent(ends[i] / theorem[i] - 1.0),
            ]);
            if i == 0 {
                let ratio = ends[i] / p.min_sharpness;
                table.row(["… relative to T_min", "T/T_min", &self.known(ratio), "", ""]);
            }
        }
        table
    }

    /// Means over SGD's last steps beside the limit.
    fn beside(&self, simulated: &SimulatedEnd) -> Table {
        let mut table = Table::with_heads(&[
            ("", Align::Left),
            ("SGD", Align::Right),
            ("", Align::Left),
            ("limit η → 0", Align::Right),
            ("unit", Align::Left),
        ]);
        let limits = self.0.end_of_sgd();
        for (i, quantity) in [SHARPNESS, LAMBDA_MAX, FLUCTUATION].iter().enumerate() {
            let mean = simulated.means.as_ref().map(|means| means[i]);
            let error = mean.and_then(|mean| mean.standard_error);
            table.row([
                quantity.plain_symbol(),
                mean.map_or_else(|| "–".to_owned(), |mean| number(mean.mean)),
                error.map_or(String::new(), |e| format!("± {}", significant(e, 2))),
                self.known(limits[i]),
                quantity.unit.to_owned(),
            ]);
        }
        table
    }

    fn minimum(&self) -> Table {
        let p = &self.0.prediction;
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
        let [sharpness, lambda_max, fluctuation] = self.0.sharpness_lambda_max_fluctuation();
        let (source, largest, least) = match &self.0.end {
            None => ("eq. 14", "closed form", "Theorem 1"),
            Some(_) => ("flow to its end", "flow to its end", "flow to its end"),
        };
        let (words, formula, unit) = own(SHARPNESS);
        row(words, formula, known(sharpness), unit, source);
        if self.0.end.is_some() {
            // Noise that is turned against the signal leads elsewhere.
            let by_noise = match is_turned(self.0.problem) {
                true => "… where F is least",
                false => "… by the noise alone",
            };
            row(by_noise, "T", known(p.sharpness), unit, "eq. 14");
        }
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
            if self.0.end.is_some() {
                ""
            } else {
                "eq. 14 − 15"
            },
        );
        row(
            "… relative to it",
            "T/T_min",
            known(sharpness / p.min_sharpness),
            "",
            "",
        );
        let (words, formula, unit) = own(LAMBDA_MAX);
        row(words, formula, known(lambda_max), unit, largest);
        let (words, formula, unit) = own(FLUCTUATION);
        row(words, formula, known(fluctuation), unit, least);
        row(
            "initial T, Kaiming, mean",
            "E T",
            number(self.0.kaiming),
            curvature,
            "eq. 67",
        );
        row(
            "initial T, Xavier, mean",
            "E T",
            number(self.0.xavier),
            curvature,
            "eq. 68",
        );
        if let Some(bounds) = &self.0.bounds {
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
        let depth = self.0.problem.depth();
        let mut table = Table::with_heads(&[
            ("layer", Align::Left),
            ("share of T", Align::Right),
            ("", Align::Right),
            ("share of F", Align::Right),
            ("condition number", Align::Right),
        ]);
        let alike = self.0.end.is_none() && depth > 3;
        let shown = if alike {
            BTreeSet::from([1, 2, depth])
        } else {
            (1..=depth).collect()
        };
        for k in shown {
            let name = if k == 2 && alike {
                format!("W_2 … W_{} each", depth - 1)
            } else {
                format!("W_{k}")
            };
            let share = self.0.layers()[k - 1];
            let part = share.sharpness / self.0.sharpness_lambda_max_fluctuation()[0];
            let known = |value| self.known(value);
            table.row([
                name,
                known(share.sharpness),
                percent(part),
                known(share.fluctuation),
                known(self.0.conditioning[k - 1].condition_number),
            ]);
        }
        table
    }
}

/// What depends on the step size, of symbol `rate`, and the batch.
fn print(run: &PredictedRun, rate: &str, page: &mut Page) {
    let effective = if run.effective_rate == run.learning_rate {
        String::new()
    } else {
        format!(", {rate} = {}", number(run.effective_rate))
    };
    page.heading(&format!(
        "At η = {}{effective} and B = {}",
        number(run.learning_rate),
        run.batch
    ));
    let mut table = Table::new(&[Align::Left, Align::Left, Align::Right]);
    let validity = &run.validity;
    table.row([
        "stability number, 1 at the edge",
        &validity.stability_formula.replace('/', " / "),
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
            run.weighted_fluctuation
        }),
    ]);
    if let Some(steps) = run.relaxation {
        table.row([
            "relaxation time, in steps",
            &format!("B / ({rate}² rate)"),
            &number(steps),
        ]);
    }
    page.table(&table);
    page.paragraph(&run.belief.sentence);
}
