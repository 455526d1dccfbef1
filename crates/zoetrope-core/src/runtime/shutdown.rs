//! The end of the process: libtorch must not be torn down while a thread computes with it.
//!
//! A thread says when it computes. [`close`] is the first thing that `exit` calls, whoever called that and whatever
//! JavaScript did to its listeners: nobody begins to compute any more, and whoever does is waited for.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};

/// Threads that compute.
struct Gate {
    is_closed: bool,
    computing: usize,
}

static GATE: Mutex<Gate> = Mutex::new(Gate {
    is_closed: false,
    computing: 0,
});
static ENDED: Condvar = Condvar::new();

thread_local! {
    static IS_COMPUTING: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> c_int;
}

/// Has the process wait at its exit for the threads that compute. To be called by each thread that may end the process,
/// when libtorch is loaded.
pub fn guard_exit() {
    static FIRST: Once = Once::new();
    // What libtorch makes at first use is destroyed before a function that was registered at its load is called. So
    // the main thread calls us before that; the function is for a thread of OpenMP's that ends the process.
    crate::kernels::before_exit(close);
    FIRST.call_once(|| {
        // SAFETY: `close` takes nothing and never unwinds, and the addon is never unloaded.
        let _refused = unsafe { atexit(close) };
    });
}

/// Does some work that may use libtorch. Where the process exits already, the calling thread sleeps until its end.
pub(crate) fn computing<T>(work: impl FnOnce() -> T) -> T {
    let _inside = Inside::enter();
    work()
}

/// Does something in the middle of [`computing`] that may take for ever and does not use libtorch, such as reading a
/// file or waiting for another thread: the process's exit does not wait for it.
pub(crate) fn aside<T>(work: impl FnOnce() -> T) -> T {
    if !IS_COMPUTING.get() {
        return work();
    }
    leave();
    let _outside = Outside;
    work()
}

struct Inside(bool);
struct Outside;

impl Inside {
    fn enter() -> Self {
        let was_inside = IS_COMPUTING.get();
        if !was_inside {
            enter();
        }
        Self(was_inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if !self.0 {
            leave();
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        enter();
    }
}

fn enter() {
    let mut gate = lock();
    while gate.is_closed {
        gate = ENDED.wait(gate).unwrap_or_else(PoisonError::into_inner); // the gate never opens again
    }
    gate.computing += 1;
    IS_COMPUTING.set(true);
}

fn leave() {
    let mut gate = lock();
    gate.computing -= 1;
    IS_COMPUTING.set(false);
    drop(gate);
    ENDED.notify_all();
}

/// Lets nobody compute any more and waits for those that do, except for the calling thread. Twice is fine.
extern "C" fn close() {
    let own = usize::from(IS_COMPUTING.get()); //         OpenMP's library ends the process from where it is
    let mut gate = lock();
    gate.is_closed = true;
    while gate.computing > own {
        gate = ENDED.wait(gate).unwrap_or_else(PoisonError::into_inner);
    }
}

fn lock() -> MutexGuard<'static, Gate> {
    GATE.lock().unwrap_or_else(PoisonError::into_inner)
}
