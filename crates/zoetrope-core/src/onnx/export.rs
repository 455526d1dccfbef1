//! The whole file: the graph of a model, and what it says of itself.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::forecast::Forecast;
use super::graph::Graph;
use super::inputs::Clips;
use super::missing::Missing;
use super::options::{InputType, OnnxOptions};
use super::recurrent::States;
use super::weights::ModelWeights;
use super::{encoder, head, pooling, recurrent, sequence};
use crate::config::{HeadKind, InputConfig, ModelConfig};
use crate::error::{Error, Result};
use crate::model::checkpoint::writer::AtomicFile;
use crate::model::cnn_lstm::CnnLstm;
use crate::protobuf::Message;

/// What protocol buffers hold, and so one ONNX file.
const LARGEST_FILE: u64 = (1 << 31) - 1;

/// An exported file that is not at its path yet. Dropped, it leaves nothing.
pub struct OnnxFile(AtomicFile);

impl OnnxFile {
    /// Where it can be read before it is at its path.
    #[must_use]
    pub fn temporary_path(&self) -> &Path {
        self.0.temporary_path()
    }

    /// Puts it at its path, in the place of what was there.
    ///
    /// # Errors
    /// `Checkpoint`; whatever was at the path is then still there.
    pub fn persist(self) -> Result<()> {
        let path = self.0.path().to_owned();
        self.0.persist().map_err(|error| failed(&path, &error.to_string()))
    }
}

/// A model's files, which are not at their paths yet.
pub struct OnnxExport {
    /// Takes clips.
    pub file: OnnxFile,
    /// Of a head that writes strings: one step of its decoder.
    pub decoder: Option<OnnxFile>,
}

impl CnnLstm {
    /// Writes the model as ONNX beside `path`, where [`OnnxFile::persist`] puts it. The decoder of a head that writes strings
    /// belongs at [`decoder_path`].
    ///
    /// # Errors
    /// `InvalidConfig` for options that do not fit the model; `Checkpoint` for a file that cannot be written, or would be
    /// larger than ONNX allows.
    pub fn export_onnx(&self, path: &Path, options: OnnxOptions) -> Result<OnnxExport> {
        let config = self.config();
        options.validate(config)?;
        let weights = ModelWeights::of(self)?;
        let file = written(path, &self.to_onnx(options, &weights)?)?;
        let decoder = match config.head.sequence {
            Some(sequence) => {
                let mut graph = Graph::default();
                sequence::step(&mut graph, config, sequence, options, &weights)?;
                let message = graph.into_model("zoetrope decoder", &metadata(config, options)?);
                Some(written(&decoder_path(path), &message)?)
            }
            None => None,
        };
        Ok(OnnxExport { file, decoder })
    }

    fn to_onnx(&self, options: OnnxOptions, weights: &ModelWeights) -> Result<Message> {
        let config = self.config();
        let graph = &mut Graph::default();
        let clips = Clips::new(graph, config, options);
        let padding = clips.padding.as_ref();
        let features = encoder::features(graph, config, weights, &clips)?; //       [batch, time, features]
        let (mut states, before) = if options.streaming {
            let (states, before) = States::streamed(graph, config.lstm);
            (Some(states), Some(before))
        } else {
            (config.head.is_recursive_forecast().then(States::default), None)
        };
        let missing =
            (options.input_type == InputType::Float32).then(|| Missing::new(graph, config, &clips, before.as_ref()));
        let missing = missing.as_ref();
        let outputs = recurrent::recur(graph, config.lstm, weights, &features, padding, states.as_mut())?;
        let pooled = match (config.head.is_pooled(), options.streaming) {
            (false, _) => outputs,
            (true, true) => pooling::pool_so_far(graph, config.pooling, weights, &outputs, &clips, config.lstm)?,
            (true, false) => pooling::pool(graph, config.pooling, weights, &outputs, padding)?,
        };
        match (config.head.kind, config.head.sequence, states) {
            (HeadKind::Forecast, _, ends) => {
                let forecast = Forecast::new(config, weights, self.forecast_follows()?)?;
                match ends {
                    Some(ends) => forecast.answer_step_by_step(graph, &ends, missing)?,
                    None => forecast.answer_at_once(graph, &pooled, missing)?,
                }
            }
            (_, Some(sequence), _) => sequence::remember(graph, config, sequence, weights, &pooled, padding, missing)?,
            (_, None, states) => {
                if let Some(states) = states {
                    states.leave(graph, config.lstm, missing);
                }
                head::answer(graph, config, options, weights, &pooled, padding, missing)?;
            }
        }
        Ok(std::mem::take(graph).into_model("zoetrope", &metadata(config, options)?))
    }
}

/// Where the decoder of the file at `path` is: `digits.decoder.onnx` beside `digits.onnx`.
#[must_use]
pub fn decoder_path(path: &Path) -> PathBuf {
    let is_onnx = path.extension().is_some_and(|extension| extension == "onnx");
    let mut name = if is_onnx {
        path.with_extension("")
    } else {
        path.to_owned()
    }
    .into_os_string();
    name.push(".decoder.onnx");
    name.into()
}

/// Writes a file beside its path.
fn written(path: &Path, message: &Message) -> Result<OnnxFile> {
    if message.len() > LARGEST_FILE {
        let bytes = message.len();
        let reason = format!("it would have {bytes} bytes, and an ONNX file has at most 2 GiB");
        return Err(failed(path, &reason));
    }
    let write = || -> io::Result<AtomicFile> {
        let mut output = AtomicFile::create(path)?;
        message.write_to(output.file())?;
        Ok(output)
    };
    write().map(OnnxFile).map_err(|error| failed(path, &error.to_string()))
}

/// What a file says of itself.
fn metadata(config: &ModelConfig, options: OnnxOptions) -> Result<[(&'static str, String); 4]> {
    let text = |value: Json| value.to_string();
    let whole = serde_json::to_value(config).map_err(|error| internal(&error))?;
    Ok([
        ("zoetrope.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("zoetrope.config", text(whole)),
        ("zoetrope.classes", text(json!(class_names(config)))),
        ("zoetrope.input", text(input_contract(config, options))),
    ])
}

/// The classes' names; `0`, `1`, … where they have none.
fn class_names(config: &ModelConfig) -> Vec<String> {
    let numbered = || (0..config.num_classes).map(|class| class.to_string()).collect();
    config.classes.clone().unwrap_or_else(numbered)
}

/// What the graph expects, for programs that have the file alone.
fn input_contract(config: &ModelConfig, options: OnnxOptions) -> Json {
    let (axes, sizes) = match config.input {
        InputConfig::Frame(_) => ("channels, height, width", config.input.sizes()),
        InputConfig::Vector(_) => ("features", config.input.sizes()),
    };
    let (element, values) = match options.input_type {
        InputType::Float32 => ("float32", "as the model was trained on; pixels as 0…1"),
        InputType::Uint8 => ("uint8", "pixels, 0…255"),
    };
    json!({
        "axes": format!("batch, time, {axes}"),
        "sizes": sizes,
        "type": element,
        "values": values,
        "lengths": options.lengths,
        "streaming": options.streaming,
    })
}

fn failed(path: &Path, reason: &str) -> Error {
    Error::Checkpoint {
        reason: format!("Cannot export to {}: {reason}", path.display()),
        path: Some(path.display().to_string()),
        mismatch: Box::default(),
    }
}

fn internal(error: &serde_json::Error) -> Error {
    Error::Internal {
        reason: error.to_string(),
    }
}
