//! Label strings on their way out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Env, Int32Array, Object};
use napi_derive::napi;
use zoetrope_core::{Decoding, Engine, Error, FrameOutputs, LabelString, Result, Worker};

use crate::batch::NativeBatch;
use crate::model::NativeModel;
use crate::outcome::promise;

/// The label strings of some clips: their frames are computed once, and read as often as one likes.
#[napi]
pub struct NativeDecoder {
    engine: Arc<Engine>,
    outputs: Arc<Mutex<Option<FrameOutputs>>>,
    is_cancelled: Arc<AtomicBool>,
}

/// Strings of classes, one after the other.
#[napi(object)]
pub struct NativeStrings {
    /// Classes, from 0.
    pub labels: Int32Array,
    /// Labels of each string.
    pub counts: Int32Array,
}

/// How label strings are found.
#[napi(object, object_to_js = false)]
pub struct NativeDecoding {
    /// Strings that are followed at a time; 1 reads the best path.
    pub beams: u32,
    /// The only strings that may be answers.
    pub lexicon: Option<NativeStrings>,
    /// Strings that no answer may begin with.
    pub forbidden: Option<NativeStrings>,
    /// Whether `visited` is wanted.
    pub keeps_visited: bool,
}

/// A label string.
#[napi(object, object_from_js = false)]
pub struct NativeLabelString {
    /// Classes; absent where outputs are not numbers, or no allowed string fits into the frames.
    pub labels: Option<Int32Array>,
    /// First frame of each label, and the frame after its last.
    pub spans: Int32Array,
    /// The sum over all paths that read as the string.
    pub probability: f64,
    /// Every string that was among the best at any frame, where that is wanted.
    pub visited: NativeStrings,
}

#[napi]
impl NativeDecoder {
    /// Nothing is done yet.
    #[napi(catch_unwind, constructor)]
    #[must_use]
    pub fn new(model: &NativeModel) -> Self {
        Self {
            engine: Arc::clone(&model.engine),
            outputs: Arc::default(),
            is_cancelled: Arc::default(),
        }
    }

    /// Computes the outputs of the clips' frames.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn read<'env>(&self, env: &'env Env, batch: &mut NativeBatch) -> napi::Result<Object<'env>> {
        let (batch, outputs) = (batch.take(), Arc::clone(&self.outputs));
        self.submit(
            env,
            move |worker| {
                let read = worker.model.frame_outputs(&batch?)?;
                *outputs.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
                Ok(())
            },
            |()| (),
        )
    }

    /// Finds the string of each clip that was read.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeLabelString[]>>")]
    pub fn decode<'env>(&self, env: &'env Env, decoding: NativeDecoding) -> napi::Result<Object<'env>> {
        let decoding = Decoding::from(decoding);
        let (outputs, is_cancelled) = (Arc::clone(&self.outputs), Arc::clone(&self.is_cancelled));
        let engine = Arc::clone(&self.engine);
        let decode = move |_worker: &mut Worker| {
            let check = || check(&engine, &is_cancelled);
            let outputs = outputs.lock().unwrap_or_else(PoisonError::into_inner);
            let outputs = outputs.as_ref().ok_or_else(|| Error::Internal {
                reason: "label strings were asked for before their frames were read".to_owned(),
            })?;
            outputs.decode(&decoding, &check)
        };
        let convert = |strings: Vec<LabelString>| strings.into_iter().map(NativeLabelString::from).collect::<Vec<_>>();
        self.submit(env, decode, convert)
    }

    /// Has the work end soon with `ERR_ABORTED`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    fn submit<'env, T, V>(
        &self,
        env: &'env Env,
        job: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
        convert: impl FnOnce(T) -> V + Send + 'static,
    ) -> napi::Result<Object<'env>>
    where
        T: Send + 'static,
        V: napi::bindgen_prelude::ToNapiValue + 'static,
    {
        let (settle, promise) = promise(env, |_env, value| Ok(convert(value)))?;
        let (engine, is_cancelled) = (Arc::clone(&self.engine), Arc::clone(&self.is_cancelled));
        let checked = move |worker: &mut Worker| {
            check(&engine, &is_cancelled)?;
            job(worker)
        };
        self.engine.submit(checked, settle);
        Ok(promise)
    }
}

fn check(engine: &Engine, is_cancelled: &AtomicBool) -> Result<()> {
    if engine.is_disposed() {
        return Err(Error::Disposed);
    }
    if is_cancelled.load(Ordering::Relaxed) {
        return Err(Error::Aborted);
    }
    Ok(())
}

impl From<NativeDecoding> for Decoding {
    fn from(decoding: NativeDecoding) -> Self {
        Self {
            beams: decoding.beams as usize,
            lexicon: decoding.lexicon.as_ref().map(strings),
            forbidden: decoding.forbidden.as_ref().map(strings).unwrap_or_default(),
            keeps_visited: decoding.keeps_visited,
        }
    }
}

impl From<LabelString> for NativeLabelString {
    fn from(string: LabelString) -> Self {
        let spans = string.spans.iter().flat_map(|span| [span.from as i32, span.to as i32]);
        let counts = string.visited.iter().map(|visited| visited.len() as i32);
        Self {
            labels: string.labels.map(|labels| narrow(&labels).into()),
            spans: spans.collect::<Vec<_>>().into(),
            probability: string.probability,
            visited: NativeStrings {
                counts: counts.collect::<Vec<_>>().into(),
                labels: narrow(&string.visited.concat()).into(),
            },
        }
    }
}

fn strings(strings: &NativeStrings) -> Vec<Vec<i64>> {
    let mut labels = strings.labels.iter().map(|&label| i64::from(label));
    let take = |&count: &i32| labels.by_ref().take(count.max(0) as usize).collect();
    strings.counts.iter().map(take).collect()
}

fn narrow(labels: &[i64]) -> Vec<i32> {
    labels.iter().map(|&label| label as i32).collect()
}
