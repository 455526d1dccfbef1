//! The numerics of Zoetrope: a CNN-LSTM classifier, its training step and its evaluation, on libtorch.
//!
//! Data enters through [`Batch`] only; a model is owned by one [`Engine`] thread. Nothing here knows JavaScript, prints,
//! or counts epochs.

mod array;
mod augment;
mod batch;
mod checkpoint;
mod config;
mod dataset;
pub mod device;
mod engine;
mod error;
mod evaluate;
mod helper;
mod kernels;
mod metrics;
mod model;
mod optimizer;
mod random;
mod state_dict;
pub mod threads;
mod train;

pub use array::Array;
pub use augment::{AugmentConfig, Augmentation, Shift, Window};
pub use batch::{Batch, Inputs};
pub use config::{Activation, BlockConfig, GlobalPool, InputConfig, LstmConfig, ModelConfig, Norm, Pool};
pub use dataset::{TensorDataset, Values};
pub use engine::{Engine, EngineCloser, Worker};
pub use error::{Error, Result};
pub use helper::finish_jobs;
pub use metrics::{Meter, Metrics};
pub use model::{Buffer, CnnLstm, Layer, Parameter};
pub use optimizer::{Optimizer, OptimizerConfig};
pub use random::{Generator, manual_seed};
pub use state_dict::{NamedTensor, StateDict, StateDictMismatch};
