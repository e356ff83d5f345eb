//! Ctrl-C: the first asks the work to stop where nothing is lost, the second leaves at once.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C sets [`asked`] instead of ending the program.
///
/// # Errors
/// When the operating system refuses the handler.
pub fn listen() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
}

/// Whether Ctrl-C was pressed.
pub fn asked() -> &'static AtomicBool {
    &ASKED
}
