//! The numerics of Zoetrope: a CNN-LSTM, its training step and its evaluation, on libtorch.
//!
//! Data enters through [`Batch`] only; a model is owned by one [`Engine`] thread. Nothing here knows JavaScript, prints,
//! or counts epochs.

mod audit;
mod config;
mod data;
mod engine;
mod error;
mod evaluation;
mod kernels;
mod model;
mod onnx;
mod optimizer;
mod protobuf;
mod runtime;
mod training;

pub use audit::{AuditLimits, ModelAudit, ParameterAudit};
pub use config::{
    Activation, Backbone, BlockConfig, Cell, Cnn, ConvConfig, ForecastConfig, ForecastMode, FrameSize, GlobalPool,
    HeadConfig, HeadKind, InputConfig, LstmConfig, ModelConfig, NamedConv, Norm, NormConfig, NormalizeConfig, Per,
    Pool, Pooling, RegressionLoss, Residual, SequenceConfig, SqueezeExcite, Stage, VectorSize,
};
pub use data::array::Array;
pub use data::augment::batch::Augmentation;
pub use data::augment::config::{AugmentConfig, Shift, Window};
pub use data::batch::{Batch, ReadInputs};
pub use data::feature_cache::{FeatureCache, FeatureUse};
pub use data::inputs::{Inputs, Values};
pub use data::log_mel::LogMel;
pub use data::samples::Arrays;
pub use data::statistics::{ChannelStatistics, DataStatistics};
pub use data::targets::{TargetValues, Targets};
pub use data::tensor_dataset::{Sample, TensorDataset};
pub use data::windows::Windows;
pub use engine::running::NextOf;
pub use engine::{Engine, EngineCloser, Worker};
pub use error::{Error, Names, Result, StateDictMismatch};
pub use evaluation::forecast::ForecastErrors;
pub use evaluation::generate::{Generation, Strategy};
pub use evaluation::label_strings::FrameOutputs;
pub use evaluation::metrics::{Counts, Meter, Metrics};
pub use evaluation::prefixes::{Cut, PrefixMeter};
pub use evaluation::strings::StringCounts;
pub use model::checkpoint::tensor_names;
pub use model::cnn_lstm::CnnLstm;
pub use model::cnn_lstm::running::RunningClip;
pub use model::forecast::StepSampling;
pub use model::head::ctc::Span;
pub use model::head::ctc::decode::{Decoding, LabelString, decode};
pub use model::head::options::LossOptions;
pub use model::head::sequence::sampling::{Sampling, Writing, Written};
pub use model::head::sequence::search::BeamSearch;
pub use model::layers::Layer;
pub use model::named_tensor::{NamedTensor, StateDict};
pub use model::parameter::{Buffer, Parameter};
pub use model::state_dict::Fit;
pub use onnx::{InputType, OnnxExport, OnnxFile, OnnxOptions, decoder_path};
pub use optimizer::config::{Group, OptimizerConfig};
pub use optimizer::rule::Rule;
pub use optimizer::update::Optimizer;
pub use runtime::contain::contain;
pub use runtime::helper::{give_up_jobs, run_beside};
pub use runtime::random::{Generator, manual_seed};
pub use runtime::shutdown::guard_exit;
pub use runtime::{device, threads};
