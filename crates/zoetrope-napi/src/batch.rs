//! Data on its way in: typed arrays, copied once or lent.

use std::sync::Arc;

use napi::bindgen_prelude::{
    Either, Env, Float32Array, Float64Array, Int32Array, Object, ObjectFinalize, Uint8Array, Uint32Array,
};
use napi_derive::napi;
use zoetrope_core::{
    Arrays, Augmentation, Batch, Error, Inputs, Per, ReadInputs, Result, Sample, TargetValues, Targets, TensorDataset,
    Values,
};

use crate::outcome::{outcome, promise};
use crate::runtime::finish_at_exit;

/// One checked batch in native memory, for one job: using it hands its memory over, so that memory does not wait for
/// JavaScript's collector.
#[napi]
pub struct NativeBatch {
    pub(crate) batch: Option<Batch>,
}

impl NativeBatch {
    /// Hands the batch over.
    pub(crate) fn take(&mut self) -> Result<Batch> {
        self.batch.take().ok_or_else(used_twice)
    }
}

#[napi]
impl NativeBatch {
    /// Copies inputs of `[batch, channels, height, width]` or `[batch, features]`, or the same with the time after the
    /// batch; with the valid frames of each clip where they are not all; and, except for prediction, targets.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeBatch>")]
    pub fn from_arrays<'env>(
        env: &'env Env,
        inputs: Either<Float32Array, Uint8Array>,
        shape: Vec<i64>,
        lengths: Option<Int32Array>,
        targets: Option<NativeTargets>,
    ) -> napi::Result<Object<'env>> {
        let batch = with_arrays(&inputs, &shape, lengths.as_ref(), targets.as_ref(), Batch::from_arrays);
        outcome(env, batch.map(|batch| Self { batch: Some(batch) }))
    }

    /// As `fromArrays`, but the inputs are not copied: nothing may write to the array before the batch's job is done.
    /// `indices` are the samples' places in their dataset, for messages.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeBatch>")]
    pub fn lent<'env>(
        env: &'env Env,
        inputs: Either<Float32Array, Uint8Array>,
        shape: Vec<i64>,
        lengths: Option<Int32Array>,
        targets: Option<NativeTargets>,
        indices: Uint32Array,
    ) -> napi::Result<Object<'env>> {
        finish_at_exit(env)?;
        let inputs = Arc::new(inputs);
        let keeper = Box::new(Arc::clone(&inputs));
        let batch = with_arrays(&inputs, &shape, lengths.as_ref(), targets.as_ref(), |arrays| {
            // SAFETY: the array's reference, which `keeper` holds, keeps its memory where it is, and the environment
            // outlives the jobs that read it. The facade lends arrays of its own that nobody else knows, and writes to
            // them after their job.
            unsafe { Batch::lent(arrays, keeper) }
        });
        let indices = indices.iter().map(|&index| i64::from(index)).collect();
        outcome(
            env,
            batch.map(|batch| Self {
                batch: Some(batch.with_indices(indices)),
            }),
        )
    }

    /// Has a thread beside the model's change the clips at random. `indices` are the samples' places in their dataset:
    /// with seed and epoch they say all draws.
    #[napi(catch_unwind, ts_return_type = "Outcome<undefined>")]
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
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeInputs>>")]
    pub fn read_inputs<'env>(&mut self, env: &'env Env) -> napi::Result<Object<'env>> {
        let batch = match self.take() {
            Ok(batch) => batch,
            Err(error) => return outcome(env, Err::<(), _>(error)),
        };
        let (settle, promise) = promise(env, |_env, read: ReadInputs| {
            let narrow = |lengths: Vec<i64>| lengths.into_iter().map(|length| length as i32).collect::<Vec<_>>();
            Ok(NativeInputs {
                data: array(read.values),
                shape: read.shape,
                lengths: read.lengths.map(|lengths| narrow(lengths).into()),
            })
        })?;
        batch.read_inputs(settle);
        Ok(promise)
    }
}

/// The inputs of a batch.
#[napi(object, object_from_js = false)]
pub struct NativeInputs {
    /// In the type in which they came.
    pub data: Either<Float32Array, Uint8Array>,
    /// One size an axis.
    pub shape: Vec<i64>,
    /// Valid frames of each clip, where they are not all.
    pub lengths: Option<Int32Array>,
}

/// What is to be answered: class indices, labels, numbers or strings of labels.
#[napi(object, object_to_js = false)]
pub struct NativeTargets {
    /// As many as the product of the shape.
    pub data: Either<Int32Array, Float32Array>,
    /// `[batch]` for classes, or with axes of time and outputs, or of a string's labels, after it.
    pub shape: Vec<i64>,
    /// Targets of each sample's own along the second axis, `[batch]`, where samples have different numbers of them.
    pub lengths: Option<Int32Array>,
    /// Names that the data are indices of, where targets were given by name.
    pub names: Option<Vec<String>>,
}

/// One sample of a dataset.
#[napi(object, object_from_js = false)]
pub struct NativeSample {
    /// In the type in which it came.
    pub data: Either<Float32Array, Uint8Array>,
    /// Of the inputs, without the axis of samples; of a clip, its own frames.
    pub shape: Vec<i64>,
    /// Class indices, labels or numbers; absent in a dataset without targets.
    pub targets: Option<Float64Array>,
    /// Of the targets, without the axis of samples: empty for a single number.
    pub target_shape: Vec<i64>,
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
    /// Copies samples, as `NativeBatch.fromArrays` does. `isPerFrame` says whether targets belong to frames or to clips,
    /// where that is known.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeTensorDataset>")]
    pub fn create<'env>(
        env: &'env Env,
        inputs: Either<Float32Array, Uint8Array>,
        shape: Vec<i64>,
        lengths: Option<Int32Array>,
        targets: Option<NativeTargets>,
        is_per_frame: Option<bool>,
    ) -> napi::Result<Object<'env>> {
        let said = is_per_frame.map(|is_per_frame| if is_per_frame { Per::Frame } else { Per::Clip });
        let dataset = with_arrays(&inputs, &shape, lengths.as_ref(), targets.as_ref(), |arrays| {
            let dataset = TensorDataset::new(arrays)?;
            match said {
                Some(per) => dataset.with_targets_per(per),
                None => Ok(dataset),
            }
        });
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
    #[napi(catch_unwind, getter)]
    pub fn length(&self) -> i64 {
        self.dataset.len()
    }

    /// A copy of the sample at `index`.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeSample>")]
    pub fn sample<'env>(&self, env: &'env Env, index: i64) -> napi::Result<Object<'env>> {
        let convert = |sample: Sample| NativeSample {
            data: array(sample.inputs),
            shape: sample.shape,
            targets: sample.targets.map(Float64Array::from),
            target_shape: sample.target_shape,
        };
        outcome(env, self.dataset.sample(index).map(convert))
    }

    /// Whether the label strings of the samples at `indices`, which must be in range, can be aligned with their clips.
    #[napi(catch_unwind, ts_return_type = "Outcome<undefined>")]
    pub fn check_alignable<'env>(&self, env: &'env Env, indices: Uint32Array) -> napi::Result<Object<'env>> {
        let indices: Vec<i64> = indices.iter().map(|&index| i64::from(index)).collect();
        outcome(env, self.dataset.check_alignable(&indices))
    }

    /// The samples at `indices` as a batch.
    #[napi(catch_unwind, ts_return_type = "Outcome<NativeBatch>")]
    pub fn batch<'env>(&self, env: &'env Env, indices: Uint32Array) -> napi::Result<Object<'env>> {
        let indices = indices.iter().map(|&index| i64::from(index)).collect();
        let batch = Batch::gathered(Arc::clone(&self.dataset), indices);
        outcome(env, batch.map(|batch| NativeBatch { batch: Some(batch) }))
    }
}

pub(crate) fn used_twice() -> Error {
    Error::Internal {
        reason: "a batch was used twice".to_owned(),
    }
}

/// A typed array of the values' type.
pub(crate) fn array(values: Values) -> Either<Float32Array, Uint8Array> {
    match values {
        Values::F32(values) => Either::A(values.into()),
        Values::U8(values) => Either::B(values.into()),
    }
}

/// Lends arrays to whoever copies them.
pub(crate) fn with_arrays<T>(
    inputs: &Either<Float32Array, Uint8Array>,
    shape: &[i64],
    lengths: Option<&Int32Array>,
    targets: Option<&NativeTargets>,
    copy: impl FnOnce(Arrays<'_>) -> Result<T>,
) -> Result<T> {
    let lengths = lengths.map(|lengths| widen(lengths));
    let integers = targets.and_then(|targets| match &targets.data {
        Either::A(values) => Some(widen(values)),
        Either::B(_) => None,
    });
    let own = targets.and_then(|targets| Some(widen(targets.lengths.as_ref()?)));
    let targets = targets.map(|targets| Targets {
        values: match (&targets.data, &integers) {
            (Either::B(values), _) => TargetValues::Floats(values),
            (Either::A(_), integers) => TargetValues::Integers(integers.as_deref().unwrap_or_default()),
        },
        shape: &targets.shape,
        lengths: own.as_deref(),
        names: targets.names.as_deref(),
    });
    copy(Arrays {
        inputs: match inputs {
            Either::A(values) => Inputs::F32(values),
            Either::B(values) => Inputs::U8(values),
        },
        shape,
        lengths: lengths.as_deref(),
        targets,
    })
}

fn widen(values: &[i32]) -> Vec<i64> {
    values.iter().map(|&value| i64::from(value)).collect()
}
