//! The number of threads of libtorch's one OpenMP pool, which rules every engine thread.

use std::cell::Cell;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::channel;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// 0: libtorch's own choice, the number of cores.
static WANTED: AtomicI32 = AtomicI32::new(0);

thread_local! {
    /// The number that the calling thread was brought to; 0 before.
    static APPLIED: Cell<i32> = const { Cell::new(0) };
}

/// As much memory for its stack as a thread of OpenMP's takes where the system's default is the usual one.
const STACK: usize = 8 << 20;
/// How long the system may take to forget a thread that has ended.
const PATIENCE: Duration = Duration::from_millis(100);

/// Sets how many threads one operation may use, for every model, from its next job on: at most [`most_threads`]. It
/// makes no thread.
pub fn set_num_threads(count: i32) {
    WANTED.store(count.clamp(1, most_threads()), Ordering::Relaxed);
}

/// How many threads one operation may use.
#[must_use]
pub fn num_threads() -> i32 {
    match WANTED.load(Ordering::Relaxed) {
        0 => default(),
        wanted => wanted,
    }
}

/// The number of cores that the process may use.
#[must_use]
pub fn most_threads() -> i32 {
    static CORES: OnceLock<i32> = OnceLock::new();
    let count = || std::thread::available_parallelism().map_or(1, |cores| i32::try_from(cores.get()).unwrap_or(1));
    *CORES.get_or_init(count)
}

/// Has the calling thread compute alone, whatever the number: for threads that only copy, beside the engine's. Where
/// several threads have a team of their own, OpenMP lets all of them sleep between two operations.
pub fn work_alone() {
    default();
    crate::kernels::use_threads(1);
}

/// libtorch's own choice, read before any thread was told to compute alone.
fn default() -> i32 {
    static DEFAULT: OnceLock<i32> = OnceLock::new();
    *DEFAULT.get_or_init(tch::get_num_threads)
}

/// Brings the calling thread to the wanted number, which OpenMP keeps per thread, and these threads together.
///
/// # Errors
/// `ThreadRefused` where the system does not give so many.
pub fn apply() -> Result<()> {
    let wanted = num_threads();
    if APPLIED.get() != wanted {
        try_threads(wanted - 1)?;
        crate::kernels::use_threads(wanted);
        APPLIED.set(wanted);
    }
    crate::kernels::gather_threads();
    Ok(())
}

/// Whether the system gives so many threads at a time: OpenMP's library ends the process where it does not.
fn try_threads(count: i32) -> Result<()> {
    let mut ends = Vec::new();
    let mut threads = Vec::new();
    let mut refusal = Ok(());
    for _ in 0..count {
        let (end, may_end) = channel::<()>();
        let sleep = move || {
            let own = std::fs::read_link("/proc/thread-self").ok();
            may_end.recv().unwrap_or(()); //            the sender is dropped, not used
            own
        };
        match spawn(Builder::new().stack_size(STACK), sleep) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                refusal = Err(error);
                break;
            }
        }
        ends.push(end);
    }
    drop(ends);
    let names = threads.into_iter().filter_map(|thread| thread.join().ok().flatten());
    let ended: Vec<_> = names.map(|name| Path::new("/proc").join(name)).collect();
    // A thread that was joined counts until the system has forgotten it.
    let until = Instant::now() + PATIENCE;
    while ended.iter().any(|thread| thread.exists()) && Instant::now() < until {
        std::thread::yield_now();
    }
    refusal
}

/// Starts a thread.
///
/// # Errors
/// `ThreadRefused`, with the system's words.
pub(crate) fn spawn<T: Send + 'static>(
    thread: Builder,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    thread.spawn(work).map_err(|error| Error::ThreadRefused {
        reason: error.to_string(),
    })
}
