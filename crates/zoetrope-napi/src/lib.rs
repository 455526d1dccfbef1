//! Node-API binding of zoetrope-core: copies in, submits to the engine thread, resolves out.

// Node-API hands arguments over by value, and names the environment's lifetime where the macro needs to see it.
#![allow(
    clippy::needless_pass_by_value,
    clippy::elidable_lifetime_names,
    clippy::missing_errors_doc,
    clippy::trivially_copy_pass_by_ref
)]

pub mod audio;
mod audit;
mod batch;
mod decode;
pub mod features;
pub mod forecast;
mod generation;
pub mod media;
mod model;
mod onnx;
mod optimizer;
mod outcome;
mod pass;
mod prefixes;
pub mod runtime;
pub mod snapshot;
mod state_dict;
mod statistics;
pub mod stream;
pub mod windows;
