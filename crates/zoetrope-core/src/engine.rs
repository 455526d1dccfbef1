//! The thread that owns a model: jobs reach it through a bounded queue, one after the other.

mod queue;
pub(crate) mod running;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Weak};
use std::thread::Builder;

use self::queue::{Kept, Queue, Refusal, Task};
use crate::error::{Error, Result};
use crate::model::cnn_lstm::CnnLstm;
use crate::model::cnn_lstm::running::RunningClip;
use crate::optimizer::config::OptimizerConfig;
use crate::optimizer::update::Optimizer;
use crate::runtime::contain::{catch, contain};
use crate::runtime::{shutdown, threads};

type Job = Box<dyn FnOnce(Turn<'_>) + Send>;

/// What is to be done with a job whose turn it is.
enum Turn<'a> {
    Work(&'a mut Thread),
    /// Report why it is not done.
    GiveUp(Error),
}

/// A handle to a model's thread. Dropping it ends the thread after the job that runs.
pub struct Engine {
    queue: Arc<Queue<Job>>,
}

/// The state that the thread owns and jobs change.
pub struct Worker {
    /// The model.
    pub model: CnnLstm,
    optimizers: HashMap<u32, Optimizer>,
    clips: HashMap<u32, RunningClip>,
}

/// What the thread has.
enum Thread {
    Ready(Box<Worker>),
    /// There is no model yet, or none that can be used. Every job fails with this error.
    Unusable(Error),
}

impl Worker {
    /// The model, and the optimizer of that id with the given hyper-parameters: made at its first use.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn with_optimizer(&mut self, id: u32, config: OptimizerConfig) -> Result<(&mut CnnLstm, &mut Optimizer)> {
        let optimizer = match self.optimizers.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Optimizer::new(config.clone())?),
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

    /// Number of optimizers whose state is kept.
    #[must_use]
    pub fn optimizer_count(&self) -> usize {
        self.optimizers.len()
    }
}

impl Engine {
    /// Starts a thread that has no model yet.
    ///
    /// # Errors
    /// `ThreadRefused`.
    pub fn spawn() -> Result<Self> {
        let queue = Arc::new(Queue::new());
        let tasks = Arc::clone(&queue);
        threads::spawn(Builder::new().name("zoetrope".to_owned()), move || run(&tasks))?;
        Ok(Self { queue })
    }

    /// Builds the model on its thread and reports what `describe` says of it through `done`.
    pub fn build<T: 'static>(
        &self,
        build: impl FnOnce() -> Result<CnnLstm> + Send + 'static,
        describe: impl FnOnce(&CnnLstm) -> T + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        let job = |thread: &mut Thread| {
            threads::apply()?;
            let (model, description) = contain(|| {
                let model = build()?;
                let description = describe(&model);
                Ok((model, description))
            })?;
            *thread = Thread::Ready(Box::new(Worker {
                model,
                optimizers: HashMap::new(),
                clips: HashMap::new(),
            }));
            Ok(description)
        };
        self.enqueue(job, done, true);
    }

    /// Queues a job and reports through `done`: on the engine's thread, or on the calling one where the job is not done.
    ///
    /// A job that panics leaves the model in an unknown state: it and all later jobs fail with `Internal`.
    pub fn submit<T: 'static>(
        &self,
        job: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.enqueue(|thread: &mut Thread| thread.perform(job), done, false);
    }

    /// As [`Self::submit`], for a job that reads nothing that the caller owns, and that may wait for a file: nobody who
    /// shuts the engine down waits for it.
    pub fn submit_detached<T: 'static>(
        &self,
        job: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.enqueue(|thread: &mut Thread| thread.perform(job), done, true);
    }

    fn enqueue<T: 'static>(
        &self,
        job: impl FnOnce(&mut Thread) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
        is_detached: bool,
    ) {
        let boxed: Job = Box::new(move |turn| {
            done(match turn {
                Turn::Work(thread) => job(thread),
                Turn::GiveUp(error) => Err(error),
            });
        });
        if let Err((job, refusal)) = self.queue.push(boxed, is_detached) {
            job(Turn::GiveUp(match refusal {
                Refusal::Closed => Error::Disposed,
                Refusal::Full => Error::Internal {
                    reason: "more jobs at once than the queue takes".to_owned(),
                },
            }));
        }
    }

    /// Drops the state of the optimizer of that id, after the jobs so far.
    pub fn forget_optimizer(&self, id: u32) {
        self.queue.forget(Kept::Optimizer(id));
    }

    /// Drops the state of the running clip of that id, after the jobs so far.
    pub fn forget_clip(&self, id: u32) {
        self.queue.forget(Kept::Clip(id));
    }

    /// Ends the thread: the running job ends, waiting ones fail with `Disposed`, the model is dropped on its thread,
    /// then `done` is called. Twice is fine.
    pub fn dispose(&self, done: impl FnOnce() + Send + 'static) {
        refuse(&self.queue);
        self.queue.on_end(done);
    }

    /// Whether [`Self::dispose`] was called.
    #[must_use]
    pub fn is_disposed(&self) -> bool {
        self.queue.is_closed()
    }

    /// The handle that ends the thread when the process exits.
    #[must_use]
    pub fn closer(&self) -> EngineCloser {
        EngineCloser(Arc::downgrade(&self.queue))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        refuse(&self.queue);
    }
}

/// Ends an engine's thread with its environment, also where its [`Engine`] was dropped while a job ran.
pub struct EngineCloser(Weak<Queue<Job>>);

impl EngineCloser {
    /// Whether the thread has ended by itself.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Disposes and waits for the running job, which may read memory of the environment; not for a detached one.
    pub fn shut_down(&self) {
        if let Some(queue) = self.0.upgrade() {
            refuse(&queue);
            queue.wait_for_callers_jobs();
        }
    }
}

impl Thread {
    fn perform<T>(&mut self, job: impl FnOnce(&mut Worker) -> Result<T>) -> Result<T> {
        let worker = match self {
            Self::Ready(worker) => worker,
            Self::Unusable(error) => return Err(error.clone()),
        };
        threads::apply()?;
        catch(|| job(worker)).unwrap_or_else(|words| {
            let error = Error::Internal {
                reason: format!("the model was left unusable by: {words}"),
            };
            *self = Self::Unusable(error.clone());
            Err(error)
        })
    }

    fn forget(&mut self, kept: Kept) {
        let Self::Ready(worker) = self else { return };
        match kept {
            Kept::Optimizer(id) => drop(worker.optimizers.remove(&id)),
            Kept::Clip(id) => drop(worker.clips.remove(&id)),
        }
    }
}

fn run(queue: &Queue<Job>) {
    let mut thread = Thread::Unusable(Error::Internal {
        reason: "the model was not built yet".to_owned(),
    });
    while let Some(task) = queue.next() {
        // Whatever a job's report does, the thread goes on.
        let _contained = shutdown::computing(|| match task {
            Task::Job { job, .. } => catch(|| job(Turn::Work(&mut thread))),
            Task::Forget(kept) => catch(|| thread.forget(kept)),
        });
    }
    shutdown::computing(|| {
        drop(thread);
        crate::kernels::release_cache();
    });
    queue.end();
}

/// Closes the queue; jobs that waited fail with `Disposed`.
fn refuse(queue: &Queue<Job>) {
    for job in queue.close() {
        let _contained = catch(|| job(Turn::GiveUp(Error::Disposed)));
    }
}
