//! Strings that a model writes: whole ones, or label by label.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{BigInt, Env, Int32Array, Object, ToNapiValue};
use napi_derive::napi;
use zoetrope_core::{BeamSearch, CnnLstm, Engine, Error, Generation, Result, Sampling, Strategy, Writing, Written};

use crate::batch::NativeBatch;
use crate::outcome::promise;

/// How strings are written; without beams or sampling greedily.
#[napi(object, object_to_js = false)]
pub struct NativeGenerationOptions {
    /// Most labels of a string; those of the head where nothing is said.
    pub max_length: Option<u32>,
    /// Of a beam search.
    pub beams: Option<u32>,
    /// Exponent of a beam search's length penalty.
    pub length_penalty: f64,
    /// How tokens are drawn.
    pub sampling: Option<NativeSampling>,
}

/// How tokens are drawn.
#[napi(object, object_to_js = false)]
pub struct NativeSampling {
    /// Above 0.
    pub temperature: f64,
    /// Only so many most probable tokens.
    pub top_k: Option<u32>,
    /// Only the most probable tokens that together reach this probability.
    pub top_p: f64,
    /// Begins each clip's stream of draws.
    pub seed: BigInt,
}

/// A string that was written.
#[napi(object, object_from_js = false)]
pub struct NativeWritten {
    /// Indices of classes.
    pub labels: Int32Array,
    /// Logarithm of its probability, over the penalty of its length.
    pub score: f64,
}

impl From<NativeGenerationOptions> for Generation {
    fn from(options: NativeGenerationOptions) -> Self {
        let strategy = match (options.beams, options.sampling) {
            (Some(beams), _) => Strategy::Beam(BeamSearch {
                beams: beams as usize,
                length_penalty: options.length_penalty,
            }),
            (None, Some(sampling)) => Strategy::Sample(Sampling {
                temperature: sampling.temperature,
                top_k: sampling.top_k.map(|count| count as usize),
                top_p: sampling.top_p,
                seed: sampling.seed.get_u64().1,
            }),
            (None, None) => Strategy::Greedy,
        };
        Self {
            strategy,
            max_length: options.max_length.map(|labels| labels as usize),
        }
    }
}

impl From<Written> for NativeWritten {
    fn from(Written { labels, score }: Written) -> Self {
        let labels = labels.into_iter().map(|label| label as i32).collect::<Vec<_>>();
        Self {
            labels: labels.into(),
            score,
        }
    }
}

/// One call that writes strings.
#[napi]
pub struct NativeGeneration {
    engine: Arc<Engine>,
    options: Generation,
    writing: Arc<Mutex<Option<Writing>>>,
    is_cancelled: Arc<AtomicBool>,
}

#[napi]
impl NativeGeneration {
    pub(crate) fn new(engine: Arc<Engine>, options: Generation) -> Self {
        Self {
            engine,
            options,
            writing: Arc::default(),
            is_cancelled: Arc::default(),
        }
    }

    /// The string of each clip of a batch.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeWritten[]>>")]
    pub fn generate<'env>(&self, env: &'env Env, batch: &mut NativeBatch) -> napi::Result<Object<'env>> {
        let (batch, options, is_cancelled) = (batch.take(), self.options, Arc::clone(&self.is_cancelled));
        let write = move |model: &mut CnnLstm| model.generate(&batch?, &options, &|| check(&is_cancelled));
        let convert = |written: Vec<Written>| written.into_iter().map(NativeWritten::from).collect::<Vec<_>>();
        self.submit(env, write, convert)
    }

    /// Begins the string of a batch of one clip.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn begin<'env>(&self, env: &'env Env, batch: &mut NativeBatch) -> napi::Result<Object<'env>> {
        let (batch, options, writing) = (batch.take(), self.options, Arc::clone(&self.writing));
        let begin = move |model: &mut CnnLstm| {
            *lock(&writing) = Some(model.begin_writing(&batch?, &options)?);
            Ok(())
        };
        self.submit(env, begin, |()| ())
    }

    /// The next label of the string that was begun; `null` at its end.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<number | null>>")]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (writing, is_cancelled) = (Arc::clone(&self.writing), Arc::clone(&self.is_cancelled));
        let write = move |model: &mut CnnLstm| {
            let mut begun = lock(&writing);
            let label = model.write_next(begun.as_mut().ok_or(Error::Aborted)?)?;
            check(&is_cancelled).inspect_err(|_aborted| drop(begun.take()))?;
            Ok(label)
        };
        self.submit(env, write, |label| label)
    }

    /// The string that was begun, as far as it is.
    #[napi(catch_unwind)]
    pub fn written(&self) -> Option<NativeWritten> {
        lock(&self.writing).as_ref().map(|writing| writing.written().into())
    }

    /// Ends calls of this generation between two steps, with `ERR_ABORTED`, and frees what a begun string keeps.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
        // A step that is under way has the lock, and drops the string itself.
        if let Ok(mut writing) = self.writing.try_lock() {
            writing.take();
        }
    }

    fn submit<'env, T, V>(
        &self,
        env: &'env Env,
        job: impl FnOnce(&mut CnnLstm) -> Result<T> + Send + 'static,
        convert: impl FnOnce(T) -> V + Send + 'static,
    ) -> napi::Result<Object<'env>>
    where
        T: Send + 'static,
        V: ToNapiValue + 'static,
    {
        let is_cancelled = Arc::clone(&self.is_cancelled);
        let (settle, promise) = promise(env, |_env, value| Ok(convert(value)))?;
        let job = move |worker: &mut zoetrope_core::Worker| {
            check(&is_cancelled)?;
            job(&mut worker.model)
        };
        self.engine.submit(job, settle);
        Ok(promise)
    }
}

fn check(is_cancelled: &AtomicBool) -> Result<()> {
    if is_cancelled.load(Ordering::Relaxed) {
        return Err(Error::Aborted);
    }
    Ok(())
}

fn lock(writing: &Mutex<Option<Writing>>) -> MutexGuard<'_, Option<Writing>> {
    writing.lock().unwrap_or_else(PoisonError::into_inner)
}
