//! Works on a store's cells, on all cores, beside any number of other processes.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::cell::Cell;
use super::claims::Worker;
use super::error::SweepError;
use super::pack::{self, CellOutcome, CellRecord, Packs};
use super::spent;
use super::store::Store;
use crate::answer::with_causes;
use crate::network::NetworkError;
use crate::run::{Measurements, MemoryRun, Note, Observer, RunError};
use crate::saved::SavedError;
use crate::store::{Lock, StoreError, remove_unfinished};

/// Which cells are to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of the sweep.
    All,
    /// Those of these numbers.
    Cells(Vec<usize>),
}

/// How a call works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Whether cells that could not be run are tried again.
    pub retry: bool,
    /// How often the state of a cell is put on the disk, once it has taken that long: what a kill can cost of it.
    pub save_every: Duration,
}

impl Default for Task {
    /// Failures stay; states are saved every ten seconds.
    fn default() -> Self {
        Self {
            retry: false,
            save_every: Duration::from_secs(10),
        }
    }
}

/// What a call did, and what it left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Cells that it ran to their end.
    pub finished: usize,
    /// Cells that it could not run; their reasons are in the store.
    pub failed: usize,
    /// Cells that another process is working on.
    pub elsewhere: usize,
    /// Whether it was asked to stop before its end.
    pub stopped: bool,
}

/// Listens to a call of [`run`]; every method does nothing unless it is given.
pub trait Progress: Sync {
    /// So many of the wanted cells were done before.
    fn begun(&self, done: usize, wanted: usize) {
        let _ = (done, wanted);
    }

    /// The cell `number` is done.
    fn done(&self, number: usize, record: &CellRecord) {
        let _ = (number, record);
    }

    /// So many cells are safe on the disk since the call began.
    fn saved(&self, cells: usize) {
        let _ = cells;
    }

    /// Something worth telling happened to the cell `number`.
    fn note(&self, number: usize, note: Note) {
        let _ = (number, note);
    }

    /// The work stops, and saves what it has.
    fn stopping(&self) {}
}

/// Listens to nothing.
impl Progress for () {}

/// How long outcomes of short cells wait for others, so that they share a file: what a kill can cost of them.
const TOGETHER: Duration = Duration::from_millis(250);

/// The most rows that wait.
const MOST_ROWS: usize = 1 << 18;

/// How long the cells that are claimed at once should take.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The most of them.
const MOST_AT_ONCE: usize = 1 << 14;

/// Does the cells of `store` that are wanted and not done, on all threads, until `stop`. Cells that other processes are
/// working on are left to them. Whatever is interrupted and repeated, each cell's numbers are the same to the last bit.
///
/// # Errors
/// When a cell is asked for that is not there, another version began the store, its data are others now, or a file cannot be read or written. A cell
/// that cannot be run is no error: its outcome says why.
pub fn run(
    store: &Store,
    which: &Which,
    task: Task,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Done, SweepError> {
    store.check_continuation()?;
    let mut queue = Queue::new(store, which, task)?;
    queue.join()?;
    progress.begun(queue.total - queue.wanted.len(), queue.total);
    let work = Work {
        store,
        task,
        progress,
        stop,
        halt: AtomicBool::new(false),
        queue: Mutex::new(queue),
        pending: Mutex::new(Pending::new()),
        error: Mutex::new(None),
        saved: Mutex::new(0),
    };
    rayon::broadcast(|_| work.go());
    if stop.load(Ordering::Relaxed) {
        progress.stopping();
    }
    let pending = std::mem::replace(&mut *lock(&work.pending), Pending::new());
    let flushed = work.flush(pending);
    if let Some(error) = lock(&work.error).take() {
        return Err(error);
    }
    flushed?;
    let mut queue = work
        .queue
        .into_inner()
        .unwrap_or_else(|error| error.into_inner());
    let stopped = stop.load(Ordering::Relaxed);
    if !stopped {
        queue.collect()?;
    }
    Ok(Done {
        elsewhere: if stopped { 0 } else { queue.wanted.len() },
        stopped,
        ..queue.done
    })
}

/// Nothing behind these locks can be left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|error| error.into_inner())
}

/// What the threads of a call share.
struct Work<'s> {
    store: &'s Store,
    task: Task,
    progress: &'s dyn Progress,
    stop: &'s AtomicBool,
    /// Set when one thread cannot go on, or `stop` was.
    halt: AtomicBool,
    queue: Mutex<Queue<'s>>,
    pending: Mutex<Pending>,
    error: Mutex<Option<SweepError>>,
    saved: Mutex<usize>,
}

impl Work<'_> {
    /// What each thread does.
    fn go(&self) {
        let one = || -> Result<bool, SweepError> {
            if self.stops() {
                return Ok(false);
            }
            let next = lock(&self.queue).next()?;
            match next {
                None => Ok(false),
                Some(number) => self.one(number),
            }
        };
        loop {
            match one() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.halt.store(true, Ordering::Relaxed);
                    lock(&self.error).get_or_insert(error);
                    return;
                }
            }
        }
    }

    fn stops(&self) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            self.halt.store(true, Ordering::Relaxed);
        }
        self.halt.load(Ordering::Relaxed)
    }

    /// Does the cell `number`; false if it was stopped on the way.
    fn one(&self, number: usize) -> Result<bool, SweepError> {
        let cell = self.store.sweep().cell(number)?;
        let mut clock = Clock::of(self.store.running(cell.key));
        let (outcome, measurements) = match self.attempt(&cell, &mut clock)? {
            Ok(run) if !run.finished => {
                clock.save()?;
                return Ok(false);
            }
            Ok(run) => (CellOutcome::Finished(run.outcomes), run.measurements),
            Err(error) => (
                CellOutcome::Failed(with_causes(&error)),
                Measurements::default(),
            ),
        };
        let record = CellRecord {
            key: cell.key,
            outcome,
            seconds: clock.seconds(),
            rows: measurements.len(),
        };
        self.progress.done(number, &record);
        lock(&self.queue).count(&record);
        self.keep(record, &measurements)?;
        Ok(true)
    }

    /// Runs `cell`; an error inside is the cell's own.
    fn attempt(
        &self,
        cell: &Cell,
        clock: &mut Clock,
    ) -> Result<Result<MemoryRun, RunError>, SweepError> {
        let path = clock.directory.clone();
        let mut again = true;
        loop {
            let mut watch = Watch {
                work: self,
                number: cell.number,
                clock,
            };
            let ran = cell
                .experiment
                .run(&path, self.task.save_every, &mut watch, &self.halt);
            let error = match ran {
                Ok(run) => return Ok(Ok(run)),
                Err(error) => error,
            };
            match error {
                RunError::Store(error)
                | RunError::Network(NetworkError::Saved(SavedError::Store(error))) => match error {
                    error @ StoreError::OtherData { .. } => {
                        return Ok(Err(RunError::Store(error)));
                    }
                    error @ (StoreError::Write { .. } | StoreError::Locked { .. }) => {
                        return Err(error.into());
                    }
                    // What was saved of it is damaged: from its start it gives the same numbers.
                    _ if again && path.is_dir() => {
                        remove_directory(&path)?;
                        *clock = Clock::of(path.clone());
                        again = false;
                    }
                    error => return Err(error.into()),
                },
                error => return Ok(Err(error)),
            }
        }
    }

    /// Puts a record with those that wait, and all of them on the disk when it is time.
    fn keep(&self, record: CellRecord, measurements: &Measurements) -> Result<(), SweepError> {
        let due = {
            let mut pending = lock(&self.pending);
            let directory = self.store.running(record.key);
            if directory.is_dir() {
                pending.directories.push(directory);
            }
            pending.measurements.append(measurements);
            pending.records.push(record);
            pending
                .is_due()
                .then(|| std::mem::replace(&mut *pending, Pending::new()))
        };
        due.map_or(Ok(()), |due| self.flush(due))
    }

    fn flush(&self, pending: Pending) -> Result<(), SweepError> {
        let count = pending.records.len();
        if count == 0 {
            return Ok(());
        }
        pack::write(&self.store.packs(), pending.records, &pending.measurements)?;
        for directory in pending.directories {
            remove_directory(&directory)?;
        }
        let mut saved = lock(&self.saved);
        *saved += count;
        self.progress.saved(*saved);
        Ok(())
    }
}

fn remove_directory(path: &std::path::Path) -> Result<(), StoreError> {
    fs::remove_dir_all(path).map_err(|source| StoreError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Outcomes that are not on the disk yet.
struct Pending {
    records: Vec<CellRecord>,
    measurements: Measurements,
    /// Of cells that were saved on their way.
    directories: Vec<PathBuf>,
    since: Instant,
}

impl Pending {
    fn new() -> Self {
        Self {
            records: Vec::new(),
            measurements: Measurements::default(),
            directories: Vec::new(),
            since: Instant::now(),
        }
    }

    fn is_due(&self) -> bool {
        self.since.elapsed() >= TOGETHER || self.measurements.len() >= MOST_ROWS
    }
}

/// How long a cell takes, with the time that led to the state which it goes on from.
struct Clock {
    /// Of the cell, which is there once its state is saved.
    directory: PathBuf,
    /// Seconds.
    before: f64,
    begun: Instant,
}

impl Clock {
    fn of(directory: PathBuf) -> Self {
        Self {
            before: spent::read(&directory),
            directory,
            begun: Instant::now(),
        }
    }

    fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    /// Puts it beside the cell's state, where one is saved.
    fn save(&self) -> Result<(), StoreError> {
        if !self.directory.is_dir() {
            return Ok(());
        }
        spent::write(&self.directory, self.seconds())
    }
}

/// Hands a cell's news on, and the wish to stop to it.
struct Watch<'w, 's> {
    work: &'w Work<'s>,
    number: usize,
    clock: &'w Clock,
}

impl Observer for Watch<'_, '_> {
    fn progress(&mut self, _done: u64, _total: u64) {
        self.work.stops();
    }

    fn stopping(&mut self) {
        self.work.progress.stopping();
    }

    fn saved(&mut self, _step: u64) {
        if let Err(error) = self.clock.save() {
            self.work.halt.store(true, Ordering::Relaxed);
            lock(&self.work.error).get_or_insert(error.into());
        }
    }

    fn note(&mut self, note: Note) {
        self.work.progress.note(self.number, note);
    }
}

/// The cells that are still to be done, and those of them that are this process's.
struct Queue<'s> {
    store: &'s Store,
    worker: Option<Worker>,
    packs: Packs,
    /// How many cells are wanted in all.
    total: usize,
    wanted: VecDeque<usize>,
    ready: VecDeque<usize>,
    /// Claimed, and not known to be done.
    claimed: Vec<u64>,
    /// Failed before this call, to be tried again, once.
    again: HashSet<u64>,
    begun: Instant,
    taken: usize,
    done: Done,
}

impl<'s> Queue<'s> {
    fn new(store: &'s Store, which: &Which, task: Task) -> Result<Self, SweepError> {
        let cells = store.cells().len();
        let numbers: Vec<usize> = match which {
            Which::All => (0..cells).collect(),
            Which::Cells(numbers) => {
                if let Some(&number) = numbers.iter().find(|&&number| number >= cells) {
                    return Err(SweepError::NoCell { number, cells });
                }
                numbers.clone()
            }
        };
        let mut seen = HashSet::new();
        let first = numbers.iter().map(|&number| store.first(number));
        let wanted: VecDeque<usize> = first.filter(|&number| seen.insert(number)).collect();
        let packs = Packs::read(&store.packs())?;
        let failed = |number: &usize| {
            let key = store.cells()[*number].key;
            packs
                .get(key)
                .is_some_and(CellRecord::has_failed)
                .then_some(key)
        };
        let again = if task.retry {
            wanted.iter().filter_map(failed).collect()
        } else {
            HashSet::new()
        };
        Ok(Self {
            store,
            worker: None,
            packs,
            total: wanted.len(),
            wanted,
            ready: VecDeque::new(),
            claimed: Vec::new(),
            again,
            begun: Instant::now(),
            taken: 0,
            done: Done::default(),
        })
    }

    /// Becomes one of those who work on the store, unless there is nothing to do.
    fn join(&mut self) -> Result<(), SweepError> {
        let (packs, again, store) = (&self.packs, &self.again, self.store);
        self.wanted.retain(|&number| {
            let key = store.cells()[number].key;
            packs.get(key).is_none() || again.contains(&key)
        });
        if self.wanted.is_empty() {
            return Ok(());
        }
        let _lock = Lock::take(self.store.path(), Lock::FOR_A_PAGE)?;
        let worker = Worker::join(&self.store.workers())?;
        if worker.others()?.alive == 0 {
            remove_unfinished(&self.store.packs())?;
        }
        self.worker = Some(worker);
        Ok(())
    }

    /// The next cell; nothing where all are done or are others'.
    fn next(&mut self) -> Result<Option<usize>, SweepError> {
        if self.ready.is_empty() && !self.wanted.is_empty() {
            self.claim()?;
        }
        Ok(self.ready.pop_front())
    }

    /// Makes cells that are free this process's own.
    fn claim(&mut self) -> Result<(), SweepError> {
        let Some(worker) = &mut self.worker else {
            return Ok(());
        };
        let count = batch(self.taken, self.begun.elapsed());
        let _lock = Lock::take(self.store.path(), Lock::FOR_A_PAGE)?;
        // In this order: one who leaves has put its outcomes on the disk before.
        let others = worker.others()?;
        self.packs.refresh(&self.store.packs())?;
        let packs = &self.packs;
        self.claimed.retain(|&key| packs.get(key).is_none());
        for _ in 0..self.wanted.len() {
            if self.ready.len() >= count {
                break;
            }
            let Some(number) = self.wanted.pop_front() else {
                break;
            };
            let key = self.store.cells()[number].key;
            let finished = self
                .packs
                .get(key)
                .is_some_and(|record| !record.has_failed());
            let is_done = self.packs.get(key).is_some() && (finished || !self.again.remove(&key));
            if is_done {
                continue;
            }
            if others.claimed.contains(&key) {
                self.wanted.push_back(number);
            } else {
                self.claimed.push(key);
                self.ready.push_back(number);
            }
        }
        self.taken += self.ready.len();
        worker.claim(&self.claimed)?;
        Ok(())
    }

    fn count(&mut self, record: &CellRecord) {
        if record.has_failed() {
            self.done.failed += 1;
        } else {
            self.done.finished += 1;
        }
    }

    /// Puts the packs together where nobody else is at work, and where this call has worked: another may only look.
    fn collect(&mut self) -> Result<(), SweepError> {
        let Some(worker) = self.worker.take() else {
            return Ok(());
        };
        let _lock = Lock::take(self.store.path(), Lock::FOR_A_PAGE)?;
        if worker.others()?.alive == 0 {
            self.packs
                .collect(&self.store.packs(), &self.store.keys())?;
        }
        Ok(())
    }
}

/// How many cells to claim when `taken` were done in `elapsed`.
fn batch(taken: usize, elapsed: Duration) -> usize {
    let threads = rayon::current_num_threads();
    if taken == 0 {
        return threads;
    }
    let rate = taken as f64 / elapsed.as_secs_f64().max(1e-3);
    let wanted = (rate * AT_ONCE.as_secs_f64()) as usize;
    // No more than four times as many as before: the first ones may have been quick by chance.
    wanted
        .clamp(threads, MOST_AT_ONCE)
        .min(4 * taken)
        .max(threads)
}
