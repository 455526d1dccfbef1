//! Saving and loading: safetensors with the model's configuration in the metadata.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, View};
use tch::{Device, Kind, Tensor};

use super::cnn_lstm::CnnLstm;
use super::named_tensor::{NamedTensor, StateDict};
use crate::config::ModelConfig;
use crate::error::StateDictMismatch;
use crate::error::{Error, Result};
use crate::runtime::shutdown::aside;

/// Where the metadata keeps the model's configuration, as JSON.
const CONFIG_KEY: &str = "zoetrope.config";
/// How the names end whose tensors are int64.
const COUNT_SUFFIX: &str = ".num_batches_tracked";

impl CnnLstm {
    /// Writes parameters and configuration: to a temporary file beside, flushed, then renamed over `path`.
    ///
    /// # Errors
    /// `Checkpoint`; whatever was at `path` is then still there.
    pub fn save(&self, path: &Path) -> Result<()> {
        let failed = |reason: String| Error::Checkpoint {
            reason: format!("Cannot save to {}: {reason}", path.display()),
            path: Some(path.display().to_string()),
            mismatch: StateDictMismatch::default(),
        };
        let config = serde_json::to_string(self.config()).map_err(|error| failed(error.to_string()))?;
        let metadata = HashMap::from([(CONFIG_KEY.to_owned(), config), ("format".to_owned(), "pt".to_owned())]);
        let tensors = self
            .state_dict()?
            .into_iter()
            .map(|entry| Ok((entry.name, Bytes::of(&entry.tensor)?)));
        let tensors = tensors.collect::<Result<BTreeMap<_, _>>>()?;
        let bytes = safetensors::serialize(tensors, Some(metadata)).map_err(|error| failed(error.to_string()))?;
        write_atomically(path, &bytes).map_err(|error| failed(error.to_string()))
    }

    /// Reads a model that [`Self::save`] wrote.
    ///
    /// # Errors
    /// `Checkpoint` for a file that is missing, damaged, or not a model of ours.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        let file = read_file(path)?;
        let Some(json) = file.config else {
            let hint = "it has no configuration of Zoetrope's. For weights from elsewhere, create a model of the same \
                        structure and call loadStateDict";
            return Err(unreadable(path, hint));
        };
        let config: ModelConfig = serde_json::from_str(&json)
            .map_err(|error| unreadable(path, &format!("its configuration is not one of this version ({error})")))?;
        Self::from_state_dict(&config, device, &file.state).map_err(|error| at_path(error, path))
    }

    /// Overwrites every parameter with those of a safetensors file, which may come from PyTorch.
    ///
    /// # Errors
    /// As [`Self::load_state_dict`], or `Checkpoint` for a file that is missing or damaged.
    pub fn load_state_dict_file(&mut self, path: &Path) -> Result<()> {
        let file = read_file(path)?;
        self.load_state_dict(&file.state).map_err(|error| at_path(error, path))
    }
}

struct Contents {
    state: StateDict,
    config: Option<String>,
}

fn read_file(path: &Path) -> Result<Contents> {
    let bytes = aside(|| std::fs::read(path)).map_err(|error| unreadable(path, &error.to_string()))?;
    let damaged = |error: safetensors::SafeTensorError| unreadable(path, &format!("not a safetensors file ({error})"));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let config = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(CONFIG_KEY).cloned());
    let mut state = StateDict::new();
    for (name, view) in SafeTensors::deserialize(&bytes).map_err(damaged)?.iter() {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::F64 => Kind::Double,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::I64 if name.ends_with(COUNT_SUFFIX) => Kind::Int64,
            other => {
                return Err(unreadable(
                    path,
                    &format!("`{name}` has dtype {other:?}, expected a float"),
                ));
            }
        };
        let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)?;
        let tensor = if kind == Kind::Int64 {
            tensor
        } else {
            tensor.f_to_kind(Kind::Float)?
        };
        state.push(NamedTensor {
            name: name.to_owned(),
            tensor,
        });
    }
    Ok(Contents { state, config })
}

fn unreadable(path: &Path, reason: &str) -> Error {
    Error::Checkpoint {
        reason: format!("Cannot load {}: {reason}", path.display()),
        path: Some(path.display().to_string()),
        mismatch: StateDictMismatch::default(),
    }
}

fn at_path(error: Error, path: &Path) -> Error {
    let mismatch = match &error {
        Error::Checkpoint { mismatch, .. } => mismatch.clone(),
        Error::InvalidConfig { .. } => StateDictMismatch::default(),
        _ => return error,
    };
    let reason = format!("Cannot load {}: {error}", path.display());
    Error::Checkpoint {
        reason,
        path: Some(path.display().to_string()),
        mismatch,
    }
}

fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let readable_by_all = Permissions::from_mode(0o666); // the umask takes away what it should
    let mut file = tempfile::Builder::new()
        .permissions(readable_by_all)
        .suffix(".tmp")
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(directory)?.sync_all() // the rename itself
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
