//! A model on its way into an ONNX file.

use std::path::PathBuf;

use napi::bindgen_prelude::{ClassInstance, Env, Object};
use napi_derive::napi;
use zoetrope_core::{Array, CnnLstm, Error, OnnxExport, OnnxFile, OnnxOptions, Result, run_beside};

use crate::batch::NativeBatch;
use crate::model::{NativeArray, NativeModel};
use crate::outcome::{outcome, promise};

/// A model's exported files that are not at their paths yet. Collected, they leave nothing.
#[napi]
pub struct NativeOnnxFile {
    files: Option<OnnxExport>,
    temporary_path: String,
    decoder_path: Option<String>,
    answers: Vec<Array>,
}

#[napi]
impl NativeOnnxFile {
    /// Where the file that takes clips can be read before it is at its path.
    #[napi(catch_unwind, getter)]
    pub fn temporary_path(&self) -> &str {
        &self.temporary_path
    }

    /// The same of the decoder's step, of a head that writes strings.
    #[napi(catch_unwind, getter)]
    pub fn temporary_decoder_path(&self) -> Option<&str> {
        self.decoder_path.as_deref()
    }

    /// What the model answers to each probe by the weights that are in the file: raw outputs, of a forecast the steps, of a
    /// token sequence the logits of greedy steps. Handed over once.
    #[napi(catch_unwind)]
    pub fn take_answers(&mut self) -> Vec<NativeArray> {
        self.answers.drain(..).map(NativeArray::from).collect()
    }

    /// Puts them at their paths, the decoder first.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome<undefined>>")]
    pub fn persist<'env>(&mut self, env: &'env Env) -> napi::Result<Object<'env>> {
        let Some(OnnxExport { file, decoder }) = self.files.take() else {
            let reason = "an exported file was used twice".to_owned();
            return outcome(env, Err::<(), _>(Error::Internal { reason }));
        };
        let (settle, promise) = promise(env, |_env, ()| Ok(()))?;
        let persist = move || {
            decoder.map_or(Ok(()), OnnxFile::persist)?;
            file.persist()
        };
        run_beside(persist, settle);
        Ok(promise)
    }

    /// Removes them.
    #[napi(catch_unwind)]
    pub fn discard(&mut self) {
        self.files = None;
    }
}

#[napi]
impl NativeModel {
    /// Writes the model as ONNX beside `path`, and answers the probes by the same weights. `options` in JSON.
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
            let files = model.export_onnx(&PathBuf::from(path), options)?;
            let answer = |probe: Result<_>| Array::from_tensor(&model.exported_answers(&probe?)?);
            let answers = probes.into_iter().map(answer).collect::<Result<Vec<_>>>()?;
            Ok((files, answers))
        };
        let (settle, promise) = promise(env, |_env, (files, answers): (OnnxExport, Vec<Array>)| {
            let path = |file: &OnnxFile| file.temporary_path().display().to_string();
            Ok(NativeOnnxFile {
                temporary_path: path(&files.file),
                decoder_path: files.decoder.as_ref().map(path),
                files: Some(files),
                answers,
            })
        })?;
        self.engine.submit_detached(|worker| export(&mut worker.model), settle);
        Ok(promise)
    }
}
