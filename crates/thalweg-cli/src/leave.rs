//! Leaves the program at once, from anywhere, with a sentence that says what is kept.

use std::fmt::Arguments;
use std::io::{Cursor, Write};
use std::sync::Mutex;

/// What stays when the work is cut off.
static KEPT: Mutex<Option<String>> = Mutex::new(None);

/// From now on `words` say what is there if the work is cut off.
pub fn keeping(words: String) {
    let before = match KEPT.lock() {
        Ok(mut kept) => kept.replace(words),
        Err(_) => return,
    };
    drop(before);
}

/// Ends the program with `status`, without another look at what it was doing; `words` come before what is
/// kept. Files are written whole or not at all, so this is as safe as kill -9.
///
/// Nothing is allocated and no lock is waited for: this is where an allocation that failed ends.
pub fn at_once(status: i32, words: Arguments<'_>) -> ! {
    let mut sentence = [0; 1024];
    let mut to = Cursor::new(&mut sentence[..]);
    // What is too long is cut; there is nobody to tell.
    let _ = match KEPT.try_lock().as_deref() {
        Ok(Some(kept)) => writeln!(to, "{words}; {kept}"),
        _ => writeln!(to, "{words}"),
    };
    let length = to.position() as usize;
    print_raw(&sentence[..length]);
    signal_hook::low_level::exit(status)
}

/// Standard error has a lock in the standard library, which whoever failed to allocate may hold.
fn print_raw(bytes: &[u8]) {
    // SAFETY: the pointer and the length are those of a slice.
    let _ = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
}
