//! What waits for an engine's thread, and who waits for that thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Jobs that may wait while one runs: the caller keeps so few in flight that the next batch is always at hand.
const DEPTH: usize = 4;

/// What the thread does next.
pub(super) enum Task<J> {
    Job {
        job: J,
        /// It reads nothing that belongs to whoever asked for it, so they may go while it runs.
        is_detached: bool,
    },
    /// Drop what is kept for somebody.
    Forget(Kept),
}

/// What is kept for somebody between jobs, by id.
#[derive(Clone, Copy)]
pub(super) enum Kept {
    /// The state of an optimizer.
    Optimizer(u32),
    /// The state of a clip that is running.
    Clip(u32),
}

/// Tasks for one thread, first come, first served.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
}

struct State<J> {
    tasks: VecDeque<Task<J>>,
    is_closed: bool,
    /// Whether the task that runs is a detached job.
    runs_detached: bool,
    has_ended: bool,
    /// To be called when the thread has ended.
    on_end: Vec<Box<dyn FnOnce() + Send>>,
}

/// Why a job was not taken.
pub(super) enum Refusal {
    Closed,
    Full,
}

impl<J> Queue<J> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                tasks: VecDeque::new(),
                is_closed: false,
                runs_detached: false,
                has_ended: false,
                on_end: Vec::new(),
            }),
            changed: Condvar::new(),
        }
    }

    /// Takes a job, or hands it back.
    pub(super) fn push(&self, job: J, is_detached: bool) -> Result<(), (J, Refusal)> {
        let mut state = self.lock();
        if state.is_closed {
            return Err((job, Refusal::Closed));
        }
        let waiting = state.tasks.iter().filter(|task| matches!(task, Task::Job { .. }));
        if waiting.count() >= DEPTH {
            return Err((job, Refusal::Full));
        }
        state.tasks.push_back(Task::Job { job, is_detached });
        self.changed.notify_all();
        Ok(())
    }

    /// Takes something to forget after the jobs so far: it takes none of their places.
    pub(super) fn forget(&self, kept: Kept) {
        let mut state = self.lock();
        if !state.is_closed {
            state.tasks.push_back(Task::Forget(kept));
            self.changed.notify_all();
        }
    }

    /// What the thread does next, when there is something; none once the queue is closed.
    pub(super) fn next(&self) -> Option<Task<J>> {
        let mut state = self.lock();
        state.runs_detached = false;
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(task) = state.tasks.pop_front() {
                state.runs_detached = matches!(task, Task::Job { is_detached: true, .. });
                return Some(task);
            }
            state = self.wait(state);
        }
    }

    /// Lets the thread end after the task that runs. The jobs that waited are the caller's to refuse.
    pub(super) fn close(&self) -> Vec<J> {
        let mut state = self.lock();
        state.is_closed = true;
        self.changed.notify_all();
        let job = |task| match task {
            Task::Job { job, .. } => Some(job),
            Task::Forget(_) => None,
        };
        state.tasks.drain(..).filter_map(job).collect()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Has `done` called at the thread's end, or at once where that was.
    pub(super) fn on_end(&self, done: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        if state.has_ended {
            drop(state);
            done();
        } else {
            state.on_end.push(Box::new(done));
        }
    }

    /// The thread says that it ends: who waits for that is called back.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        self.changed.notify_all();
        let callbacks = std::mem::take(&mut state.on_end);
        drop(state);
        for callback in callbacks {
            callback();
        }
    }

    /// Waits, after [`Self::close`], until the thread has ended or runs a detached job.
    pub(super) fn wait_for_callers_jobs(&self) {
        let mut state = self.lock();
        while !state.has_ended && !state.runs_detached {
            state = self.wait(state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // A panic elsewhere does not close it: it is whole between statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<J>>) -> MutexGuard<'a, State<J>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}
