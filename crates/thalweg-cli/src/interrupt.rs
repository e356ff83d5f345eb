//! Ctrl-C and SIGTERM: the first asks the work to stop where nothing is lost, the second leaves at once.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on Ctrl-C, or SIGTERM as batch systems send it, sets [`asked`] instead of ending the program.
///
/// # Errors
/// When the operating system refuses the handler.
pub fn listen() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the flag that the first signal sets lets the second one end the program.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&ASKED))?;
        flag::register(signal, Arc::clone(&ASKED))?;
    }
    Ok(())
}

/// Whether either was received.
pub fn asked() -> &'static AtomicBool {
    &ASKED
}
