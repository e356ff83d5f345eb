//! A progress bar with the time left, on standard error, for terminals alone.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `total` parts, called `whole` together; invisible where standard error is not a terminal.
pub fn bar(total: u64, whole: &str) -> ProgressBar {
    let template = format!("{{msg}} [{{bar:30}}] {{percent:>3}} % of {whole}, {{eta}} left");
    // The template is fixed but for the name, and a bar that looks wrong must not end a run.
    let style = ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(5))
        .with_style(style)
}
