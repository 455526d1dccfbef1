//! Clips and targets: from arrays to a batch on the device, and their statistics.

pub(crate) mod array;
pub(crate) mod augment;
pub(crate) mod batch;
pub(crate) mod feature_cache;
pub(crate) mod following;
pub(crate) mod inputs;
pub(crate) mod kept_clips;
pub(crate) mod label_strings;
pub(crate) mod lengths;
pub(crate) mod log_mel;
mod mel;
mod probabilities;
pub(crate) mod samples;
pub(crate) mod statistics;
pub(crate) mod targets;
pub(crate) mod tensor_dataset;
pub(crate) mod windows;
