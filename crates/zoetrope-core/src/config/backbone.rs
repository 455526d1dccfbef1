//! Networks whose structure and parameter names are torchvision's, without their classifiers.

mod mobilenet;
mod resnet;
mod stage;

use serde::{Deserialize, Serialize};

pub use self::stage::{NamedConv, Residual, SqueezeExcite, Stage};
use super::input::FrameSize;

/// A network of torchvision's, by torchvision's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backbone {
    /// ResNet of 18 layers: 512 features.
    #[serde(rename = "resnet18")]
    Resnet18,
    /// ResNet of 34 layers: 512 features.
    #[serde(rename = "resnet34")]
    Resnet34,
    /// MobileNetV2: 1280 features.
    #[serde(rename = "mobilenet_v2")]
    MobilenetV2,
    /// MobileNetV3, the small one: 576 features.
    #[serde(rename = "mobilenet_v3_small")]
    MobilenetV3Small,
}

impl Backbone {
    /// As torchvision and a configuration write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::MobilenetV2 => "mobilenet_v2",
            Self::MobilenetV3Small => "mobilenet_v3_small",
        }
    }

    /// What it does with frames of that many channels, first to last.
    #[must_use]
    pub fn stages(self, in_channels: i64) -> Vec<Stage> {
        match self {
            Self::Resnet18 => resnet::stages(in_channels, [2, 2, 2, 2]),
            Self::Resnet34 => resnet::stages(in_channels, [3, 4, 6, 3]),
            Self::MobilenetV2 => mobilenet::v2(in_channels),
            Self::MobilenetV3Small => mobilenet::v3_small(in_channels),
        }
    }

    /// The linear layers of torchvision's classifier as `[outputs, inputs]`, which only draws of initial weights see.
    #[must_use]
    pub fn classifier(self) -> &'static [[i64; 2]] {
        match self {
            Self::Resnet18 | Self::Resnet34 => &[[1000, 512]],
            Self::MobilenetV2 => &[[1000, 1280]],
            Self::MobilenetV3Small => &[[1024, 576], [1000, 1024]],
        }
    }

    /// Whether torchvision draws the classifier's weights anew after PyTorch's own draws.
    #[must_use]
    pub fn redraws_classifier(self) -> bool {
        matches!(self, Self::MobilenetV2 | Self::MobilenetV3Small)
    }

    pub(super) fn output(self, frame: FrameSize) -> FrameSize {
        stage::output(&self.stages(frame.channels), frame)
    }

    pub(super) fn num_parameter_tensors(self, in_channels: i64) -> usize {
        let stages = self.stages(in_channels);
        let convs = stages.iter().flat_map(Stage::convs);
        convs.map(NamedConv::num_parameter_tensors).sum()
    }

    pub(super) fn num_weights(self, in_channels: i64) -> f64 {
        let stages = self.stages(in_channels);
        let convs = stages.iter().flat_map(Stage::convs);
        convs
            .map(|conv| conv.weight_shape().into_iter().product::<i64>() as f64)
            .sum()
    }
}
