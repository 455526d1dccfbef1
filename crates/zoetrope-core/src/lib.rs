//! The numerics of Zoetrope: a CNN-LSTM, its training step and its evaluation, on libtorch.
//!
//! Data enters through [`Batch`] only; a model is owned by one [`Engine`] thread. Nothing here knows JavaScript, prints,
//! or counts epochs.

mod array;
mod auc;
mod audio;
mod audit;
mod augment;
mod batch;
mod checkpoint;
mod config;
mod dataset;
pub mod device;
mod engine;
mod error;
mod evaluate;
mod finite;
mod gradients;
mod helper;
mod kernels;
mod loss;
mod metrics;
mod model;
mod optimizer;
mod profile;
mod random;
mod samples;
mod scores;
mod state_dict;
mod targets;
pub mod threads;
mod train;

pub use array::Array;
pub use audio::LogMel;
pub use audit::{ModelAudit, ParameterAudit};
pub use augment::{AugmentConfig, Augmentation, Shift, Window};
pub use batch::{Batch, ReadInputs};
pub use config::{
    Activation, BlockConfig, Cell, FrameSize, GlobalPool, HeadConfig, HeadKind, InputConfig, LstmConfig, ModelConfig,
    Norm, NormalizeConfig, Per, Pool, Pooling, RegressionLoss, VectorSize,
};
pub use dataset::{Sample, TensorDataset, Values};
pub use engine::{Engine, EngineCloser, Worker};
pub use error::{Error, Result};
pub use helper::{finish_jobs, run_beside};
pub use loss::LossOptions;
pub use metrics::{Meter, Metrics};
pub use model::{Buffer, CnnLstm, Layer, Parameter};
pub use optimizer::{Group, Optimizer, OptimizerConfig, Rule};
pub use profile::{ChannelProfile, DataProfile};
pub use random::{Generator, manual_seed};
pub use samples::{Arrays, Inputs};
pub use state_dict::{NamedTensor, StateDict, StateDictMismatch};
pub use targets::{TargetValues, Targets};
