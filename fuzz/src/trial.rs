//! One damaged input given to one reader: accepted, refused, or a finding.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::allocation::take_largest;
use crate::corpus::Error;
use crate::mutate::Mutator;
use crate::targets::{Read, Target};

/// No small binary file needs so many bytes at once.
const MOST_BYTES: usize = 1 << 28;
/// A few words of text may ask for a matrix of the largest dimension accepted, 16384.
const MOST_BYTES_ASKED: usize = 1 << 31;
/// Nor so long.
const MOST_TIME: Duration = Duration::from_secs(20);

/// What is not told as an error.
pub struct Finding {
    pub what: String,
    pub input: Vec<u8>,
}

/// A target ready for its inputs.
pub struct Trials {
    name: &'static str,
    text: bool,
    seed: u64,
    seeds: Vec<Vec<u8>>,
    read: Read,
}

thread_local! {
    /// What the last panic of this thread said, and where.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics are caught and reported; nothing prints them.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|info| {
        PANIC.with(|panic| *panic.borrow_mut() = info.to_string());
    }));
}

impl Trials {
    /// The target with its whole inputs, which its reader must accept.
    pub fn new(target: &'static Target, seed: u64) -> Result<Self, Error> {
        let (seeds, mut read) = (target.open)()?;
        for whole in &seeds {
            if !read(whole)? {
                return Err("a whole input is refused".into());
            }
        }
        Ok(Self {
            name: target.name,
            text: target.text,
            seed,
            seeds,
            read,
        })
    }

    /// Input `number`: whether it was accepted.
    pub fn run(&mut self, number: u64) -> Result<bool, Finding> {
        let input = Mutator::new(self.name, self.seed, number).input(&self.seeds, self.text);
        take_largest();
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.read)(&input)));
        let (bytes, time) = (take_largest(), started.elapsed());
        let most = if self.text {
            MOST_BYTES_ASKED
        } else {
            MOST_BYTES
        };
        let what = match outcome {
            Err(_) => format!("panicked: {}", PANIC.with(|panic| panic.take())),
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(_)) if bytes > most => format!("asked for {bytes} bytes at once"),
            Ok(Ok(_)) if time > MOST_TIME => format!("took {:.0} s", time.as_secs_f64()),
            Ok(Ok(accepted)) => return Ok(accepted),
        };
        Err(Finding { what, input })
    }
}
