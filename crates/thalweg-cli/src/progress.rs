//! A progress bar with the time left, on standard error, for terminals alone.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar over `total` units of `unit`; invisible where standard error is not a terminal.
pub fn bar(total: u64, unit: &str) -> ProgressBar {
    let template =
        format!("{{msg}} [{{bar:30}}] {{percent:>3}} % of {{human_len}} {unit}, {{eta}} left");
    // The template is fixed but for the unit, and a bar that looks wrong must not end a run.
    let style = ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(5))
        .with_style(style)
}
