//! What is being done and how long it takes, on standard error, for terminals alone.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of `total` parts, called `whole` together, with the time left; invisible where standard error is not a terminal.
pub fn bar(total: u64, whole: &str) -> ProgressBar {
    styled(
        total,
        &format!("{{msg}} [{{bar:30}}] {{percent:>3}} % of {whole}, {{eta}} left"),
    )
}

/// The same of parts that take unlike times: with the time that has gone by; the time left cannot be told from it.
pub fn bar_of_unlike(total: u64, whole: &str) -> ProgressBar {
    let bar = styled(
        total,
        &format!("[{{bar:30}}] {{msg}}, {{elapsed}} for {whole}"),
    );
    bar.enable_steady_tick(SOON);
    bar
}

fn styled(total: u64, template: &str) -> ProgressBar {
    // The template is fixed but for the name, and a bar that looks wrong must not end a run.
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::with_draw_target(Some(total), drawn()).with_style(style)
}

/// Nobody waits for less.
const SOON: Duration = Duration::from_secs(1);

/// Does `work`, of which no part is known beforehand, and says after a while `what` that is and for how long it has gone on.
pub fn waiting<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let (working, over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let say = move || {
            if over.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout) {
                let style = ProgressStyle::with_template("{spinner} {msg} for {elapsed}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner());
                let spinner = ProgressBar::with_draw_target(None, drawn())
                    .with_style(style)
                    .with_message(what)
                    .with_elapsed(SOON);
                spinner.enable_steady_tick(SOON);
                // Until `working` is dropped, by a panic too.
                let _ = over.recv();
                spinner.finish_and_clear();
            }
        };
        // The work is done without it as well.
        let _ = thread::Builder::new().spawn_scoped(scope, say);
        let _working = working;
        work()
    })
}

fn drawn() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr_with_hz(5)
}
