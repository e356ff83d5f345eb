//! How much memory there is for the work, compared with what it needs before it begins.
//!
//! ```
//! use thalweg_lab::memory;
//!
//! assert!(memory::fits(1 << 20, 1, "fewer seeds need less").is_ok());
//! let error = memory::fits(1 << 60, 1, "fewer seeds need less").unwrap_err();
//! assert!(error.to_string().contains("fewer seeds need less"));
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// What the program takes beside the work's own numbers: libraries' tables, buffers, what the C library
/// keeps of freed blocks.
const BESIDE: u64 = 8 << 20;

/// The work needs more memory than there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this needs about {} of memory, and there are {} ({limit}): {advice}",
    bytes(*.needed),
    bytes(*.available)
)]
pub struct TooLittle {
    /// What the work takes, bytes.
    pub needed: u64,
    /// What there is, bytes.
    pub available: u64,
    /// What leaves no more.
    pub limit: &'static str,
    /// What needs less.
    pub advice: &'static str,
}

/// Refuses work whose numbers take `numbers` bytes at once where there are fewer; `advice` says what needs less.
/// `threads` of it multiply large matrices. The system is asked anew unless the work is small beside what it said a
/// moment ago.
///
/// # Errors
/// With both numbers, of the limit that is exceeded by most.
pub fn fits(numbers: u64, threads: usize, advice: &'static str) -> Result<(), TooLittle> {
    let resident = numbers.saturating_add(BESIDE);
    // Threads that have once multiplied keep their workspace, which is then among the addresses in use.
    let set_aside = SET_ASIDE.load(Ordering::Relaxed);
    let workspaces = threads.saturating_sub(set_aside) as u64 * workspace();
    let addresses = resident.saturating_add(workspaces);
    let asked = Instant::now();
    // Nothing behind this lock can be left half done.
    let mut allowance = ALLOWANCE.lock().unwrap_or_else(|error| error.into_inner());
    if allowance.covers(numbers.saturating_add(workspaces), asked) {
        PROMISED.fetch_max(threads, Ordering::Relaxed);
        return Ok(());
    }
    let advice = if workspaces > resident && rayon::current_num_threads() > 1 {
        "RAYON_NUM_THREADS=1 in front of the command needs less"
    } else {
        advice
    };
    let over = |available: u64, needed: u64| needed.saturating_sub(available);
    let limits = available().into_iter();
    let limits = limits.map(|(available, of, limit)| match of {
        Of::Addresses => (available, addresses, limit),
        Of::Residents => (available, resident, limit),
    });
    let limits: Vec<(u64, u64, &str)> = limits.collect();
    let spare = |(available, needed, _): &(u64, u64, &str)| available.saturating_sub(*needed);
    *allowance = Allowance::of(limits.iter().map(spare).min().unwrap_or(u64::MAX), asked);
    match limits
        .into_iter()
        .max_by_key(|(available, needed, _)| over(*available, *needed))
    {
        Some((available, needed, limit)) if over(available, needed) > 0 => Err(TooLittle {
            needed,
            available,
            limit,
            advice,
        }),
        _ => {
            PROMISED.fetch_max(threads, Ordering::Relaxed);
            Ok(())
        }
    }
}

/// What small pieces of work may take without another question: a sweep asks for each of its cells, of which there may be
/// thousands in a second, and the answer costs more than reading one.
#[derive(Clone, Copy, Debug, Default)]
struct Allowance {
    bytes: u64,
    asked: Option<Instant>,
}

/// The allowance of the whole process.
static ALLOWANCE: Mutex<Allowance> = Mutex::new(Allowance {
    bytes: 0,
    asked: None,
});

impl Allowance {
    /// Which part of what was spare the work between two questions may take, all of it together.
    const PART: u64 = 16;

    /// For how long an answer holds: other programs take memory too.
    const HOLDS: Duration = Duration::from_secs(1);

    /// After the system said, at `asked`, that `spare` bytes would be left.
    fn of(spare: u64, asked: Instant) -> Self {
        Self {
            bytes: spare / Self::PART,
            asked: Some(asked),
        }
    }

    /// Whether work that takes `needed` bytes may begin at `now` without a question; it is then taken off.
    fn covers(&mut self, needed: u64, now: Instant) -> bool {
        let fresh = self
            .asked
            .is_some_and(|asked| now.saturating_duration_since(asked) < Self::HOLDS);
        match self.bytes.checked_sub(needed) {
            Some(rest) if fresh => {
                self.bytes = rest;
                true
            }
            _ => false,
        }
    }
}

/// The bytes that the tightest limit leaves this process; `None` where the system does not tell.
pub fn left() -> Option<u64> {
    let limits = available().into_iter();
    limits.map(|(available, ..)| available).min()
}

/// The most threads that work of this process was said to multiply with.
static PROMISED: AtomicUsize = AtomicUsize::new(0);

/// Those that have done so, and keep their workspaces.
static SET_ASIDE: AtomicUsize = AtomicUsize::new(0);

/// Says that the work which was asked about is done: what follows finds its workspaces.
pub(crate) fn worked() {
    SET_ASIDE.fetch_max(PROMISED.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// What a limit counts: addresses that are set aside, or memory in use.
#[derive(Clone, Copy)]
enum Of {
    Addresses,
    Residents,
}

/// What each limit leaves; nothing where the system does not tell.
fn available() -> Vec<(u64, Of, &'static str)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (limits, status) = (read("/proc/self/limits"), read("/proc/self/status"));
    let left = |limit: &str, used: &str| {
        Some(limit_of(&limits, limit)?.saturating_sub(kilobytes(&status, used)?))
    };
    let free = || {
        let machine = read("/proc/meminfo");
        Some(kilobytes(&machine, "MemAvailable:")? + kilobytes(&machine, "SwapFree:").unwrap_or(0))
    };
    // Where the system promises no more than it has.
    let promised = || {
        let strict = read("/proc/sys/vm/overcommit_memory").trim() == "2";
        let machine = read("/proc/meminfo");
        let limit = strict.then(|| kilobytes(&machine, "CommitLimit:"))??;
        Some(limit.saturating_sub(kilobytes(&machine, "Committed_AS:")?))
    };
    let all = [
        (
            left("Max address space", "VmSize:"),
            Of::Addresses,
            "ulimit -v",
        ),
        (left("Max data size", "VmData:"), Of::Addresses, "ulimit -d"),
        (promised(), Of::Addresses, "the machine's commit limit"),
        (control_group(), Of::Residents, "the control group's limit"),
        (free(), Of::Residents, "the machine's free memory"),
    ];
    let known = all.into_iter();
    known
        .filter_map(|(bytes, of, limit)| Some((bytes?, of, limit)))
        .collect()
}

/// The addresses that the matrix library sets aside for the products of one thread, on x86: twice the
/// processor's third cache. It uses as much of them as a product's factors take.
fn workspace() -> u64 {
    if !cfg!(target_arch = "x86_64") {
        return 0;
    }
    static SIZE: OnceLock<u64> = OnceLock::new();
    *SIZE.get_or_init(|| {
        let size = fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size");
        2 * size.ok().and_then(|text| cache_size(&text)).unwrap_or(0)
    })
}

/// Bytes of a text such as `32768K`.
fn cache_size(text: &str) -> Option<u64> {
    let text = text.trim();
    match (text.strip_suffix('K'), text.strip_suffix('M')) {
        (Some(count), _) => Some(count.parse::<u64>().ok()? << 10),
        (_, Some(count)) => Some(count.parse::<u64>().ok()? << 20),
        _ => text.parse().ok(),
    }
}

/// How many threads, the working ones and the first, multiply matrices of this dimension by the library's large
/// kernel, which takes a workspace for each.
pub fn multiplying(dimension: usize) -> usize {
    if dimension > SMALL_PRODUCT {
        rayon::current_num_threads() + 1
    } else {
        0
    }
}

/// The largest dimension of products without a workspace.
const SMALL_PRODUCT: usize = 16;

/// Whether the address space has a limit.
pub fn addresses_are_limited() -> bool {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    limit_of(&limits, "Max address space").is_some()
}

/// The soft limit `name` in the text of `/proc/self/limits`; `None` where it is unlimited.
fn limit_of(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The bytes under `name` in a text such as `/proc/meminfo`, which counts in kB.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let count: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(count * 1024)
}

/// What is left in this process's control group and in those around it.
fn control_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let root = Path::new("/sys/fs/cgroup");
    // Version 2 has one hierarchy, without a controller's name; version 1 one for each.
    let of = |line: &str| match line.splitn(3, ':').collect::<Vec<_>>()[..] {
        [_, "", path] => within(root, path, ["memory.max", "memory.current"]),
        [_, controllers, path] if controllers.split(',').any(|name| name == "memory") => within(
            &root.join("memory"),
            path,
            ["memory.limit_in_bytes", "memory.usage_in_bytes"],
        ),
        _ => None,
    };
    groups.lines().filter_map(of).min()
}

/// The least that is left from `root` down to `root`/`path`. In a container the path may be the host's; what
/// does not exist here has no limit here.
fn within(root: &Path, path: &str, [limit, usage]: [&str; 2]) -> Option<u64> {
    let group: PathBuf = root.join(path.trim_start_matches('/'));
    let number = |folder: &Path, name| -> Option<u64> {
        fs::read_to_string(folder.join(name))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    let left = |folder: &Path| {
        let used = number(folder, usage)?;
        // Pages of files that can be dropped count as used.
        let text = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let cached = text
            .lines()
            .find_map(|line| line.strip_prefix("inactive_file "))
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        Some(number(folder, limit)?.saturating_sub(used.saturating_sub(cached)))
    };
    group
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .filter_map(left)
        .min()
}

/// A number of bytes as people say it.
fn bytes(count: u64) -> String {
    let (unit, name) = match count {
        0..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        1_000_000_000..1_000_000_000_000 => (1e9, "GB"),
        _ => (1e12, "TB"),
    };
    format!("{:.1} {name}", count as f64 / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max data size             unlimited            unlimited            bytes
Max address space         61440000             61440000             bytes
";

    #[test]
    fn limits_are_read_by_their_names() {
        assert_eq!(limit_of(LIMITS, "Max address space"), Some(61_440_000));
        assert_eq!(limit_of(LIMITS, "Max data size"), None);
        assert_eq!(limit_of(LIMITS, "Max open files"), None);
        let status = "VmPeak:\t    9000 kB\nVmSize:\t    5412 kB\n";
        assert_eq!(kilobytes(status, "VmSize:"), Some(5412 * 1024));
        assert_eq!(kilobytes(status, "VmData:"), None);
    }

    #[test]
    fn a_group_has_what_the_groups_around_it_leave() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("outer/inner");
        fs::create_dir_all(&inner).unwrap();
        let names = ["memory.max", "memory.current"];
        let set = |folder: &Path, max: &str, current: &str| {
            fs::write(folder.join(names[0]), format!("{max}\n")).unwrap();
            fs::write(folder.join(names[1]), format!("{current}\n")).unwrap();
        };
        let left = |path| within(root.path(), path, names);
        assert_eq!(left("/outer/inner"), None);
        set(&inner, "max", "700");
        assert_eq!(left("/outer/inner"), None);
        set(&inner, "1000", "700");
        assert_eq!(left("/outer/inner"), Some(300));
        // Of the outer group's 900 bytes 250 are files' pages.
        set(&root.path().join("outer"), "1000", "900");
        assert_eq!(left("/outer/inner"), Some(100));
        let stat = "anon 650\ninactive_file 250\n";
        fs::write(root.path().join("outer/memory.stat"), stat).unwrap();
        assert_eq!(left("/outer/inner"), Some(300));
        // The path is that of the host: what is seen here is the root.
        set(root.path(), "5000", "4990");
        assert_eq!(left("/docker/0123"), Some(10));
    }

    /// All that begins on one answer is together a sixteenth of what was spare, and begins within a second of it.
    #[test]
    fn small_work_is_covered_by_the_last_answer_and_nothing_else_is() {
        let asked = Instant::now();
        let soon = asked + Duration::from_millis(900);
        let mut allowance = Allowance::of(1600, asked);
        assert!(!allowance.covers(101, soon));
        assert!(allowance.covers(60, soon) && !allowance.covers(41, soon));
        assert!(allowance.covers(40, soon) && !allowance.covers(1, soon));
        assert!(!Allowance::of(1600, asked).covers(1, asked + Duration::from_secs(1)));
        // Before the first answer.
        assert!(!Allowance::default().covers(0, asked));
    }

    #[test]
    fn caches_are_read_in_their_units() {
        assert_eq!(cache_size("32768K\n"), Some(32 << 20));
        assert_eq!(cache_size("96M"), Some(96 << 20));
        assert_eq!(cache_size("many"), None);
    }

    #[test]
    fn bytes_are_said_in_the_units_of_people() {
        assert_eq!(bytes(999_949), "999.9 kB");
        assert_eq!(bytes(61_440_000), "61.4 MB");
        assert_eq!(bytes(32_000_000_000), "32.0 GB");
        assert_eq!(bytes(u64::MAX), "18446744.1 TB");
    }
}
