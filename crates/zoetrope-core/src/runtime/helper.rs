//! The thread that prepares batches while models train: one for all models, because the cores are theirs.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, ThreadId};

use super::contain::contain;
use super::{shutdown, threads};
use crate::error::{Error, Result};

/// What is to be done with a job whose turn it is.
enum Turn {
    Work,
    /// Report why it is not done.
    GiveUp(Error),
}

struct Job {
    /// The thread that asked for it, whose memory it may read.
    owner: ThreadId,
    run: Box<dyn FnOnce(Turn) + Send>,
}

struct Queue {
    waiting: VecDeque<Job>,
    /// Who asked for the job that runs.
    running: Option<ThreadId>,
    has_thread: bool,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    waiting: VecDeque::new(),
    running: None,
    has_thread: false,
});
static CHANGED: Condvar = Condvar::new();

/// A result that the helper thread makes.
pub(crate) struct Pending<T>(Mutex<State<T>>);

enum State<T> {
    Waiting(Receiver<Result<T>>),
    Made(Result<T>),
}

/// Does some work on the helper thread, after what was asked for before, and reports through `done`: there, or at once
/// with `ThreadRefused` where the system gives no such thread. A panic of the work is reported as `Internal`.
pub fn run_beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
    done: impl FnOnce(Result<T>) + Send + 'static,
) {
    let run = Box::new(|turn| {
        done(match turn {
            Turn::Work => contain(work),
            Turn::GiveUp(error) => Err(error),
        });
    });
    let owner = std::thread::current().id();
    let job = Job { owner, run };
    let mut queue = lock();
    if !queue.has_thread {
        match threads::spawn(Builder::new().name("zoetrope-data".to_owned()), serve) {
            Ok(_detached) => queue.has_thread = true,
            Err(error) => {
                drop(queue);
                return run_job(job, Turn::GiveUp(error));
            }
        }
    }
    queue.waiting.push_back(job);
    drop(queue);
    CHANGED.notify_all();
}

/// Gives up the jobs that the calling thread asked for, and waits for the one that runs: a thread of JavaScript that
/// ends takes the arrays with it that they read.
pub fn give_up_jobs() {
    let own = std::thread::current().id();
    let mut queue = lock();
    let (given_up, others) = queue
        .waiting
        .drain(..)
        .partition::<VecDeque<_>, _>(|job| job.owner == own);
    queue.waiting = others;
    drop(queue);
    for job in given_up {
        run_job(job, Turn::GiveUp(Error::Disposed));
    }
    let mut queue = lock();
    while queue.running == Some(own) {
        queue = CHANGED.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

fn serve() {
    threads::work_alone();
    loop {
        let mut queue = lock();
        let job = loop {
            if let Some(job) = queue.waiting.pop_front() {
                break job;
            }
            queue = CHANGED.wait(queue).unwrap_or_else(PoisonError::into_inner);
        };
        queue.running = Some(job.owner);
        drop(queue);
        shutdown::computing(|| run_job(job, Turn::Work));
        lock().running = None;
        CHANGED.notify_all();
    }
}

/// Whatever a job's report does, the thread goes on.
fn run_job(job: Job, turn: Turn) {
    let _contained = contain(|| {
        (job.run)(turn);
        Ok(())
    });
}

fn lock() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Send + 'static> Pending<T> {
    /// Has the helper thread make something.
    pub(crate) fn start(work: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        run_beside(work, move |made| {
            let _left = sender.send(made); //             nobody waits for a batch that was given up
        });
        Self(Mutex::new(State::Waiting(receiver)))
    }

    /// Waits for it, and hands it to `read`. As often as one likes.
    pub(crate) fn with<R>(&self, read: impl FnOnce(&T) -> Result<R>) -> Result<R> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Waiting(receiver) = &*state {
            let made = shutdown::aside(|| receiver.recv()).unwrap_or_else(|_| {
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

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_thread_that_ends_gives_its_own_jobs_up_and_waits_for_the_one_that_runs() {
        let (begin, has_begun) = channel();
        let (report, reports) = channel();
        let (refuse, was_refused) = channel();
        let first = report.clone();
        // It ends when the second job was given up: where that waits for its turn instead, nothing ever ends.
        let work = move || {
            begin.send(()).ok();
            Ok(was_refused.recv().is_ok())
        };
        run_beside(work, move |ended| first.send(("first", ended.is_ok())).unwrap_or(()));
        let second = report.clone();
        let refused = move |ended: Result<()>| {
            refuse.send(()).ok();
            second.send(("second", ended.is_ok())).ok();
        };
        run_beside(|| Ok(()), refused);
        has_begun.recv().ok();
        let other = std::thread::spawn(move || {
            run_beside(
                || Ok(()),
                move |ended| report.send(("other", ended.is_ok())).unwrap_or(()),
            );
        });
        other.join().ok();
        give_up_jobs();
        let mut ended: Vec<_> = reports.iter().collect();
        ended.sort_unstable();
        assert_eq!(ended, [("first", true), ("other", true), ("second", false)]);
    }

    #[test]
    fn a_job_that_panics_is_reported_and_the_thread_goes_on() {
        let (report, reports) = channel();
        let panics = report.clone();
        run_beside(
            || -> Result<()> { std::panic::panic_any("on purpose") },
            move |ended| {
                panics.send(ended).ok();
                std::panic::panic_any("once more");
            },
        );
        run_beside(|| Ok(()), move |ended| report.send(ended).unwrap_or(()));
        let ended: Vec<_> = reports
            .iter()
            .map(|ended| ended.map_err(|error| error.to_string()))
            .collect();
        let message = "Internal error (please report it): on purpose".to_owned();
        assert_eq!(ended, [Err(message), Ok(())]);
    }
}
