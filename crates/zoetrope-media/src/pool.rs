//! Threads that read and decode: a few for the process, which are made when there is work, and wait for more.
//!
//! They do not use libtorch, so the process may end while they work.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, ThreadId};

use crate::error::{Error, Result};

struct Job {
    /// The thread that asked for it.
    owner: ThreadId,
    run: Box<dyn FnOnce(Option<Error>) + Send>,
}

struct Queue {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    waiting: VecDeque::new(),
    threads: 0,
    idle: 0,
});
static CHANGED: Condvar = Condvar::new();

/// Does some work on one of at most `most` threads, and reports through `done`: there, or at once where the system gives
/// no thread. A panic of the work is reported as `Internal`. Whoever asks takes care that little waits at a time.
pub fn run<T: Send + 'static>(
    most: usize,
    work: impl FnOnce() -> Result<T> + Send + 'static,
    done: impl FnOnce(Result<T>) + Send + 'static,
) {
    let run = Box::new(|given_up: Option<Error>| {
        done(given_up.map_or_else(|| contained(work), Err));
    });
    let owner = std::thread::current().id();
    let job = Job { owner, run };
    let mut queue = lock();
    if queue.idle <= queue.waiting.len() && queue.threads < most.max(1) {
        match Builder::new().name("zoetrope-media".to_owned()).spawn(serve) {
            Ok(_detached) => queue.threads += 1,
            Err(error) if queue.threads == 0 => {
                drop(queue);
                let reason = error.to_string();
                return finish(job, Some(Error::ThreadRefused { reason }));
            }
            Err(_) => {} //                      the threads that there are do it
        }
    }
    queue.waiting.push_back(job);
    drop(queue);
    CHANGED.notify_one();
}

/// Gives up the work that the calling thread asked for and nobody has begun: a thread of JavaScript that ends.
pub fn give_up() {
    let own = std::thread::current().id();
    let mut queue = lock();
    let all = std::mem::take(&mut queue.waiting);
    let (given_up, others): (VecDeque<_>, _) = all.into_iter().partition(|job| job.owner == own);
    queue.waiting = others;
    drop(queue);
    for job in given_up {
        finish(job, Some(Error::GivenUp));
    }
}

fn serve() {
    loop {
        let mut queue = lock();
        let job = loop {
            if let Some(job) = queue.waiting.pop_front() {
                break job;
            }
            queue.idle += 1;
            queue = CHANGED.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        };
        drop(queue);
        finish(job, None);
    }
}

/// Whatever a job's report does, the thread goes on.
fn finish(job: Job, given_up: Option<Error>) {
    let _panicked = catch_unwind(AssertUnwindSafe(|| (job.run)(given_up)));
}

/// A decoder that panics fails its file alone.
fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let reason = text.unwrap_or_else(|| "a panic".to_owned());
        Err(Error::Internal { reason })
    })
}

fn lock() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}
