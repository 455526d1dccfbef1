//! The thread that owns a model: jobs reach it through a bounded queue, one after the other.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use crate::error::{Error, Result};
use crate::model::cnn_lstm::CnnLstm;
use crate::optimizer::config::OptimizerConfig;
use crate::optimizer::update::Optimizer;

/// Jobs that may wait while one runs: the caller keeps so few in flight that the next batch is always at hand.
const QUEUE_DEPTH: usize = 4;

type Job = Box<dyn FnOnce(&mut Thread) + Send>;

/// A handle to a model's thread. Dropping it ends the thread after the job that runs.
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    /// None once the engine was disposed.
    queue: Mutex<Option<SyncSender<Job>>>,
    ended: Mutex<bool>,
    has_ended: Condvar,
    /// To be called when the thread has dropped its model.
    on_end: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

/// What the thread owns and jobs work on.
pub struct Worker {
    /// The model.
    pub model: CnnLstm,
    optimizers: HashMap<u32, Optimizer>,
}

struct Thread {
    shared: Arc<Shared>,
    worker: State,
}

enum State {
    Ready(Box<Worker>),
    /// No model yet, or none that can be used: what every job fails with.
    Unusable(Error),
}

impl Worker {
    /// The model, and the optimizer of that id with the given hyper-parameters: made at its first use.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn with_optimizer(&mut self, id: u32, config: OptimizerConfig) -> Result<(&mut CnnLstm, &mut Optimizer)> {
        let optimizer = match self.optimizers.entry(id) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Optimizer::new(config.clone())?),
        };
        optimizer.set_config(config)?;
        Ok((&mut self.model, optimizer))
    }

    /// Copies the running averages of the weights that the optimizer of that id keeps into the model, where there are any.
    ///
    /// # Errors
    /// None but libtorch's own.
    pub fn copy_averages(&mut self, id: u32) -> Result<()> {
        let optimizer = self.optimizers.get(&id);
        optimizer.map_or(Ok(()), |optimizer| optimizer.copy_averages_to(&mut self.model))
    }

    /// Forgets the running averages that the optimizer of that id keeps; its next update begins them anew.
    pub fn drop_averages(&mut self, id: u32) {
        if let Some(optimizer) = self.optimizers.get_mut(&id) {
            optimizer.drop_averages();
        }
    }
}

impl Engine {
    /// Starts a thread that has no model yet.
    ///
    /// # Errors
    /// `Internal` where the system refuses a thread.
    pub fn spawn() -> Result<Self> {
        let (sender, receiver) = sync_channel::<Job>(QUEUE_DEPTH);
        let shared = Arc::new(Shared {
            queue: Mutex::new(Some(sender)),
            ended: Mutex::new(false),
            has_ended: Condvar::new(),
            on_end: Mutex::new(Vec::new()),
        });
        let worker = State::Unusable(Error::Internal {
            reason: "the model was not built yet".to_owned(),
        });
        let thread = Thread {
            shared: Arc::clone(&shared),
            worker,
        };
        std::thread::Builder::new()
            .name("zoetrope".to_owned())
            .spawn(move || run(thread, &receiver))
            .map_err(|error| Error::Internal {
                reason: format!("no thread for the model: {error}"),
            })?;
        Ok(Self { shared })
    }

    /// Builds the model on its thread and reports what `describe` says of it through `done`.
    pub fn build<T: 'static>(
        &self,
        build: impl FnOnce() -> Result<CnnLstm> + Send + 'static,
        describe: impl FnOnce(&CnnLstm) -> T + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let job = |thread: &mut Thread| {
            crate::runtime::threads::apply();
            let model = contain(build)?;
            let description = describe(&model);
            thread.worker = State::Ready(Box::new(Worker {
                model,
                optimizers: HashMap::new(),
            }));
            Ok(description)
        };
        self.enqueue(job, done);
    }

    /// Queues a job and reports through `done`, on the engine's thread or, where the job cannot be queued, at once.
    ///
    /// A job that panics leaves the model in an unknown state: it and all later jobs fail with `Internal`.
    pub fn submit<T: 'static>(
        &self,
        job: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.enqueue(move |thread: &mut Thread| thread.perform(job), done);
    }

    fn enqueue<T: 'static>(
        &self,
        job: impl FnOnce(&mut Thread) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let guard = lock(&self.shared.queue);
        let Some(queue) = guard.as_ref() else {
            drop(guard);
            return done(Err(Error::Disposed));
        };
        // `done` must survive a refused send, so it travels in a slot that both sides can take it from.
        let done = Arc::new(Mutex::new(Some(done)));
        let for_job = Arc::clone(&done);
        let boxed: Job = Box::new(move |thread| {
            let outcome = job(thread);
            if let Some(done) = lock(&for_job).take() {
                done(outcome);
            }
        });
        let refused = queue.try_send(boxed);
        drop(guard);
        if let Err(refused) = refused {
            let reason = match refused {
                TrySendError::Full(_) => "more jobs at once than the queue takes",
                TrySendError::Disconnected(_) => "the model's thread is gone",
            };
            if let Some(done) = lock(&done).take() {
                done(Err(Error::Internal {
                    reason: reason.to_owned(),
                }));
            }
        }
    }

    /// Ends the thread: the running job ends, waiting ones fail with `Disposed`, the model is dropped on its thread,
    /// then `done` is called. Twice is fine.
    pub fn dispose(&self, done: impl FnOnce() + Send + 'static) {
        lock(&self.shared.queue).take();
        let ended = lock(&self.shared.ended);
        if *ended {
            drop(ended);
            done();
        } else {
            lock(&self.shared.on_end).push(Box::new(done));
        }
    }

    /// Whether [`Self::dispose`] was called.
    #[must_use]
    pub fn is_disposed(&self) -> bool {
        lock(&self.shared.queue).is_none()
    }

    /// What ends the thread when the process exits.
    #[must_use]
    pub fn closer(&self) -> EngineCloser {
        EngineCloser(Arc::downgrade(&self.shared))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        lock(&self.shared.queue).take();
    }
}

/// Ends an engine's thread at process exit, also where its [`Engine`] was dropped while a job ran.
pub struct EngineCloser(Weak<Shared>);

impl EngineCloser {
    /// Whether the thread has ended by itself.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Disposes and waits for the running job: libtorch must not be torn down while a step runs on it.
    pub fn shut_down(&self) {
        let Some(shared) = self.0.upgrade() else { return };
        lock(&shared.queue).take();
        let mut ended = lock(&shared.ended);
        while !*ended {
            ended = shared.has_ended.wait(ended).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Thread {
    fn perform<T>(&mut self, job: impl FnOnce(&mut Worker) -> Result<T>) -> Result<T> {
        if lock(&self.shared.queue).is_none() {
            return Err(Error::Disposed);
        }
        let worker = match &mut self.worker {
            State::Ready(worker) => worker,
            State::Unusable(error) => return Err(error.clone()),
        };
        crate::runtime::threads::apply();
        match catch_unwind(AssertUnwindSafe(|| job(worker))) {
            Ok(outcome) => outcome,
            Err(panic) => {
                let error = Error::Internal {
                    reason: format!("the model was left unusable by: {}", words(&*panic)),
                };
                self.worker = State::Unusable(error.clone());
                Err(error)
            }
        }
    }
}

fn run(mut thread: Thread, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        job(&mut thread);
    }
    let Thread { shared, worker } = thread;
    drop(worker);
    crate::kernels::release_cache();
    let mut ended = lock(&shared.ended);
    *ended = true;
    shared.has_ended.notify_all();
    let callbacks = std::mem::take(&mut *lock(&shared.on_end));
    drop(ended);
    for callback in callbacks {
        callback();
    }
}

/// Turns a panic into an error.
fn contain<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Error::Internal { reason: words(&*panic) }))
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// A lock that a panic elsewhere does not close: what it guards is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
