//! Every way in which core can fail: one variant per thing that a caller may want to catch.

use serde_json::{Value, json};
use tch::TchError;

/// Core's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, with its facts. The message says what was expected, what came, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A model or optimizer option is out of its range, or options contradict each other.
    #[error("Expected {expected} for `{option}`, received {received}")]
    InvalidConfig {
        /// The option's name, such as `cnn[0].kernelSize`.
        option: String,
        /// What it may be.
        expected: String,
        /// What it was.
        received: String,
    },
    /// A batch does not have the shape that the model was built for, or an array not the length its shape says.
    #[error("Expected {what} of shape {expected}, received {actual:?}")]
    ShapeMismatch {
        /// The array's name.
        what: String,
        /// The shape it must have, with axis names.
        expected: String,
        /// The shape it has.
        actual: Vec<i64>,
    },
    /// The device asked for is not there.
    #[error("Device `{device}` is not available: {reason}")]
    DeviceUnavailable {
        /// The device as it was asked for.
        device: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// The device has not enough memory.
    #[error("Out of memory: {reason}. Use a smaller batch, smaller frames or shorter clips")]
    OutOfMemory {
        /// The allocator's own words.
        reason: String,
    },
    /// The system refuses a thread.
    #[error(
        "Out of memory: the system refused a thread ({reason}). Raise its limits of processes or memory (`ulimit -u`, \
         `ulimit -v`, the container's), or dispose of models that are not needed"
    )]
    ThreadRefused {
        /// The system's own words.
        reason: String,
    },
    /// The loss became NaN or infinite; the parameters are as they were before that step.
    #[error(
        "The loss is {loss} at step {step} of this pass; the parameters are as they were before that step. \
         Look for NaN in the inputs, scale them to about 0…1, or lower the learning rate"
    )]
    NonFiniteLoss {
        /// The loss.
        loss: f64,
        /// The step of the pass, from 1.
        step: i64,
    },
    /// A gradient became NaN or infinite; the parameters are as they were before that step.
    #[error(
        "The gradients' norm is {norm} at step {step} of this pass, although the loss is finite; the parameters are as \
         they were before that step. Scale the inputs to about 0…1, or lower the learning rate"
    )]
    NonFiniteGradient {
        /// The norm of all gradients as one vector.
        norm: f64,
        /// The step of the pass, from 1.
        step: i64,
    },
    /// An update would make a parameter NaN or infinite; the parameters are as they were before that step.
    #[error(
        "The update of step {step} of this pass would make parameters NaN or infinite, although loss and gradients are \
         finite; the parameters are as they were before that step. Lower the learning rate, or raise `eps`"
    )]
    NonFiniteUpdate {
        /// The step of the pass, from 1.
        step: i64,
    },
    /// A checkpoint or state dict cannot be written, read, or does not fit the model.
    #[error("{reason}")]
    Checkpoint {
        /// The whole story.
        reason: String,
        /// The file, where there is one.
        path: Option<String>,
        /// Names and shapes that do not fit.
        mismatch: Box<StateDictMismatch>,
    },
    /// Samples or targets have values that they may not have.
    #[error("{reason}")]
    Data {
        /// The whole story.
        reason: String,
    },
    /// The model was disposed.
    #[error("The model was disposed; create or load it again")]
    Disposed,
    /// The job's pass was cancelled before the job began.
    #[error("The pass was cancelled")]
    Aborted,
    /// A bug of ours.
    #[error("Internal error (please report it): {reason}")]
    Internal {
        /// What is known.
        reason: String,
    },
}

/// How a state dict differs from a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDictMismatch {
    /// Parameters of the model that the state dict lacks.
    pub missing: Names,
    /// Names in the state dict that the model does not have, or that stand there twice.
    pub unexpected: Names,
    /// `name: expected [..], received [..]`.
    pub mismatched: Names,
}

/// The first names of a list that a file may make as long as it likes, and how many came after them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// At most [`Names::LISTED`] of them, each shortened.
    pub listed: Vec<String>,
    /// How many are not listed.
    pub omitted: usize,
}

impl Names {
    /// How many names are listed.
    pub const LISTED: usize = 50;

    /// Adds a name, or counts it where the list is full.
    pub fn push(&mut self, name: &str) {
        if self.listed.len() < Self::LISTED {
            self.listed.push(shortened(name));
        } else {
            self.omitted += 1;
        }
    }
}

impl std::fmt::Display for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.listed.join(", "))?;
        match self.omitted {
            0 => Ok(()),
            omitted => write!(f, " and {omitted} more"),
        }
    }
}

/// Text that came from a file, as a message shows it: its first 200 characters.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Error {
    /// The code that the facade throws.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidConfig { .. } => "ERR_INVALID_CONFIG",
            Self::ShapeMismatch { .. } => "ERR_SHAPE_MISMATCH",
            Self::DeviceUnavailable { .. } => "ERR_DEVICE_UNAVAILABLE",
            Self::OutOfMemory { .. } | Self::ThreadRefused { .. } => "ERR_OUT_OF_MEMORY",
            Self::NonFiniteLoss { .. } | Self::NonFiniteGradient { .. } | Self::NonFiniteUpdate { .. } => {
                "ERR_NON_FINITE_LOSS"
            }
            Self::Checkpoint { .. } => "ERR_CHECKPOINT",
            Self::Data { .. } => "ERR_DATA",
            Self::Disposed => "ERR_DISPOSED",
            Self::Aborted => "ERR_ABORTED",
            Self::Internal { .. } => "ERR_INTERNAL",
        }
    }

    /// The error's facts by name.
    #[must_use]
    pub fn details(&self) -> Value {
        match self {
            Self::InvalidConfig {
                option,
                expected,
                received,
            } => {
                json!({ "option": option, "expected": expected, "received": received })
            }
            Self::ShapeMismatch { what, expected, actual } => {
                json!({ "what": what, "expected": expected, "actual": actual })
            }
            Self::DeviceUnavailable { device, .. } => json!({ "device": device }),
            Self::NonFiniteLoss { loss, step } => json!({ "loss": loss.to_string(), "step": step }),
            Self::NonFiniteGradient { norm, step } => json!({ "gradientNorm": norm.to_string(), "step": step }),
            Self::NonFiniteUpdate { step } => json!({ "step": step }),
            Self::Checkpoint { path, mismatch, .. } => json!({
                "path": path,
                "missing": mismatch.missing.listed,
                "unexpected": mismatch.unexpected.listed,
                "mismatched": mismatch.mismatched.listed,
                "omitted": {
                    "missing": mismatch.missing.omitted,
                    "unexpected": mismatch.unexpected.omitted,
                    "mismatched": mismatch.mismatched.omitted,
                },
            }),
            Self::OutOfMemory { .. }
            | Self::ThreadRefused { .. }
            | Self::Data { .. }
            | Self::Disposed
            | Self::Aborted
            | Self::Internal { .. } => json!({}),
        }
    }

    /// Wraps a message of libtorch's, which says "out of memory" in several ways.
    pub(crate) fn from_libtorch(message: &str) -> Self {
        let first_line = message.lines().next().unwrap_or_default().to_owned();
        let memory = [
            "out of memory",
            "not enough memory",
            "can't allocate memory",
            "std::bad_alloc",
            "Storage size calculation overflowed",
        ];
        if memory.iter().any(|words| message.contains(words)) {
            Self::OutOfMemory { reason: first_line }
        } else {
            Self::Internal { reason: first_line }
        }
    }

    pub(crate) fn invalid(
        option: impl Into<String>,
        expected: impl Into<String>,
        received: impl std::fmt::Display,
    ) -> Self {
        Self::InvalidConfig {
            option: option.into(),
            expected: expected.into(),
            received: received.to_string(),
        }
    }
}

impl From<TchError> for Error {
    fn from(error: TchError) -> Self {
        Self::from_libtorch(&error.to_string())
    }
}
