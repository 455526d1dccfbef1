//! ResNets of basic blocks: `torchvision.models.resnet`.

use super::stage::{NamedConv, Residual, Stage};
use crate::config::block::{Activation, Norm};
use crate::config::conv::ConvConfig;

/// Channels of the four layers of blocks.
const CHANNELS: [i64; 4] = [64, 128, 256, 512];

/// A ResNet with that many basic blocks in each of its four layers.
pub(super) fn stages(in_channels: i64, blocks: [usize; 4]) -> Vec<Stage> {
    let mut channels = CHANNELS[0];
    let stem = conv("", 1, [in_channels, channels], [7, 2], Activation::Relu);
    let mut stages = vec![Stage::Conv(stem), Stage::MaxPool("maxpool".to_owned())];
    for (layer, (out_channels, count)) in CHANNELS.into_iter().zip(blocks).enumerate() {
        for block in 0..count {
            let stride = if layer > 0 && block == 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}.", layer + 1);
            stages.push(basic_block(&name, [channels, out_channels], stride));
            channels = out_channels;
        }
    }
    stages
}

/// Two convolutions of 3 × 3 pixels beside a shortcut.
fn basic_block(name: &str, [in_channels, out_channels]: [i64; 2], stride: i64) -> Stage {
    let is_identity = stride == 1 && in_channels == out_channels;
    let shortcut = NamedConv {
        name: format!("{name}downsample.0"),
        norm_name: format!("{name}downsample.1"),
        ..conv(name, 1, [in_channels, out_channels], [1, stride], Activation::None)
    };
    let first = conv(name, 1, [in_channels, out_channels], [3, stride], Activation::Relu);
    Stage::Residual(Box::new(Residual {
        body: vec![Stage::Conv(first)],
        last: conv(name, 2, [out_channels; 2], [3, 1], Activation::Relu),
        shortcut: (!is_identity).then_some(shortcut),
    }))
}

/// A convolution without bias that keeps the size but for its stride, with batch norm.
fn conv(
    name: &str,
    number: usize,
    [in_channels, out_channels]: [i64; 2],
    [kernel_size, stride]: [i64; 2],
    activation: Activation,
) -> NamedConv {
    NamedConv {
        name: format!("{name}conv{number}"),
        norm_name: format!("{name}bn{number}"),
        in_channels,
        out_channels,
        has_bias: false,
        conv: ConvConfig {
            kernel_size,
            stride,
            padding: kernel_size / 2,
            dilation: 1,
            groups: 1,
            norm: Some(Norm::Batch.into()),
            activation,
            pool: None,
        },
    }
}
