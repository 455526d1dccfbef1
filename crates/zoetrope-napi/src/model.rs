//! The model's handle.

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::{BigInt, Env, Float32Array, Object};
use napi_derive::napi;
use zoetrope_core::{
    Array, CnnLstm, Engine, Error, Fit, Generator, Layer, LossOptions, Meter, ModelConfig, NamedTensor, Names, Result,
    StateDictMismatch, device, tensor_names,
};

use crate::batch::NativeBatch;
use crate::generation::{NativeGeneration, NativeGenerationOptions};
use crate::outcome::{outcome, promise};
use crate::pass::{NativeLoss, NativePass};
use crate::runtime::close_at_exit;
use crate::state_dict::NativeStateDict;

/// A model on its own thread.
#[napi]
pub struct NativeModel {
    pub(crate) engine: Arc<Engine>,
    pub(crate) config: ModelConfig,
    device: String,
    parameter_names: Vec<String>,
}

/// A float32 array.
#[napi(object)]
pub struct NativeArray {
    /// Row-major.
    pub data: Float32Array,
    /// One size an axis.
    pub shape: Vec<i64>,
}

/// A parameter.
#[napi(object)]
pub struct NativeNamedArray {
    /// Such as `cnn.conv1.weight`.
    pub name: String,
    /// Row-major.
    pub data: Float32Array,
    /// One size an axis.
    pub shape: Vec<i64>,
}

/// One row of a summary.
#[napi(object, object_from_js = false)]
pub struct NativeLayer {
    /// Such as `cnn.conv1`.
    pub name: String,
    /// PyTorch's name of the layer's class.
    pub kind: String,
    /// `null` for an axis that is free: batch and time.
    #[napi(ts_type = "(number | null)[]")]
    pub output_shape: Vec<Option<i64>>,
    /// Number of trained values.
    pub parameters: i64,
    /// Number of values that training keeps but no optimizer changes: running means and variances.
    pub statistics: i64,
}

/// What a call froze or unfroze.
#[napi(object, object_from_js = false)]
pub struct NativeFrozen {
    /// The parameters that the prefix fits.
    pub names: Vec<String>,
    /// Number of values in all frozen parameters of the model.
    pub frozen_values: i64,
}

/// Names that a model and a state dict do not share; at most 50 of each are listed.
#[napi(object, object_from_js = false)]
pub struct NativeMismatch {
    /// The model's.
    pub missing: Vec<String>,
    /// The state dict's.
    pub unexpected: Vec<String>,
    /// Missing ones that are not listed.
    pub omitted_missing: u32,
    /// Unexpected ones that are not listed.
    pub omitted_unexpected: u32,
}

impl From<StateDictMismatch> for NativeMismatch {
    fn from(mismatch: StateDictMismatch) -> Self {
        let count = |names: &Names| u32::try_from(names.omitted).unwrap_or(u32::MAX);
        Self {
            omitted_missing: count(&mismatch.missing),
            omitted_unexpected: count(&mismatch.unexpected),
            missing: mismatch.missing.listed,
            unexpected: mismatch.unexpected.listed,
        }
    }
}

impl From<Array> for NativeArray {
    fn from(array: Array) -> Self {
        Self {
            data: array.data.into(),
            shape: array.shape,
        }
    }
}

impl From<Layer> for NativeLayer {
    fn from(layer: Layer) -> Self {
        let Layer {
            name,
            kind,
            output_shape,
            parameters,
            statistics,
        } = layer;
        Self {
            name,
            kind: kind.to_owned(),
            output_shape,
            parameters,
            statistics,
        }
    }
}

#[napi]
impl NativeModel {
    /// A new model of a configuration in JSON. `device`: `auto`, `cpu`, `cuda` or `cuda:N`. Without a seed, weights are drawn from the stream that
    /// `manualSeed` restarts.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeModel>>")]
    pub fn create<'env>(
        env: &'env Env,
        config: String,
        device: String,
        seed: Option<BigInt>,
    ) -> napi::Result<Object<'env>> {
        let seed = seed.map(|seed| seed.get_u64().1);
        start(env, move || {
            let config: ModelConfig = serde_json::from_str(&config).map_err(|error| not_a_config(&error))?;
            let generator = seed.map_or_else(Generator::process, Generator::from_seed)?;
            CnnLstm::new(&config, device::resolve(&device)?, &generator)
        })
    }

    /// Reads a model that `save` wrote.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeModel>>")]
    pub fn load<'env>(env: &'env Env, path: String, device: String) -> napi::Result<Object<'env>> {
        start(env, move || {
            CnnLstm::load(&PathBuf::from(path), device::resolve(&device)?)
        })
    }

    /// What the model is made of, as JSON: a text crosses whole, an object of values is limited to a million of them.
    #[napi(catch_unwind, getter)]
    pub fn config(&self) -> napi::Result<String> {
        Ok(serde_json::to_string(&self.config)?)
    }

    /// Numbers in one answer.
    #[napi(catch_unwind, getter)]
    pub fn num_outputs(&self) -> i64 {
        self.config.num_outputs()
    }

    /// `cpu` or `cuda:N`.
    #[napi(catch_unwind, getter)]
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The name of every parameter, in PyTorch's order.
    #[napi(catch_unwind, getter)]
    pub fn parameter_names(&self) -> Vec<String> {
        self.parameter_names.clone()
    }

    /// Every layer from input to logits.
    #[napi(catch_unwind)]
    pub fn layers(&self) -> Vec<NativeLayer> {
        self.config.layers().into_iter().map(NativeLayer::from).collect()
    }

    /// Begins a sweep over some data; `loss` has the options of a training loss, `keeps_ranking` is for `areas`.
    #[napi(catch_unwind)]
    pub fn begin_pass(&self, loss: Option<NativeLoss>, keeps_ranking: Option<bool>) -> NativePass {
        let meter = if keeps_ranking == Some(true) {
            Meter::with_ranking()
        } else {
            Meter::new()
        };
        NativePass::new(
            Arc::clone(&self.engine),
            loss.map(LossOptions::from).unwrap_or_default(),
            meter,
        )
    }

    /// Begins a call that writes strings.
    #[napi(catch_unwind)]
    pub fn begin_generation(&self, options: NativeGenerationOptions) -> NativeGeneration {
        NativeGeneration::new(Arc::clone(&self.engine), options.into())
    }

    /// Raw outputs of `[batch, outputs]`, or of `[batch, time, outputs]` where the head is per frame.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeArray>>")]
    pub fn logits<'env>(&self, env: &'env Env, batch: &mut NativeBatch) -> napi::Result<Object<'env>> {
        let batch = batch.take();
        self.submit(
            env,
            move |model| Array::from_tensor(&model.logits(&batch?)?),
            NativeArray::from,
        )
    }

    /// Probabilities of classes or labels, or a regression's values; shapes as of `logits`.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeArray>>")]
    pub fn predict<'env>(&self, env: &'env Env, batch: &mut NativeBatch) -> napi::Result<Object<'env>> {
        let batch = batch.take();
        self.submit(
            env,
            move |model| Array::from_tensor(&model.predict(&batch?)?),
            NativeArray::from,
        )
    }

    /// Writes parameters and configuration as safetensors.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn save<'env>(&self, env: &'env Env, path: String) -> napi::Result<Object<'env>> {
        self.submit_detached(env, move |model| model.save(&PathBuf::from(path)))
    }

    /// Copies every parameter, in PyTorch's order.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeNamedArray[]>>")]
    pub fn state_dict<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let read = |model: &mut CnnLstm| {
            let named = |entry: NamedTensor| Ok((entry.name, Array::from_tensor(&entry.tensor)?));
            model.state_dict()?.into_iter().map(named).collect::<Result<Vec<_>>>()
        };
        let convert = |entries: Vec<(String, Array)>| {
            let named = |(name, Array { data, shape })| NativeNamedArray {
                name,
                data: data.into(),
                shape,
            };
            entries.into_iter().map(named).collect::<Vec<_>>()
        };
        self.submit(env, read, convert)
    }

    /// Overwrites parameters; without `strict` those that are there. `part` is what the names of the model begin with that are
    /// looked at.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeMismatch>>")]
    pub fn load_state_dict<'env>(
        &self,
        env: &'env Env,
        state: &mut NativeStateDict,
        strict: bool,
        part: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let state = state.take();
        let names = None;
        let fit = Fit { strict, names, part };
        let load = move |model: &mut CnnLstm| model.load_partial(&state?, &fit);
        self.submit(env, load, NativeMismatch::from)
    }

    /// As `loadStateDict`, of a safetensors file. `names` are pairs of a name in the file and the model's name for it, one
    /// after the other; tensors that are not among them are left out. `part` is as there.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeMismatch>>")]
    pub fn load_state_dict_file<'env>(
        &self,
        env: &'env Env,
        path: String,
        strict: bool,
        names: Option<Vec<String>>,
        part: Option<String>,
    ) -> napi::Result<Object<'env>> {
        let pair = |pair: &[String; 2]| (pair[0].clone(), pair[1].clone());
        let names = names.map(|names| names.as_chunks().0.iter().map(pair).collect());
        let fit = Fit { strict, names, part };
        let (settle, promise) = promise(env, |_env, mismatch| Ok(NativeMismatch::from(mismatch)))?;
        let load = move |model: &mut CnnLstm| model.load_partial_file(&PathBuf::from(path), &fit);
        self.engine.submit_detached(|worker| load(&mut worker.model), settle);
        Ok(promise)
    }

    /// The names of the tensors in a safetensors file.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<string[]>>")]
    pub fn tensor_names<'env>(&self, env: &'env Env, path: String) -> napi::Result<Object<'env>> {
        let (settle, promise) = promise(env, |_env, names: Vec<String>| Ok(names))?;
        self.engine
            .submit_detached(move |_worker| tensor_names(&PathBuf::from(path)), settle);
        Ok(promise)
    }

    /// Freezes, or unfreezes, every parameter whose name begins with the prefix.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeFrozen>>")]
    pub fn set_frozen<'env>(&self, env: &'env Env, prefix: String, is_frozen: bool) -> napi::Result<Object<'env>> {
        self.submit(
            env,
            move |model| {
                let names = model.set_frozen(&prefix, is_frozen)?;
                Ok((names, model.frozen_values()))
            },
            |(names, frozen_values)| NativeFrozen { names, frozen_values },
        )
    }

    /// Drops what is kept for an optimizer, after the jobs so far.
    #[napi(catch_unwind)]
    pub fn forget_optimizer(&self, id: u32) {
        self.engine.forget_optimizer(id);
    }

    /// Drops the parameters on the model's thread and ends it. Twice is fine.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn dispose<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
        self.engine.dispose(move || settle(Ok::<(), zoetrope_core::Error>(())));
        Ok(promise)
    }

    /// A job on a file, which may take for ever: nobody who shuts the engine down waits for it.
    fn submit_detached<'env>(
        &self,
        env: &'env Env,
        job: impl FnOnce(&mut CnnLstm) -> Result<()> + Send + 'static,
    ) -> napi::Result<Object<'env>> {
        let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
        self.engine.submit_detached(|worker| job(&mut worker.model), settle);
        Ok(promise)
    }

    fn submit<'env, T, V>(
        &self,
        env: &'env Env,
        job: impl FnOnce(&mut CnnLstm) -> Result<T> + Send + 'static,
        convert: impl FnOnce(T) -> V + Send + 'static,
    ) -> napi::Result<Object<'env>>
    where
        T: Send + 'static,
        V: napi::bindgen_prelude::ToNapiValue + 'static,
    {
        let (settle, promise) = promise(env, |_env, value| Ok(convert(value)))?;
        self.engine.submit(|worker| job(&mut worker.model), settle);
        Ok(promise)
    }
}

/// Starts a thread and builds a model there.
fn start<'env>(env: &'env Env, build: impl FnOnce() -> Result<CnnLstm> + Send + 'static) -> napi::Result<Object<'env>> {
    let engine = match Engine::spawn() {
        Ok(engine) => Arc::new(engine),
        Err(error) => return outcome(env, Err::<(), _>(error)),
    };
    close_at_exit(env, engine.closer())?;
    let for_model = Arc::clone(&engine);
    let (settle, promise) = promise(env, move |_env, (config, device, parameter_names)| {
        Ok(NativeModel {
            engine: for_model,
            config,
            device,
            parameter_names,
        })
    })?;
    engine.build(
        build,
        |model| {
            let names = model.parameters().iter().map(|parameter| parameter.name.clone());
            (
                model.config().clone(),
                device::name(model.device()),
                names.collect::<Vec<_>>(),
            )
        },
        settle,
    );
    Ok(promise)
}

fn not_a_config(error: &serde_json::Error) -> Error {
    Error::InvalidConfig {
        option: "config".to_owned(),
        expected: "a model configuration".to_owned(),
        received: error.to_string(),
    }
}
