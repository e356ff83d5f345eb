//! Calls into a library that panics at bytes which are not its own: the panic becomes an error, and says nothing itself.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};

thread_local! {
    /// Whether this thread is inside such a call.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Held while the process's hook is another: one call at a time, and none inside another.
static HOOK: Mutex<()> = Mutex::new(());

/// What `work` gives; nothing where it panics, of which nothing is printed. Panics of other threads meanwhile go to the
/// hook that was there before, and it is there again afterwards.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Nothing behind the lock can be left half done.
    let _one = HOOK.lock().unwrap_or_else(|error| error.into_inner());
    let before = Arc::new(panic::take_hook());
    let others = Arc::clone(&before);
    panic::set_hook(Box::new(move |info| {
        if !GUARDED.get() {
            others(info);
        }
    }));
    GUARDED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(false);
    // Ours holds the other copy.
    drop(panic::take_hook());
    panic::set_hook(match Arc::try_unwrap(before) {
        Ok(before) => before,
        Err(before) => Box::new(move |info| before(info)),
    });
    result.ok()
}

#[cfg(test)]
#[allow(clippy::panic, reason = "panics are what is tested")]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// All in one test: the hook is the whole process's.
    #[test]
    fn a_guarded_panic_says_nothing_and_all_others_do() {
        static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let words = info.payload().downcast_ref::<&str>().copied();
            match words.filter(|words| words.starts_with("of a guarded test")) {
                Some(words) => SAID.lock().unwrap().push(words.to_owned()),
                // Other tests run at the same time.
                None => earlier(info),
            }
        }));
        assert_eq!(guarded(|| 3), Some(3));
        assert_eq!(guarded::<()>(|| panic!("of a guarded test: inside")), None);
        let elsewhere = || -> () { panic!("of a guarded test: another thread") };
        let result = guarded(|| std::thread::spawn(elsewhere).join().is_err());
        assert_eq!(result, Some(true));
        let after = panic::catch_unwind(|| panic!("of a guarded test: after"));
        assert!(after.is_err());
        let expected = ["another thread", "after"].map(|word| format!("of a guarded test: {word}"));
        assert_eq!(*SAID.lock().unwrap(), expected);
    }
}
