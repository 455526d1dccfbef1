//! MobileNets of inverted residual blocks: `torchvision.models.mobilenetv2` and `mobilenetv3`.

use super::stage::{NamedConv, Residual, SqueezeExcite, Stage};
use crate::config::block::{Activation, Norm};
use crate::config::conv::{ConvConfig, NormConfig};

/// Expansion factor, output channels, number of blocks and stride of the first of each row of MobileNetV2.
const V2: [(i64, i64, usize, i64); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Kernel, expanded channels, output channels, squeeze and excitation, activation and stride of each block of the small
/// MobileNetV3.
const V3_SMALL: [(i64, i64, i64, bool, Activation, i64); 11] = [
    (3, 16, 16, true, Activation::Relu, 2),
    (3, 72, 24, false, Activation::Relu, 2),
    (3, 88, 24, false, Activation::Relu, 1),
    (5, 96, 40, true, Activation::Hardswish, 2),
    (5, 240, 40, true, Activation::Hardswish, 1),
    (5, 240, 40, true, Activation::Hardswish, 1),
    (5, 120, 48, true, Activation::Hardswish, 1),
    (5, 144, 48, true, Activation::Hardswish, 1),
    (5, 288, 96, true, Activation::Hardswish, 2),
    (5, 576, 96, true, Activation::Hardswish, 1),
    (5, 576, 96, true, Activation::Hardswish, 1),
];

/// An inverted residual block: to more channels, a convolution of each channel by itself, back to fewer.
struct Inverted {
    in_channels: i64,
    expanded: i64,
    out_channels: i64,
    kernel_size: i64,
    stride: i64,
    has_excitation: bool,
    activation: Activation,
    norm: NormConfig,
}

pub(super) fn v2(in_channels: i64) -> Vec<Stage> {
    let norm = NormConfig::from(Norm::Batch);
    let mut channels = 32;
    let mut stages = vec![Stage::Conv(conv(
        "features.0.0",
        [in_channels, channels],
        [3, 2],
        Activation::Relu6,
        norm,
    ))];
    for (expansion, out_channels, count, first_stride) in V2 {
        for block in 0..count {
            let inverted = Inverted {
                in_channels: channels,
                expanded: channels * expansion,
                out_channels,
                kernel_size: 3,
                stride: if block == 0 { first_stride } else { 1 },
                has_excitation: false,
                activation: Activation::Relu6,
                norm,
            };
            let name = format!("features.{}.conv", stages.len());
            // The last convolution has no sequence of its own.
            inverted.push(
                &name,
                |index| [format!("{index}"), format!("{}", index + 1)],
                &mut stages,
            );
            channels = out_channels;
        }
    }
    let name = format!("features.{}.0", stages.len());
    stages.push(Stage::Conv(conv(
        &name,
        [channels, 1280],
        [1, 1],
        Activation::Relu6,
        norm,
    )));
    stages
}

pub(super) fn v3_small(in_channels: i64) -> Vec<Stage> {
    let norm = NormConfig {
        norm: Norm::Batch,
        eps: 0.001,
        momentum: 0.01,
    };
    let mut channels = 16;
    let stem = conv(
        "features.0.0",
        [in_channels, channels],
        [3, 2],
        Activation::Hardswish,
        norm,
    );
    let mut stages = vec![Stage::Conv(stem)];
    for (index, (kernel_size, expanded, out_channels, has_excitation, activation, stride)) in
        V3_SMALL.into_iter().enumerate()
    {
        let inverted = Inverted {
            in_channels: channels,
            expanded,
            out_channels,
            kernel_size,
            stride,
            has_excitation,
            activation,
            norm,
        };
        let name = format!("features.{}.block", index + 1);
        inverted.push(&name, |index| [format!("{index}.0"), format!("{index}.1")], &mut stages);
        channels = out_channels;
    }
    let name = format!("features.{}.0", V3_SMALL.len() + 1);
    stages.push(Stage::Conv(conv(
        &name,
        [channels, 6 * channels],
        [1, 1],
        Activation::Hardswish,
        norm,
    )));
    stages
}

impl Inverted {
    /// Adds the block to `stages`. `last` names the last convolution and its norm by its index in the block.
    fn push(&self, name: &str, last: impl Fn(usize) -> [String; 2], stages: &mut Vec<Stage>) {
        let Self {
            in_channels,
            expanded,
            out_channels,
            activation,
            norm,
            ..
        } = *self;
        let mut body = Vec::new();
        if expanded != in_channels {
            let name = format!("{name}.0.0");
            body.push(Stage::Conv(conv(
                &name,
                [in_channels, expanded],
                [1, 1],
                activation,
                norm,
            )));
        }
        let spatial = format!("{name}.{}.0", body.len());
        let mut depthwise = conv(
            &spatial,
            [expanded; 2],
            [self.kernel_size, self.stride],
            activation,
            norm,
        );
        depthwise.conv.groups = expanded;
        body.push(Stage::Conv(depthwise));
        if self.has_excitation {
            body.push(Stage::SqueezeExcite(squeeze_excite(
                &format!("{name}.{}", body.len()),
                expanded,
                norm,
            )));
        }
        let [conv_name, norm_name] = last(body.len()).map(|last| format!("{name}.{last}"));
        let last = NamedConv {
            norm_name,
            ..conv(&conv_name, [expanded, out_channels], [1, 1], Activation::None, norm)
        };
        if self.stride == 1 && in_channels == out_channels {
            stages.push(Stage::Residual(Box::new(Residual {
                body,
                last,
                shortcut: None,
            })));
        } else {
            body.push(Stage::Conv(last));
            stages.push(Stage::Sequence(body));
        }
    }
}

/// Squeezes to a quarter of the channels, as a multiple of 8.
fn squeeze_excite(name: &str, channels: i64, norm: NormConfig) -> SqueezeExcite {
    let squeezed = multiple_of_8(channels / 4);
    let linear = |name: String, channels, activation| {
        let mut linear = conv(&name, channels, [1, 1], activation, norm);
        linear.conv.norm = None;
        linear.has_bias = true;
        linear
    };
    SqueezeExcite {
        squeeze: linear(format!("{name}.fc1"), [channels, squeezed], Activation::Relu),
        excite: linear(format!("{name}.fc2"), [squeezed, channels], Activation::None),
    }
}

/// The nearest multiple of 8 that is at least 8 and not more than a tenth below: torchvision's `_make_divisible`.
fn multiple_of_8(channels: i64) -> i64 {
    let nearest = ((channels + 4) / 8 * 8).max(8);
    if nearest * 10 < channels * 9 {
        nearest + 8
    } else {
        nearest
    }
}

/// A convolution named `….0` without bias that keeps the size but for its stride, with the batch norm `….1`.
fn conv(
    name: &str,
    [in_channels, out_channels]: [i64; 2],
    [kernel_size, stride]: [i64; 2],
    activation: Activation,
    norm: NormConfig,
) -> NamedConv {
    NamedConv {
        name: name.to_owned(),
        norm_name: format!("{}.1", name.strip_suffix(".0").unwrap_or(name)),
        in_channels,
        out_channels,
        has_bias: false,
        conv: ConvConfig {
            kernel_size,
            stride,
            padding: kernel_size / 2,
            dilation: 1,
            groups: 1,
            norm: Some(norm),
            activation,
            pool: None,
        },
    }
}
