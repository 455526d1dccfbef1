//! The network: its layers, its weights by name, and their files.

pub(crate) mod checkpoint;
pub(crate) mod clip_state;
pub(crate) mod cnn_lstm;
mod dropout;
mod encoder;
pub(crate) mod forecast;
mod frame_decoder;
pub(crate) mod freeze;
pub(crate) mod head;
mod initializer;
pub(crate) mod layers;
mod linear;
pub(crate) mod named_tensor;
mod normalization;
pub(crate) mod parameter;
pub(crate) mod paths;
mod pooling;
mod recurrent;
pub(crate) mod state_dict;
pub(crate) mod statistics;
