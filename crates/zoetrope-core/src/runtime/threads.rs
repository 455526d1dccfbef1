//! The number of threads of libtorch's one OpenMP pool, which rules every engine thread.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

/// 0: libtorch's own choice, the number of cores.
static WANTED: AtomicI32 = AtomicI32::new(0);

/// Sets how many threads one operation may use, for every model, from its next job on.
pub fn set_num_threads(count: i32) {
    WANTED.store(count.max(1), Ordering::Relaxed);
    apply();
}

/// How many threads one operation may use.
#[must_use]
pub fn num_threads() -> i32 {
    match WANTED.load(Ordering::Relaxed) {
        0 => default(),
        wanted => wanted,
    }
}

/// Has the calling thread compute alone, whatever the number: for threads that only copy, beside the engine's. Where
/// several threads have a team of their own, OpenMP lets all of them sleep between two operations.
pub fn work_alone() {
    default();
    crate::kernels::work_alone();
}

/// libtorch's own choice, read before any thread was told to compute alone.
fn default() -> i32 {
    static DEFAULT: OnceLock<i32> = OnceLock::new();
    *DEFAULT.get_or_init(tch::get_num_threads)
}

/// Brings the calling thread to the wanted number: OpenMP keeps it per thread.
pub(crate) fn apply() {
    let wanted = WANTED.load(Ordering::Relaxed);
    if wanted > 0 && tch::get_num_threads() != wanted {
        tch::set_num_threads(wanted);
    }
}
