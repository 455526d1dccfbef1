//! Data on its way in: typed arrays, copied once.

use std::sync::Arc;

use napi::bindgen_prelude::{Either, Env, Float32Array, Int32Array, Object, ObjectFinalize, Uint8Array, Uint32Array};
use napi_derive::napi;
use zoetrope_core::{Augmentation, Batch, Error, Inputs, Result, TensorDataset, Values};

use crate::outcome::{outcome, promise};

/// One checked batch in native memory, for one job: using it hands its memory over, so that memory does not wait for
/// JavaScript's collector.
#[napi]
pub struct NativeBatch {
    batch: Option<Batch>,
}

impl NativeBatch {
    /// Hands the batch over.
    pub(crate) fn take(&mut self) -> Result<Batch> {
        self.batch.take().ok_or_else(used_twice)
    }
}

#[napi]
impl NativeBatch {
    /// Copies inputs of `[batch, channels, height, width]` or `[batch, time, channels, height, width]` and, except for
    /// prediction, one target a sample.
    #[napi(ts_return_type = "Outcome<NativeBatch>")]
    pub fn from_arrays<'env>(
        env: &'env Env,
        inputs: Either<Float32Array, Uint8Array>,
        shape: Vec<i64>,
        targets: Option<Int32Array>,
    ) -> napi::Result<Object<'env>> {
        let targets = targets.map(|targets| widen(&targets));
        let batch = Batch::new(view(&inputs), &shape, targets.as_deref());
        outcome(env, batch.map(|batch| Self { batch: Some(batch) }))
    }

    /// Has a thread beside the model's change the clips at random. `indices` are the samples' places in their dataset:
    /// with seed and epoch they say all draws.
    #[napi(ts_return_type = "Outcome<undefined>")]
    pub fn augment<'env>(
        &mut self,
        env: &'env Env,
        #[napi(ts_arg_type = "object")] config: serde_json::Value,
        seed: i64,
        epoch: i64,
        indices: Uint32Array,
    ) -> napi::Result<Object<'env>> {
        let not_a_config = |error: serde_json::Error| Error::InvalidConfig {
            option: "augment".to_owned(),
            expected: "augmentation options".to_owned(),
            received: error.to_string(),
        };
        let augment = |batch: Option<&mut Batch>| {
            batch.ok_or_else(used_twice)?.augment(Augmentation {
                config: serde_json::from_value(config).map_err(not_a_config)?,
                seed: seed as u64,
                epoch: epoch as u64,
                indices: indices.iter().map(|&index| u64::from(index)).collect(),
            })
        };
        outcome(env, augment(self.batch.as_mut()))
    }

    /// The inputs as the model would see them, instead of a job.
    #[napi(ts_return_type = "Promise<Outcome<NativeInputs>>")]
    pub fn read_inputs<'env>(&mut self, env: &'env Env) -> napi::Result<Object<'env>> {
        let batch = match self.take() {
            Ok(batch) => batch,
            Err(error) => return outcome(env, Err::<(), _>(error)),
        };
        let (settle, promise) = promise(env, |_env, (values, shape)| {
            Ok(NativeInputs {
                data: array(values),
                shape,
            })
        })?;
        match batch.read_inputs(settle) {
            Ok(()) => Ok(promise),
            Err(error) => outcome(env, Err::<(), _>(error)),
        }
    }
}

/// The inputs of a batch.
#[napi(object, object_from_js = false)]
pub struct NativeInputs {
    /// In the type in which they came.
    pub data: Either<Float32Array, Uint8Array>,
    /// One size an axis.
    pub shape: Vec<i64>,
}

/// One sample of a dataset.
#[napi(object, object_from_js = false)]
pub struct NativeSample {
    /// In the type in which it came.
    pub data: Either<Float32Array, Uint8Array>,
    /// `[channels, height, width]` or `[time, channels, height, width]`.
    pub shape: Vec<i64>,
    /// Index of the class.
    pub target: i64,
}

/// Samples in native memory; batches of it cross as indices.
#[napi(custom_finalize)]
pub struct NativeTensorDataset {
    dataset: Arc<TensorDataset>,
    /// What JavaScript's collector was told of.
    bytes: i64,
}

impl ObjectFinalize for NativeTensorDataset {
    fn finalize(self, env: Env) -> napi::Result<()> {
        env.adjust_external_memory(-self.bytes).map(drop)
    }
}

#[napi]
impl NativeTensorDataset {
    /// Copies samples of `[samples, channels, height, width]` or `[samples, time, channels, height, width]`.
    #[napi(ts_return_type = "Outcome<NativeTensorDataset>")]
    pub fn create<'env>(
        env: &'env Env,
        inputs: Either<Float32Array, Uint8Array>,
        shape: Vec<i64>,
        targets: Int32Array,
    ) -> napi::Result<Object<'env>> {
        let dataset = TensorDataset::new(view(&inputs), &shape, &widen(&targets));
        let bytes = match &inputs {
            Either::A(values) => size_of_val::<[f32]>(values) as i64,
            Either::B(values) => values.len() as i64,
        };
        env.adjust_external_memory(if dataset.is_ok() { bytes } else { 0 })?;
        outcome(
            env,
            dataset.map(|dataset| Self {
                dataset: Arc::new(dataset),
                bytes,
            }),
        )
    }

    /// Number of samples.
    #[napi(getter)]
    pub fn length(&self) -> i64 {
        self.dataset.len()
    }

    /// A copy of the sample at `index`.
    #[napi(ts_return_type = "Outcome<NativeSample>")]
    pub fn sample<'env>(&self, env: &'env Env, index: i64) -> napi::Result<Object<'env>> {
        let convert = |(values, shape, target)| NativeSample {
            data: array(values),
            shape,
            target,
        };
        outcome(env, self.dataset.sample(index).map(convert))
    }

    /// The samples at `indices` as a batch.
    #[napi(ts_return_type = "Outcome<NativeBatch>")]
    pub fn batch<'env>(&self, env: &'env Env, indices: Uint32Array) -> napi::Result<Object<'env>> {
        let indices = indices.iter().map(|&index| i64::from(index)).collect();
        let batch = Batch::gathered(Arc::clone(&self.dataset), indices);
        outcome(env, batch.map(|batch| NativeBatch { batch: Some(batch) }))
    }
}

fn used_twice() -> Error {
    Error::Internal {
        reason: "a batch was used twice".to_owned(),
    }
}

fn array(values: Values) -> Either<Float32Array, Uint8Array> {
    match values {
        Values::F32(values) => Either::A(values.into()),
        Values::U8(values) => Either::B(values.into()),
    }
}

fn view(inputs: &Either<Float32Array, Uint8Array>) -> Inputs<'_> {
    match inputs {
        Either::A(values) => Inputs::F32(values),
        Either::B(values) => Inputs::U8(values),
    }
}

fn widen(targets: &[i32]) -> Vec<i64> {
    targets.iter().map(|&target| i64::from(target)).collect()
}
