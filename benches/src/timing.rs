//! Wall and processor time, and medians.

use std::time::Instant;

use serde::Serialize;

/// Nanoseconds by two clocks, all in all or for one of many.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Time {
    /// By the wall.
    pub wall: f64,
    /// Processor time of all threads; absent where the system does not tell.
    pub processor: Option<f64>,
}

/// Both clocks, started.
pub struct Clocks {
    wall: Instant,
    processor: Option<f64>,
}

impl Clocks {
    /// From now on.
    pub fn start() -> Self {
        Self {
            processor: processor(),
            wall: Instant::now(),
        }
    }

    /// Seconds by the wall: cheap to ask.
    pub fn seconds(&self) -> f64 {
        self.wall.elapsed().as_secs_f64()
    }

    /// What has passed, divided by `count`.
    pub fn per(&self, count: f64) -> Time {
        let wall = self.wall.elapsed().as_nanos() as f64;
        let processor = processor().zip(self.processor);
        Time {
            wall: wall / count,
            processor: processor.map(|(end, start)| (end - start) / count),
        }
    }
}

impl Time {
    /// The medians of rounds, clock by clock.
    pub fn median(rounds: &[Self]) -> Self {
        Self {
            wall: median(rounds.iter().map(|round| round.wall).collect()),
            processor: rounds
                .iter()
                .map(|round| round.processor)
                .collect::<Option<_>>()
                .map(median),
        }
    }
}

/// Nanoseconds that this process' threads have run, by Linux's scheduler statistics.
fn processor() -> Option<f64> {
    let mut total = 0.0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let path = thread.ok()?.path().join("schedstat");
        let statistics = std::fs::read_to_string(path).ok()?;
        total += statistics.split_whitespace().next()?.parse::<f64>().ok()?;
    }
    Some(total)
}

/// The median.
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    if times.len() % 2 == 1 {
        times[middle]
    } else {
        f64::midpoint(times[middle - 1], times[middle])
    }
}
