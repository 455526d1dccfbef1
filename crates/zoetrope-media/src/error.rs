//! Every way in which a file can fail.

use std::path::Path;

/// This crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with a file. The message says what was expected, where, and what came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is not as it must be, or the system does not give it out.
    #[error("Expected {expected} in '{path}', received {actual}")]
    File {
        /// Which file.
        path: String,
        /// What was expected.
        expected: String,
        /// What came.
        actual: String,
    },
    /// The system gives no memory for what comes out.
    #[error("Out of memory: {bytes} bytes for '{path}'. Use smaller or shorter clips")]
    OutOfMemory {
        /// Which file.
        path: String,
        /// How much was asked for.
        bytes: usize,
    },
    /// The thread that asked for the work has ended.
    #[error("The work was given up, because the thread that asked for it ends")]
    GivenUp,
    /// The system refuses a thread.
    #[error("Out of memory: the system refused a thread ({reason})")]
    ThreadRefused {
        /// The system's own words.
        reason: String,
    },
    /// A bug: of ours, or of a decoder that panics.
    #[error("Internal error (please report it): {reason}")]
    Internal {
        /// What is known.
        reason: String,
    },
}

impl Error {
    pub(crate) fn file(path: &Path, expected: impl Into<String>, actual: impl std::fmt::Display) -> Self {
        Self::File {
            path: path.to_string_lossy().into_owned(),
            expected: expected.into(),
            actual: actual.to_string(),
        }
    }
}

/// Room for `len` values, or an error where there is none.
pub(crate) fn reserve<T>(path: &Path, values: &mut Vec<T>, len: usize) -> Result<()> {
    values.try_reserve_exact(len).map_err(|_| Error::OutOfMemory {
        path: path.to_string_lossy().into_owned(),
        bytes: len.saturating_mul(size_of::<T>()),
    })
}
