//! What a model is made of: the one description that JavaScript sends and a checkpoint's metadata holds.

mod backbone;
mod block;
mod causal;
mod cnn;
mod conv;
mod head;
mod input;
mod lstm;
mod model;
mod normalize;
mod size;

pub use self::backbone::{Backbone, NamedConv, Residual, SqueezeExcite, Stage};
pub use self::block::{Activation, BlockConfig, GlobalPool, Norm, Pool};
pub use self::cnn::Cnn;
pub use self::conv::{ConvConfig, NormConfig};
pub use self::head::{
    ForecastConfig, ForecastMode, HeadConfig, HeadKind, Per, Pooling, RegressionLoss, SequenceConfig,
};
pub use self::input::{FrameSize, InputConfig, VectorSize};
pub use self::lstm::{Cell, LstmConfig};
pub use self::model::ModelConfig;
pub use self::normalize::NormalizeConfig;
