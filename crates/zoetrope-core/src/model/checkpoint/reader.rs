//! A safetensors file, read as far as it is asked for: its header first, then single tensors.

use std::fs::{File, Metadata as FileMetadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use tch::{Kind, Tensor};

use super::super::named_tensor::{Entry, Weights, is_count, not_there};
use super::unreadable;
use crate::error::{Error, Result, shortened};
use crate::runtime::shutdown::aside;

/// Bytes of the number in front of the header, which says its length.
const LENGTH_BYTES: u64 = 8;
/// The longest header that safetensors allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// An open file whose header is sound: its tensors cover it to the last byte, so that no more is ever allocated than
/// the file is long.
pub(super) struct TensorFile {
    path: PathBuf,
    file: File,
    header: Metadata,
    /// In the order of the data.
    names: Vec<String>,
    data_begin: u64,
}

impl TensorFile {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error: &io::Error| unreadable(path, &error.to_string());
        let file = aside(|| open_regular(path)).map_err(|error| failed(&error))?;
        let length = file.metadata().map_err(|error| failed(&error))?.len();
        let damaged = |reason: &str| {
            let reason = pickled(&file).unwrap_or(reason);
            unreadable(path, &format!("not a safetensors file ({reason})"))
        };
        if length < LENGTH_BYTES {
            return Err(damaged(&format!("it is {length} bytes long")));
        }
        let mut header_length = [0; LENGTH_BYTES as usize];
        read_at(&file, &mut header_length, 0).map_err(|error| failed(&error))?;
        let header_length = u64::from_le_bytes(header_length);
        if header_length > LONGEST_HEADER || header_length > length - LENGTH_BYTES {
            return Err(damaged(&format!(
                "a header of {header_length} bytes in a file of {length}"
            )));
        }
        let mut json = vec![0; header_length as usize];
        read_at(&file, &mut json, LENGTH_BYTES).map_err(|error| failed(&error))?;
        let header: Metadata =
            serde_json::from_slice(&json).map_err(|error| damaged(&shortened(&error.to_string())))?;
        let data_begin = LENGTH_BYTES + header_length;
        if header.data_len() as u64 != length - data_begin {
            return Err(damaged(&format!(
                "its tensors are {} bytes long, and {} bytes follow the header",
                header.data_len(),
                length - data_begin,
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            names: header.offset_keys(),
            header,
            data_begin,
        })
    }

    /// An entry of the header's metadata.
    pub(super) fn metadata(&self, key: &str) -> Option<&String> {
        self.header.metadata().as_ref().and_then(|entries| entries.get(key))
    }
}

impl Weights for TensorFile {
    fn entry(&self, name: &str) -> Option<Entry> {
        self.header.info(name).map(|info| Entry {
            shape: sizes(&info.shape),
            problem: kind(name, info.dtype).err(),
        })
    }

    /// Reads floats of any width as float32; a count in the type in which it stands there.
    fn read(&self, name: &str) -> Result<Tensor> {
        let info = self.header.info(name).ok_or_else(|| not_there(name))?;
        let failed = |reason: &str| unreadable(&self.path, reason);
        let kind = kind(name, info.dtype).map_err(|problem| failed(&format!("{name}: {problem}")))?;
        let (begin, end) = info.data_offsets;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(end - begin).map_err(|_| Error::OutOfMemory {
            reason: format!("no {} bytes for `{}` of a file", end - begin, shortened(name)),
        })?;
        bytes.resize(end - begin, 0);
        read_at(&self.file, &mut bytes, self.data_begin + begin as u64).map_err(|error| failed(&error.to_string()))?;
        let tensor = Tensor::f_from_data_size(&bytes, &sizes(&info.shape), kind)?;
        if is_count(name) {
            Ok(tensor)
        } else {
            Ok(tensor.f_to_kind(Kind::Float)?)
        }
    }

    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }
}

/// What to say of a file of `torch.save` or `pickle`, by its first bytes: a zip archive with a pickle in it, or a pickle.
fn pickled(file: &File) -> Option<&'static str> {
    let mut begin = [0; 4];
    read_at(file, &mut begin, 0).ok()?;
    match begin {
        [b'P', b'K', 3, 4] | [0x80, 2..=5, ..] => Some(
            "it looks like a checkpoint of torch.save, a pickle, which may run any program when it is read: Zoetrope never \
             reads one. Turn it into safetensors with Python: docs/model.md, \"Weights from PyTorch\", has the three lines",
        ),
        _ => None,
    }
}

/// Fills the bytes from that place of the file on. All reads are here: the process's exit does not wait for one.
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    aside(|| file.read_exact_at(bytes, offset))
}

/// Opens a regular file. A FIFO or a device is refused before a read could wait for it or go on for ever.
fn open_regular(path: &Path) -> io::Result<File> {
    check_regular(&std::fs::metadata(path)?)?; //     opening a device may do something
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32) // a FIFO that has come since does not wait for its writer
        .open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

/// Fails for whatever is not a regular file.
pub(super) fn check_regular(metadata: &FileMetadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(io::Error::from(rustix::io::Errno::ISDIR));
    }
    let what = match kind {
        kind if kind.is_fifo() => "a FIFO (named pipe)",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    };
    let reason = format!("it is {what}, expected a regular file");
    Err(io::Error::new(ErrorKind::InvalidInput, reason))
}

/// What a tensor's bytes are, or why they cannot be weights.
fn kind(name: &str, dtype: Dtype) -> std::result::Result<Kind, String> {
    match dtype {
        Dtype::F32 => Ok(Kind::Float),
        Dtype::F64 => Ok(Kind::Double),
        Dtype::F16 => Ok(Kind::Half),
        Dtype::BF16 => Ok(Kind::BFloat16),
        Dtype::I64 if is_count(name) => Ok(Kind::Int64),
        Dtype::I32 if is_count(name) => Ok(Kind::Int),
        other => Err(format!("expected a dtype of F32, F64, F16 or BF16, received {other:?}")),
    }
}

/// Sizes of axes; one beyond libtorch's integers fits no model, whatever it is read as.
fn sizes(shape: &[usize]) -> Vec<i64> {
    shape
        .iter()
        .map(|&size| i64::try_from(size).unwrap_or(i64::MAX))
        .collect()
}
