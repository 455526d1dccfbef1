//! A temporary file that grows, and that nobody sees: it has no name any more when it is first written to.

use std::fs::{File, OpenOptions, remove_file};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::Arc;

use crate::error::{Error, Result};

/// Values in a file, one after the other. The system frees it when nobody has it any more, or the process ends, however
/// that ends.
#[derive(Default)]
pub(super) struct Spill {
    file: Option<Arc<File>>,
    /// Bytes that are written or reserved.
    length: u64,
    /// Whether nothing more is written.
    is_closed: bool,
}

/// Some values in a file.
#[derive(Clone)]
pub(super) struct Spilled {
    file: Arc<File>,
    at: u64,
    len: usize,
}

impl Spill {
    /// A place for so many values behind all others; none where there is no file to be had.
    pub(super) fn reserve(&mut self, len: usize) -> Option<Spilled> {
        if self.is_closed {
            return None;
        }
        if self.file.is_none() {
            self.file = nameless().ok().map(Arc::new);
            self.is_closed = self.file.is_none();
        }
        let file = Arc::clone(self.file.as_ref()?);
        let at = self.length;
        self.length += (len * size_of::<f32>()) as u64;
        Some(Spilled { file, at, len })
    }

    /// Ends the file's growth.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }
}

impl Spilled {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Writes the values; says whether the disk took them.
    pub(super) fn write(&self, values: &[f32]) -> bool {
        self.file.write_all_at(bytes(values), self.at).is_ok()
    }

    /// Reads as many values.
    ///
    /// # Errors
    /// `Data`.
    pub(super) fn read(&self, values: &mut [f32]) -> Result<()> {
        let read = self.file.read_exact_at(bytes_mut(values), self.at);
        read.map_err(|error| Error::Data {
            reason: format!(
                "Features that were kept in a file of the temporary folder '{}' cannot be read: {error}. Use \
                 `featureCache: false`, or a larger `featureCache.limit`",
                std::env::temp_dir().display()
            ),
        })
    }
}

/// A new file in the system's temporary folder, which nobody else can open.
fn nameless() -> std::io::Result<File> {
    let name = RandomState::new().build_hasher().finish(); //    keys that the system drew
    let path = std::env::temp_dir().join(format!("zoetrope-{name:016x}"));
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    remove_file(&path)?;
    Ok(file)
}

fn bytes(values: &[f32]) -> &[u8] {
    // SAFETY: floats without padding, seen as the bytes that they are.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

fn bytes_mut(values: &mut [f32]) -> &mut [u8] {
    // SAFETY: as in `bytes`; any four bytes are a float.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}
