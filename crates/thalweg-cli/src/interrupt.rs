//! Ctrl-C and SIGTERM: the first ends the program within a second, the second at once.
//!
//! Work that can stop where nothing is lost says so ([`patiently`]) and looks at [`asked`]; if it has not
//! stopped within [`PATIENCE`], because one step, measurement or decomposition takes longer, it is cut off,
//! and what it saved last is kept. All other work has nothing to lose and is cut off at once. So no loop of
//! the libraries needs to know of signals.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Failure;
use crate::leave;

/// The exit status after a signal.
pub const STATUS: i32 = 130;

/// How long work that saves its state has for that.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the signals are looked for.
const LOOK: Duration = Duration::from_millis(50);

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// What the work makes of a signal.
static WORK: AtomicU8 = AtomicU8::new(LOSES_NOTHING);

const LOSES_NOTHING: u8 = 0;
const LOOKS: u8 = 1;
const SAVES: u8 = 2;

/// From now on Ctrl-C, and SIGTERM as batch systems send it, end the program as described above.
///
/// # Errors
/// When the operating system refuses the handlers or a thread.
pub fn listen() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the flag that the first signal sets lets the second one end the program.
        flag::register_conditional_shutdown(signal, STATUS, Arc::clone(&ASKED))?;
        flag::register(signal, Arc::clone(&ASKED))?;
    }
    let watch = thread::Builder::new().stack_size(1 << 17);
    watch.spawn(watch_for_signals)?;
    Ok(())
}

/// Whether either was received.
pub fn asked() -> &'static AtomicBool {
    &ASKED
}

/// Ends a command that has printed its answer with the status of one that was interrupted, where a signal ended its runs of SGD early.
///
/// # Errors
/// When a signal was received.
pub fn if_cut_short() -> Result<(), Failure> {
    if ASKED.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted(
            "Stopped. The runs of SGD ended early: what is printed of them is as far as they came."
                .to_owned(),
        ));
    }
    Ok(())
}

/// The work looks at [`asked`] from now on, and stops where nothing is lost.
pub fn patiently() {
    WORK.store(LOOKS, Ordering::Relaxed);
}

/// The work has stopped and saves its state: that may take as long as the disk needs.
pub fn saving() {
    WORK.store(SAVES, Ordering::Relaxed);
}

/// What is still to be done loses nothing when it is cut off.
pub fn impatiently() {
    WORK.store(LOSES_NOTHING, Ordering::Relaxed);
}

fn watch_for_signals() {
    while !ASKED.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
    }
    let since = Instant::now();
    loop {
        match WORK.load(Ordering::Relaxed) {
            LOOKS if since.elapsed() < PATIENCE => {}
            SAVES => {}
            _ => break,
        }
        thread::sleep(LOOK);
    }
    // A progress bar's line has no end yet.
    let line = if io::stderr().is_terminal() { "\n" } else { "" };
    leave::at_once(STATUS, format_args!("{line}stopped"));
}
