//! One sweep over some data, training or evaluating.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Env, Float64Array, Object};
use napi_derive::napi;
use zoetrope_core::{Counts, Engine, Error, LossOptions, Meter, Metrics, Result, StringCounts, Worker};

use crate::batch::NativeBatch;
use crate::forecast::NativeForecastErrors;
use crate::optimizer::NativeOptimizer;
use crate::outcome::promise;
use crate::prefixes::NativePrefixes;

/// Accumulates loss and counts on the device over the batches it is given.
#[napi]
pub struct NativePass {
    engine: Arc<Engine>,
    meter: Arc<Mutex<Meter>>,
    is_cancelled: Arc<AtomicBool>,
    loss: Arc<LossOptions>,
}

/// Options of a training loss.
#[napi(object, object_to_js = false)]
pub struct NativeLoss {
    /// Share of a target that is spread over all classes.
    pub label_smoothing: f64,
    /// One a class.
    pub class_weights: Option<Vec<f64>>,
}

impl From<NativeLoss> for LossOptions {
    fn from(loss: NativeLoss) -> Self {
        Self {
            label_smoothing: loss.label_smoothing,
            class_weights: loss.class_weights,
            ..Self::default()
        }
    }
}

/// What a pass has come to.
#[napi(object, object_from_js = false)]
pub struct NativeMetrics {
    /// Mean over predictions.
    pub loss: f64,
    /// Predictions that are right; of several labels, those with every label right; strings that are exact; of a regression
    /// none.
    pub correct: i64,
    /// Samples seen.
    pub samples: i64,
    /// Predictions seen: one a sample, or one a valid frame.
    pub predictions: i64,
    /// Batches seen.
    pub steps: i64,
    /// Of a regression: row-major `[outputs, 4]`, sums over the predictions of |error|, error², and target - origin,
    /// (target - origin)² with one of the targets as the origin.
    pub error_sums: Vec<f64>,
    /// Of label strings.
    pub strings: Option<NativeStringCounts>,
    /// Of evaluated forecasts.
    pub forecast: Option<NativeForecastErrors>,
    /// Norm of the latest update's gradients before clipping; absent before the first update.
    pub gradient_norm: Option<f64>,
}

/// Counts of label strings held against their targets.
#[napi(object, object_from_js = false)]
pub struct NativeStringCounts {
    /// Edits of labels that make the targets of the answers.
    pub edits: i64,
    /// Labels of the targets.
    pub labels: i64,
    /// The same of words; 0 where no class is the separator.
    pub word_edits: i64,
    /// Words of the targets.
    pub words: i64,
    /// Strings without an edit.
    pub exact: i64,
    /// Strings.
    pub strings: i64,
    /// Strings of an answer without any label.
    pub empty: i64,
}

impl From<StringCounts> for NativeStringCounts {
    fn from(counts: StringCounts) -> Self {
        let StringCounts {
            edits,
            labels,
            word_edits,
            words,
            exact,
            strings,
            empty,
        } = counts;
        Self {
            edits,
            labels,
            word_edits,
            words,
            exact,
            strings,
            empty,
        }
    }
}

/// What evaluated predictions are counted by.
#[napi(object, object_from_js = false)]
pub struct NativeCounts {
    /// Of a classification: the cells `target * classes + prediction` of the confusion matrix that have a count, ascending.
    pub cells: Float64Array,
    /// The count of each of those cells.
    pub cell_counts: Float64Array,
    /// Of a classification: by rank from 0, how many predictions have so many classes before the target's.
    pub ranks: Float64Array,
    /// Of a classification: how many targets are of each class.
    pub targets: Float64Array,
    /// Of several labels: row-major `[labels, 3]`: true positives, false positives, false negatives.
    pub labels: Float64Array,
}

impl From<Counts> for NativeCounts {
    fn from(counts: Counts) -> Self {
        fn floats(counts: impl IntoIterator<Item = i64>) -> Float64Array {
            counts.into_iter().map(|count| count as f64).collect::<Vec<_>>().into()
        }
        Self {
            cells: floats(counts.confusion.iter().map(|&(cell, _)| cell)),
            cell_counts: floats(counts.confusion.iter().map(|&(_, count)| count)),
            ranks: floats(counts.ranks),
            targets: floats(counts.targets),
            labels: floats(counts.labels),
        }
    }
}

impl From<Metrics> for NativeMetrics {
    fn from(metrics: Metrics) -> Self {
        let Metrics {
            loss,
            correct,
            samples,
            predictions,
            steps,
            error_sums,
            strings,
            forecast,
            gradient_norm,
        } = metrics;
        Self {
            loss,
            correct,
            samples,
            predictions,
            steps,
            error_sums,
            strings: strings.map(NativeStringCounts::from),
            forecast: forecast.map(NativeForecastErrors::from),
            gradient_norm,
        }
    }
}

#[napi]
impl NativePass {
    pub(crate) fn new(engine: Arc<Engine>, loss: LossOptions, meter: Meter) -> Self {
        Self {
            engine,
            meter: Arc::new(Mutex::new(meter)),
            is_cancelled: Arc::default(),
            loss: Arc::new(loss),
        }
    }

    /// Adds a batch's gradients to those of the next update; with an optimizer, updates by them. `teacher_forcing` is the
    /// share of a token sequence's steps that read their targets; all where nothing is said.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn train_batch<'env>(
        &self,
        env: &'env Env,
        batch: &mut NativeBatch,
        optimizer: Option<NativeOptimizer>,
        teacher_forcing: Option<f64>,
    ) -> napi::Result<Object<'env>> {
        let (batch, loss) = (batch.take(), Arc::clone(&self.loss));
        self.submit(env, move |worker, meter| {
            match teacher_forcing {
                None => worker.model.accumulate(&loss, &batch?, meter)?,
                Some(teacher_forcing) => {
                    let loss = LossOptions {
                        teacher_forcing,
                        ..LossOptions::clone(&loss)
                    };
                    worker.model.accumulate(&loss, &batch?, meter)?;
                }
            }
            optimizer.map_or(Ok(()), |optimizer| optimizer.update(worker, meter))
        })
    }

    /// Updates by the gradients since the last update; without any, does nothing.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn update<'env>(&self, env: &'env Env, optimizer: NativeOptimizer) -> napi::Result<Object<'env>> {
        self.submit(env, move |worker, meter| optimizer.update(worker, meter))
    }

    /// Adds a batch without training on it.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn evaluate_batch<'env>(&self, env: &'env Env, batch: &mut NativeBatch) -> napi::Result<Object<'env>> {
        let batch = batch.take();
        self.submit(env, move |worker, meter| worker.model.evaluate_batch(&batch?, meter))
    }

    /// Adds what clips are answered with after their first frames, by cut; the pass itself counts the last cut.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn evaluate_prefixes<'env>(
        &self,
        env: &'env Env,
        batch: &mut NativeBatch,
        prefixes: &NativePrefixes,
    ) -> napi::Result<Object<'env>> {
        let (batch, prefixes) = (batch.take(), Arc::clone(&prefixes.meter));
        self.submit(env, move |worker, meter| {
            let mut prefixes = prefixes.lock().unwrap_or_else(PoisonError::into_inner);
            worker.model.evaluate_prefixes(&batch?, &mut prefixes, meter)
        })
    }

    /// Everything accumulated since the pass began. Waits for the device.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeMetrics>>")]
    pub fn metrics<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let meter = Arc::clone(&self.meter);
        let (settle, promise) = promise(env, |_env, metrics: Metrics| Ok(NativeMetrics::from(metrics)))?;
        self.engine.submit(
            move |_worker| meter.lock().unwrap_or_else(PoisonError::into_inner).read(),
            settle,
        );
        Ok(promise)
    }

    /// What the batches evaluated since the pass began are counted by. Waits for the device.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeCounts>>")]
    pub fn counts<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let meter = Arc::clone(&self.meter);
        let (settle, promise) = promise(env, |_env, counts: Counts| Ok(NativeCounts::from(counts)))?;
        let read = move |worker: &mut Worker| {
            let mut meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
            meter.counts(worker.model.config())
        };
        self.engine.submit(read, settle);
        Ok(promise)
    }

    /// Areas under the ROC curve, one a class or label, of a pass that keeps a ranking. Waits for the device.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<number[]>>")]
    pub fn areas<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let meter = Arc::clone(&self.meter);
        let (settle, promise) = promise(env, |_env, areas: Vec<f64>| Ok(areas))?;
        let read = move |worker: &mut Worker| {
            let meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
            meter.areas(worker.model.config())
        };
        self.engine.submit(read, settle);
        Ok(promise)
    }

    /// Has jobs of this pass that have not begun yet end at once with `ERR_ABORTED`.
    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    fn submit<'env>(
        &self,
        env: &'env Env,
        job: impl FnOnce(&mut Worker, &mut Meter) -> Result<()> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let (meter, is_cancelled) = (Arc::clone(&self.meter), Arc::clone(&self.is_cancelled));
        let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
        let job = move |worker: &mut Worker| {
            if is_cancelled.load(Ordering::Relaxed) {
                return Err(Error::Aborted);
            }
            let result = job(worker, &mut meter.lock().unwrap_or_else(PoisonError::into_inner));
            if result.is_err() {
                is_cancelled.store(true, Ordering::Relaxed); // what follows was meant for a model that has made this step
            }
            result
        };
        self.engine.submit(job, settle);
        Ok(promise)
    }
}
