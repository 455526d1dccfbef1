//! Saving and loading: safetensors with the model's configuration in the metadata.

mod reader;
pub(crate) mod writer;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::Path;

use safetensors::{Dtype, View};
use tch::{Device, Kind, Tensor};

use self::reader::TensorFile;
use self::writer::AtomicFile;
use super::cnn_lstm::CnnLstm;
use super::named_tensor::Weights;
use super::state_dict::Fit;
use crate::config::ModelConfig;
use crate::error::{Error, Names, Result, StateDictMismatch, shortened};

/// Where the metadata keeps the model's configuration, as JSON.
const CONFIG_KEY: &str = "zoetrope.config";

impl CnnLstm {
    /// Writes parameters and configuration: to a temporary file beside, flushed, then renamed over `path`. A symbolic
    /// link stays, and the file behind it is written; a file that is replaced hands its mode on.
    ///
    /// # Errors
    /// `Checkpoint`; whatever was at `path` is then still there.
    pub fn save(&self, path: &Path) -> Result<()> {
        let failed = |reason: String| Error::Checkpoint {
            reason: format!("Cannot save to {}: {reason}", path.display()),
            path: Some(path.display().to_string()),
            mismatch: Box::default(),
        };
        let config = serde_json::to_string(self.config()).map_err(|error| failed(error.to_string()))?;
        let metadata = HashMap::from([(CONFIG_KEY.to_owned(), config), ("format".to_owned(), "pt".to_owned())]);
        let tensors = self
            .state_dict()?
            .into_iter()
            .map(|entry| Ok((entry.name, Bytes::of(&entry.tensor)?)));
        let tensors = tensors.collect::<Result<BTreeMap<_, _>>>()?;
        let mut bytes = safetensors::serialize(tensors, Some(metadata)).map_err(|error| failed(error.to_string()))?;
        order_header(&mut bytes).map_err(|error| failed(error.to_string()))?;
        let write = || {
            let mut file = AtomicFile::create(path)?;
            file.file().write_all(&bytes)?;
            file.persist()
        };
        write().map_err(|error: io::Error| failed(error.to_string()))
    }

    /// Reads a model that [`Self::save`] wrote.
    ///
    /// # Errors
    /// `Checkpoint` for a file that is missing, damaged, or not a model of ours.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        let file = TensorFile::open(path)?;
        let Some(json) = file.metadata(CONFIG_KEY) else {
            let hint = "it has no configuration of Zoetrope's. For weights from elsewhere, create a model of the same \
                        structure and call loadStateDict";
            return Err(unreadable(path, hint));
        };
        let config: ModelConfig = serde_json::from_str(json).map_err(|error| {
            let error = shortened(&error.to_string());
            unreadable(path, &format!("its configuration is not one of this version ({error})"))
        })?;
        let load = || {
            config.validate()?;
            check_extent(&config, file.names().len())?;
            Self::from_weights(&config, device, &file)
        };
        load().map_err(|error| at_path(error, path))
    }

    /// Overwrites every parameter with those of a safetensors file, which may come from PyTorch.
    ///
    /// # Errors
    /// As [`Self::load_state_dict`], or `Checkpoint` for a file that is missing or damaged.
    pub fn load_state_dict_file(&mut self, path: &Path) -> Result<()> {
        let file = TensorFile::open(path)?;
        self.load_weights(&file).map_err(|error| at_path(error, path))
    }
}

impl CnnLstm {
    /// As [`Self::load_state_dict_file`], of a file that may be another model's in part.
    ///
    /// # Errors
    /// As [`Self::load_partial`], or `Checkpoint` for a file that is missing or damaged.
    pub fn load_partial_file(&mut self, path: &Path, fit: &Fit) -> Result<StateDictMismatch> {
        let file = TensorFile::open(path)?;
        self.load_fitting(&file, fit).map_err(|error| at_path(error, path))
    }
}

/// The names of a safetensors file's tensors, in the order of the data.
///
/// # Errors
/// `Checkpoint` for a file that is missing or damaged.
pub fn tensor_names(path: &Path) -> Result<Vec<String>> {
    let file = TensorFile::open(path)?;
    Ok(file.names().into_iter().map(str::to_owned).collect())
}

/// A configuration of a few bytes may ask for millions of layers. A model is only begun where the file has its tensors,
/// or lacks so few that all can be named.
fn check_extent(config: &ModelConfig, held: usize) -> Result<()> {
    let asked = config.num_parameter_tensors();
    if asked <= held + Names::LISTED {
        return Ok(());
    }
    Err(Error::Checkpoint {
        reason: format!("its configuration asks for {asked} tensors, and it holds {held}"),
        path: None,
        mismatch: Box::default(),
    })
}

fn unreadable(path: &Path, reason: &str) -> Error {
    Error::Checkpoint {
        reason: format!("Cannot load {}: {reason}", path.display()),
        path: Some(path.display().to_string()),
        mismatch: Box::default(),
    }
}

/// An error of a file's contents as one of the file; one that says its path already stays as it is.
fn at_path(error: Error, path: &Path) -> Error {
    let mismatch = match &error {
        Error::Checkpoint {
            mismatch, path: None, ..
        } => mismatch.clone(),
        Error::InvalidConfig { .. } => Box::default(),
        _ => return error,
    };
    let reason = format!("Cannot load {}: {error}", path.display());
    Error::Checkpoint {
        reason,
        path: Some(path.display().to_string()),
        mismatch,
    }
}

/// A tensor's bytes, float32 or int64, as safetensors takes them.
struct Bytes {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Bytes {
    fn of(tensor: &Tensor) -> Result<Self> {
        let dtype = if tensor.kind() == Kind::Int64 {
            Dtype::I64
        } else {
            Dtype::F32
        };
        let mut data = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
        tensor.f_copy_data_u8(&mut data, tensor.numel())?;
        Ok(Self {
            dtype,
            shape: tensor.size().iter().map(|&size| size as usize).collect(),
            data,
        })
    }
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

/// Orders the header's entries by name, so that equal models are equal files: safetensors takes the metadata in the order of a
/// hash map, which differs from run to run.
fn order_header(file: &mut [u8]) -> serde_json::Result<()> {
    let Some((length, rest)) = file.split_first_chunk_mut::<8>() else {
        return Ok(());
    };
    let length = (u64::from_le_bytes(*length) as usize).min(rest.len());
    let header = &mut rest[..length];
    let entries: serde_json::Value = serde_json::from_slice(header)?; //     its maps are in order
    let ordered = entries.to_string();
    if let Some(place) = header.get_mut(..ordered.len()) {
        place.copy_from_slice(ordered.as_bytes()); //                        as long as before; spaces follow
    }
    Ok(())
}
