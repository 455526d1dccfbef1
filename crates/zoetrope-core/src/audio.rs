//! Recordings into frames for a model.

mod log_mel;
mod mel;

pub use self::log_mel::LogMel;
