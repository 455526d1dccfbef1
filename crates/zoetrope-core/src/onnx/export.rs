//! The whole file: the graph of a model, and what it says of itself.

use std::io;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::graph::Graph;
use super::inputs::Clips;
use super::linear::linear;
use super::missing::Missing;
use super::options::{InputType, OnnxOptions};
use super::recurrent::States;
use super::weights::ModelWeights;
use super::{encoder, head, pooling, recurrent};
use crate::config::{InputConfig, ModelConfig};
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

impl CnnLstm {
    /// Writes the model as ONNX beside `path`, where [`OnnxFile::persist`] puts it.
    ///
    /// # Errors
    /// `InvalidConfig` for options that do not fit the model; `Checkpoint` for a file that cannot be written, or would be
    /// larger than ONNX allows.
    pub fn export_onnx(&self, path: &Path, options: OnnxOptions) -> Result<OnnxFile> {
        let file = self.to_onnx(options)?;
        if file.len() > LARGEST_FILE {
            let reason = format!("it would have {} bytes, and an ONNX file has at most 2 GiB", file.len());
            return Err(failed(path, &reason));
        }
        let write = || -> io::Result<AtomicFile> {
            let mut output = AtomicFile::create(path)?;
            file.write_to(output.file())?;
            Ok(output)
        };
        write().map(OnnxFile).map_err(|error| failed(path, &error.to_string()))
    }

    fn to_onnx(&self, options: OnnxOptions) -> Result<Message> {
        let config = self.config();
        options.validate(config)?;
        let weights = ModelWeights::of(self)?;
        let mut graph = Graph::default();
        let clips = Clips::new(&mut graph, config, options);
        let padding = clips.padding.as_ref();
        let encoded = encoder::encode(&mut graph, config, &weights, &clips)?; //    [batch, time, features]
        let features = match config.projection {
            Some(_) => linear(&mut graph, &weights, "projection", &encoded)?,
            None => encoded,
        };
        let mut states = options.streaming.then(|| States::new(&mut graph, config.lstm));
        let missing = (options.input_type == InputType::Float32).then(|| {
            let before = states.as_ref().map(|states| &states.stacked);
            Missing::new(&mut graph, config, &clips, before)
        });
        let outputs = recurrent::recur(&mut graph, config.lstm, &weights, &features, padding, states.as_mut())?;
        if let Some(states) = states {
            states.leave(&mut graph, config.lstm, missing.as_ref());
        }
        let pooled = match (config.head.is_pooled(), options.streaming) {
            (false, _) => outputs,
            (true, true) => pooling::pool_so_far(&mut graph, config.pooling, &weights, &outputs, &clips, config.lstm)?,
            (true, false) => pooling::pool(&mut graph, config.pooling, &weights, &outputs, padding)?,
        };
        head::answer(
            &mut graph,
            config,
            options,
            &weights,
            &pooled,
            padding,
            missing.as_ref(),
        )?;
        let text = |value: Json| value.to_string();
        let metadata = [
            ("zoetrope.version", env!("CARGO_PKG_VERSION").to_owned()),
            (
                "zoetrope.config",
                text(serde_json::to_value(config).map_err(|error| internal(&error))?),
            ),
            ("zoetrope.classes", text(json!(class_names(config)))),
            ("zoetrope.input", text(input_contract(config, options))),
        ];
        Ok(graph.into_model("zoetrope", &metadata))
    }
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
