//! The number of threads of libtorch's one OpenMP pool, which rules every engine thread.

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
        0 => tch::get_num_threads(),
        wanted => wanted,
    }
}

/// Brings the calling thread to the wanted number: OpenMP keeps it per thread.
pub(crate) fn apply() {
    let wanted = WANTED.load(Ordering::Relaxed);
    if wanted > 0 && tch::get_num_threads() != wanted {
        tch::set_num_threads(wanted);
    }
}
