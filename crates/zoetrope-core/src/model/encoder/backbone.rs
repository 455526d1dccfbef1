//! A network of torchvision's: its stages with their parameters.

mod squeeze_excite;

use tch::{Kind, Tensor};

use self::squeeze_excite::SqueezeExcite;
use super::conv::Conv;
use super::norm::NormLayer;
use crate::config::{self, NamedConv, Residual, Stage};
use crate::error::Result;
use crate::model::initializer::Initializer;

/// A backbone with its parameters, which torchvision names, behind `cnn.`.
pub(super) struct Backbone(Vec<Part>);

/// A [`Stage`] with its parameters.
enum Part {
    Conv(Conv),
    MaxPool,
    SqueezeExcite(SqueezeExcite),
    Sequence(Vec<Part>),
    Residual {
        body: Vec<Part>,
        last: Box<Conv>,
        shortcut: Option<Box<Conv>>,
    },
}

impl Backbone {
    /// Weights are drawn as by torchvision: PyTorch's own draws of every layer, then its own instead of these.
    pub(super) fn new(backbone: config::Backbone, in_channels: i64, init: &mut Initializer<'_>) -> Result<Self> {
        let stages = backbone.stages(in_channels);
        let convs = stages.iter().flat_map(Stage::convs);
        let drawn = convs.map(|conv| conv.weight_shape().into_iter().product::<i64>() + conv.num_biases());
        let classifier = backbone.classifier();
        let left_off = classifier.iter().map(|[outputs, inputs]| outputs * (inputs + 1));
        init.skip_uniform(drawn.chain(left_off).sum())?;
        let parts = parts(&stages, init)?;
        for shape in classifier.iter().filter(|_| backbone.redraws_classifier()) {
            init.skip_normal(shape)?;
        }
        Ok(Self(parts))
    }

    /// Maps frames of `[frames, channels, height, width]`, floats or bytes, to `[frames, features, height', width']`, in
    /// channels-last memory.
    pub(super) fn forward_t(&self, frames: &Tensor, kind: Kind, train: bool) -> Result<Tensor> {
        let channels_last = frames.f_permute([0, 2, 3, 1])?.f_contiguous()?;
        forward_t(&self.0, &channels_last.f_permute([0, 3, 1, 2])?, kind, train)
    }
}

fn parts(stages: &[Stage], init: &mut Initializer<'_>) -> Result<Vec<Part>> {
    stages.iter().map(|stage| Part::new(stage, init)).collect()
}

fn forward_t(parts: &[Part], frames: &Tensor, kind: Kind, train: bool) -> Result<Tensor> {
    let mut frames = frames.shallow_clone();
    for part in parts {
        frames = part.forward_t(&frames, kind, train)?;
    }
    Ok(frames)
}

impl Part {
    fn new(stage: &Stage, init: &mut Initializer<'_>) -> Result<Self> {
        Ok(match stage {
            Stage::Conv(named) => Self::Conv(conv(named, init)?),
            Stage::MaxPool(_) => Self::MaxPool,
            Stage::SqueezeExcite(stage) => {
                let [squeeze, excite] = [conv(&stage.squeeze, init)?, conv(&stage.excite, init)?];
                Self::SqueezeExcite(SqueezeExcite { squeeze, excite })
            }
            Stage::Sequence(stages) => Self::Sequence(parts(stages, init)?),
            Stage::Residual(residual) => {
                let Residual { body, last, shortcut } = &**residual;
                let (body, last) = (parts(body, init)?, Box::new(conv(last, init)?));
                let shortcut = match shortcut {
                    Some(shortcut) => Some(Box::new(conv(shortcut, init)?)),
                    None => None,
                };
                Self::Residual { body, last, shortcut }
            }
        })
    }

    fn forward_t(&self, frames: &Tensor, kind: Kind, train: bool) -> Result<Tensor> {
        match self {
            Self::Conv(conv) => conv.forward_t(frames, None, kind, train),
            Self::MaxPool => Ok(frames.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)?),
            Self::SqueezeExcite(excitation) => excitation.forward_t(frames, kind, train),
            Self::Sequence(parts) => forward_t(parts, frames, kind, train),
            Self::Residual { body, last, shortcut } => {
                let residual = match shortcut {
                    Some(shortcut) => shortcut.forward_t(frames, None, kind, train)?,
                    None => frames.shallow_clone(),
                };
                last.forward_t(&forward_t(body, frames, kind, train)?, Some(&residual), kind, train)
            }
        }
    }
}

/// A convolution with weights as torchvision draws them: `kaiming_normal_(weight, mode="fan_out")`, biases 0.
fn conv(named: &NamedConv, init: &mut Initializer<'_>) -> Result<Conv> {
    let shape = named.weight_shape();
    let [out_channels, _, height, width] = shape;
    // Written as PyTorch computes it, because the last bit of the deviation is visible in the weights.
    let deviation = 2.0_f64.sqrt() / ((out_channels * height * width) as f64).sqrt();
    let weight = init.normal(format!("cnn.{}.weight", named.name), &shape, deviation)?;
    let bias = if named.has_bias {
        Some(init.constant(format!("cnn.{}.bias", named.name), &[out_channels], 0.0)?)
    } else {
        None
    };
    let norm = match named.conv.norm {
        Some(norm) => Some(NormLayer::new(
            norm,
            &format!("cnn.{}", named.norm_name),
            out_channels,
            init,
        )?),
        None => None,
    };
    Conv::new(named.conv, weight, bias, norm)
}
