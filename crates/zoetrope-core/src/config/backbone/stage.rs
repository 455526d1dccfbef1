//! The parts that backbones are made of.

use crate::config::conv::ConvConfig;
use crate::config::input::FrameSize;

/// One part of a backbone.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// A convolution with what follows it.
    Conv(NamedConv),
    /// The largest value of each window of 3 × 3 pixels, with stride 2 and padding 1. Its name.
    MaxPool(String),
    /// One factor for each channel of a frame, which the frame itself decides.
    SqueezeExcite(SqueezeExcite),
    /// Parts one after the other.
    Sequence(Vec<Stage>),
    /// A sum with what came in.
    Residual(Box<Residual>),
}

/// A convolution, its channels and its names.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedConv {
    /// Such as `layer1.0.conv1`: what its weight's and bias's names begin with, within the backbone.
    pub name: String,
    /// The same of its norm, where it has one: `layer1.0.bn1`.
    pub norm_name: String,
    /// Channels that it reads.
    pub in_channels: i64,
    /// Channels that it makes.
    pub out_channels: i64,
    /// Whether it has a bias.
    pub has_bias: bool,
    /// What it computes.
    pub conv: ConvConfig,
}

/// Squeeze and excitation: each channel times `hardsigmoid` of two convolutions of the channels' means.
#[derive(Debug, Clone, PartialEq)]
pub struct SqueezeExcite {
    /// From all channels to fewer, with ReLU.
    pub squeeze: NamedConv,
    /// Back to all channels.
    pub excite: NamedConv,
}

/// `body`, then `last`, to which the frames that came in are added before its activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    /// All but the last part.
    pub body: Vec<Stage>,
    /// The last part, which takes the sum.
    pub last: NamedConv,
    /// What the frames that came in go through; without it they are added as they are.
    pub shortcut: Option<NamedConv>,
}

impl NamedConv {
    /// `[out_channels, in_channels / groups, height, width]`
    #[must_use]
    pub fn weight_shape(&self) -> [i64; 4] {
        let ConvConfig {
            kernel_size, groups, ..
        } = self.conv;
        [self.out_channels, self.in_channels / groups, kernel_size, kernel_size]
    }

    /// Parameters and running statistics, without a batch norm's count.
    #[must_use]
    pub fn num_parameter_tensors(&self) -> usize {
        1 + usize::from(self.has_bias) + if self.conv.norm.is_some() { 4 } else { 0 }
    }

    /// Values of its bias; 0 without one.
    #[must_use]
    pub fn num_biases(&self) -> i64 {
        if self.has_bias { self.out_channels } else { 0 }
    }

    /// The size that it makes of a frame.
    #[must_use]
    pub fn output(&self, frame: FrameSize) -> FrameSize {
        self.conv.convolved(self.out_channels, frame)
    }
}

impl Stage {
    /// Every convolution, in the order of torchvision's `modules()`.
    #[must_use]
    pub fn convs(&self) -> Vec<&NamedConv> {
        match self {
            Self::Conv(conv) => vec![conv],
            Self::MaxPool(_) => Vec::new(),
            Self::SqueezeExcite(SqueezeExcite { squeeze, excite }) => vec![squeeze, excite],
            Self::Sequence(stages) => stages.iter().flat_map(Self::convs).collect(),
            Self::Residual(residual) => {
                let body = residual.body.iter().flat_map(Self::convs);
                body.chain([&residual.last]).chain(&residual.shortcut).collect()
            }
        }
    }

    /// The size that it makes of a frame.
    #[must_use]
    pub fn output(&self, frame: FrameSize) -> FrameSize {
        match self {
            Self::Conv(conv) => conv.output(frame),
            Self::MaxPool(_) => FrameSize {
                height: (frame.height - 1) / 2 + 1,
                width: (frame.width - 1) / 2 + 1,
                ..frame
            },
            Self::SqueezeExcite(_) => frame,
            Self::Sequence(stages) => output(stages, frame),
            Self::Residual(residual) => residual.last.output(output(&residual.body, frame)),
        }
    }
}

/// The size that all of these make of a frame.
pub(super) fn output(stages: &[Stage], frame: FrameSize) -> FrameSize {
    stages.iter().fold(frame, |frame, stage| stage.output(frame))
}
