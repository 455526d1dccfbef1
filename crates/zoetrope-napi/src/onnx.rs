//! A model on its way into an ONNX file.

use std::path::PathBuf;

use napi::bindgen_prelude::{ClassInstance, Env, Object};
use napi_derive::napi;
use zoetrope_core::{Array, CnnLstm, Error, OnnxFile, OnnxOptions, Result, run_beside};

use crate::batch::NativeBatch;
use crate::model::{NativeArray, NativeModel};
use crate::outcome::{outcome, promise};

/// An exported file that is not at its path yet. Collected, it leaves nothing.
#[napi]
pub struct NativeOnnxFile {
    file: Option<OnnxFile>,
    temporary_path: String,
    logits: Vec<Array>,
}

#[napi]
impl NativeOnnxFile {
    /// Where it can be read before it is at its path.
    #[napi(catch_unwind, getter)]
    pub fn temporary_path(&self) -> &str {
        &self.temporary_path
    }

    /// The model's raw outputs for each probe, as of `logits`, by the weights that are in the file. Handed over once.
    #[napi(catch_unwind)]
    pub fn take_logits(&mut self) -> Vec<NativeArray> {
        self.logits.drain(..).map(NativeArray::from).collect()
    }

    /// Puts it at its path.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn persist<'env>(&mut self, env: &'env Env) -> napi::Result<Object<'env>> {
        let Some(file) = self.file.take() else {
            let reason = "an exported file was used twice".to_owned();
            return outcome(env, Err::<(), _>(Error::Internal { reason }));
        };
        let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
        run_beside(move || file.persist(), settle);
        Ok(promise)
    }

    /// Removes it.
    #[napi(catch_unwind)]
    pub fn discard(&mut self) {
        self.file = None;
    }
}

#[napi]
impl NativeModel {
    /// Writes the model as ONNX beside `path`, and computes the raw outputs for the probes by the same weights. `options`
    /// in JSON.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeOnnxFile>>")]
    pub fn export_onnx<'env>(
        &self,
        env: &'env Env,
        path: String,
        options: String,
        probes: Vec<ClassInstance<'env, NativeBatch>>,
    ) -> napi::Result<Object<'env>> {
        let probes: Vec<_> = probes.into_iter().map(|mut probe| probe.take()).collect();
        let export = move |model: &mut CnnLstm| {
            let options: OnnxOptions = serde_json::from_str(&options).map_err(|error| Error::InvalidConfig {
                option: "options".to_owned(),
                expected: "options of an export".to_owned(),
                received: error.to_string(),
            })?;
            let file = model.export_onnx(&PathBuf::from(path), options)?;
            let logits = |probe: Result<_>| Array::from_tensor(&model.logits(&probe?)?);
            let logits = probes.into_iter().map(logits).collect::<Result<Vec<_>>>()?;
            Ok((file, logits))
        };
        let (settle, promise) = promise(env, |_env, (file, logits): (OnnxFile, Vec<Array>)| {
            Ok(NativeOnnxFile {
                temporary_path: file.temporary_path().display().to_string(),
                file: Some(file),
                logits,
            })
        })?;
        self.engine.submit_detached(|worker| export(&mut worker.model), settle);
        Ok(promise)
    }
}
