//! The thread that prepares batches while models train: one for all models, because the cores are theirs.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result};

type Job = Box<dyn FnOnce() + Send>;

static JOBS: OnceLock<Option<Mutex<Sender<Job>>>> = OnceLock::new();

/// A result that the helper thread makes.
pub(crate) struct Pending<T>(Mutex<State<T>>);

enum State<T> {
    Waiting(Receiver<Result<T>>),
    Made(Result<T>),
}

/// Queues a job; jobs are done in the order in which they come.
pub(crate) fn submit(job: impl FnOnce() + Send + 'static) -> Result<()> {
    let failed = || Error::Internal {
        reason: "no thread to prepare batches".to_owned(),
    };
    let jobs = JOBS.get_or_init(start).as_ref().ok_or_else(failed)?;
    let sender = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    sender.send(Box::new(job)).map_err(|_| failed())
}

/// Does some work on the helper thread and reports through `done` there.
///
/// # Errors
/// `Internal` where there is no such thread.
pub fn run_beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
    done: impl FnOnce(Result<T>) + Send + 'static,
) -> Result<()> {
    submit(move || done(contain(work)))
}

/// Turns a panic into an error.
fn contain<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::Internal {
            reason: "the thread that prepares batches panicked".to_owned(),
        })
    })
}

/// Waits until all jobs so far are done: a process that exits must not free libtorch's memory under one.
pub fn finish_jobs() {
    if JOBS.get().is_none() {
        return;
    }
    let (sender, receiver) = channel::<()>();
    if submit(move || drop(sender)).is_ok() {
        receiver.recv().unwrap_or(()); //                 the sender is dropped, not used
    }
}

fn start() -> Option<Mutex<Sender<Job>>> {
    let (sender, receiver) = channel::<Job>();
    let work = move || {
        crate::runtime::threads::work_alone();
        for job in receiver {
            job();
        }
    };
    let thread = std::thread::Builder::new().name("zoetrope-data".to_owned());
    thread.spawn(work).ok().map(|_| Mutex::new(sender))
}

impl<T: Send + 'static> Pending<T> {
    /// Has the helper thread make something.
    pub(crate) fn start(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<Self> {
        let (sender, receiver) = channel();
        submit(move || {
            let _left = sender.send(contain(work)); //    nobody waits for a batch that was given up
        })?;
        Ok(Self(Mutex::new(State::Waiting(receiver))))
    }

    /// Waits for it, and hands it to `read`. As often as one likes.
    pub(crate) fn with<R>(&self, read: impl FnOnce(&T) -> Result<R>) -> Result<R> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Waiting(receiver) = &*state {
            let made = receiver.recv().unwrap_or_else(|_| {
                Err(Error::Internal {
                    reason: "the thread that prepares batches is gone".to_owned(),
                })
            });
            *state = State::Made(made);
        }
        match &*state {
            State::Made(made) => read(made.as_ref().map_err(Clone::clone)?),
            State::Waiting(_) => Err(Error::Internal {
                reason: "a batch was not made".to_owned(),
            }),
        }
    }
}
