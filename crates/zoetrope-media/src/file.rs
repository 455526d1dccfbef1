//! Files as they lie on the disk.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result, reserve};

/// Opens a regular file that is not empty; says how long it is. A pipe or a device could keep its reader for ever.
pub fn open(path: &Path) -> Result<(File, u64)> {
    let unreadable = |error: std::io::Error| Error::file(path, "to read the file", error);
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::file(path, "a regular file", "a folder, a pipe or a device"));
    }
    let file = File::open(path).map_err(unreadable)?;
    match file.metadata().map_err(unreadable)?.len() {
        0 => Err(Error::file(path, "bytes", "an empty file")),
        len => Ok((file, len)),
    }
}

/// A whole file of at most `most` bytes.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let (file, len) = open(path)?;
    if len > most {
        return Err(Error::file(path, format!("at most {most} bytes"), len));
    }
    let mut bytes = Vec::new();
    reserve(path, &mut bytes, len as usize)?;
    let reading = file.take(len).read_to_end(&mut bytes);
    reading.map_err(|error| Error::file(path, "to read the file", error))?;
    Ok(bytes)
}
