//! The encoder's rows of a summary.

use crate::config::{
    Activation, BlockConfig, Cnn, FrameSize, GlobalPool, InputConfig, ModelConfig, NamedConv, Norm, Pool, Stage,
};
use crate::model::layers::Layer;

impl ModelConfig {
    /// Every layer from a frame to its features.
    pub(in crate::model) fn encoder_layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        let mut frame = self.input.as_frame();
        if let Cnn::Backbone(backbone) = &self.cnn {
            frame = push_stages(&backbone.stages(frame.channels), frame, &mut layers);
        }
        for (index, block) in self.cnn.blocks().iter().enumerate() {
            self.push_block(index + 1, block, frame, &mut layers);
            frame = block.output(frame);
        }
        if matches!(self.input, InputConfig::Vector(_)) {
            return layers;
        }
        let (name, kind) = match self.global_pool {
            GlobalPool::None => ("flatten", "Flatten"),
            GlobalPool::Average => ("cnn.global_pool", "AdaptiveAvgPool2d"),
        };
        layers.push(Layer {
            name: name.to_owned(),
            kind,
            output_shape: vec![None, None, Some(self.features())],
            parameters: 0,
            statistics: 0,
        });
        layers
    }

    /// The sizes of one step's axes.
    fn step_shape(&self, size: FrameSize) -> Vec<Option<i64>> {
        match self.input {
            InputConfig::Frame(_) => vec![Some(size.channels), Some(size.height), Some(size.width)],
            InputConfig::Vector(_) => vec![Some(size.channels)],
        }
    }

    fn push_block(&self, number: usize, block: &BlockConfig, frame: FrameSize, layers: &mut Vec<Layer>) {
        let convolved = block.convolved(frame);
        let output = block.output(frame);
        let out = block.out_channels;
        let mut push = |name: &str, kind, size: FrameSize, parameters, statistics| {
            layers.push(Layer {
                name: format!("cnn.{name}{number}"),
                kind,
                output_shape: [None, None].into_iter().chain(self.step_shape(size)).collect(),
                parameters,
                statistics,
            });
        };
        let taps = block.taps(self.input);
        let [conv, batch_norm, layer_norm] = match self.input {
            InputConfig::Frame(_) => ["Conv2d", "BatchNorm2d", "GroupNorm"],
            InputConfig::Vector(_) => ["Conv1d", "BatchNorm1d", "LayerNorm"],
        };
        push(
            "conv",
            conv,
            convolved,
            out * (frame.channels / block.groups * taps + 1),
            0,
        );
        match block.norm {
            Some(Norm::Batch) => push("norm", batch_norm, convolved, 2 * out, 2 * out),
            Some(Norm::Layer) => push("norm", layer_norm, convolved, 2 * out, 0),
            None => (),
        }
        if block.has_shortcut(frame.channels) {
            push("shortcut", conv, convolved, out * (frame.channels + 1), 0);
        }
        match block.activation {
            Activation::Relu => push("relu", "ReLU", convolved, 0, 0),
            Activation::Gelu => push("gelu", "GELU", convolved, 0, 0),
            Activation::Silu => push("silu", "SiLU", convolved, 0, 0),
            Activation::Relu6 => push("relu6", "ReLU6", convolved, 0, 0),
            Activation::Hardswish => push("hardswish", "Hardswish", convolved, 0, 0),
            Activation::None => (),
        }
        match block.pool() {
            Some(Pool::Max(_)) => push("pool", "MaxPool2d", output, 0, 0),
            Some(Pool::Average(_)) => push("pool", "AvgPool2d", output, 0, 0),
            None => (),
        }
        if block.dropout > 0.0 {
            push("dropout", "Dropout", output, 0, 0);
        }
    }
}

/// The rows of a backbone's stage for frames of that size: its convolutions, norms and pooling. The size that it makes.
fn push_stage(stage: &Stage, frame: FrameSize, layers: &mut Vec<Layer>) -> FrameSize {
    match stage {
        Stage::Conv(conv) => push_conv(conv, frame, layers),
        Stage::MaxPool(name) => {
            let output = stage.output(frame);
            layers.push(layer(name, "MaxPool2d", output, 0, 0));
            output
        }
        Stage::SqueezeExcite(excitation) => {
            let means = FrameSize {
                height: 1,
                width: 1,
                ..frame
            };
            let squeezed = push_conv(&excitation.squeeze, means, layers);
            push_conv(&excitation.excite, squeezed, layers);
            frame
        }
        Stage::Sequence(stages) => push_stages(stages, frame, layers),
        Stage::Residual(residual) => {
            let body = push_stages(&residual.body, frame, layers);
            let output = push_conv(&residual.last, body, layers);
            if let Some(shortcut) = &residual.shortcut {
                push_conv(shortcut, frame, layers);
            }
            output
        }
    }
}

fn push_stages(stages: &[Stage], frame: FrameSize, layers: &mut Vec<Layer>) -> FrameSize {
    stages
        .iter()
        .fold(frame, |frame, stage| push_stage(stage, frame, layers))
}

fn push_conv(conv: &NamedConv, frame: FrameSize, layers: &mut Vec<Layer>) -> FrameSize {
    let output = conv.output(frame);
    let weights: i64 = conv.weight_shape().into_iter().product();
    layers.push(layer(&conv.name, "Conv2d", output, weights + conv.num_biases(), 0));
    if conv.conv.norm.is_some() {
        let values = 2 * conv.out_channels;
        layers.push(layer(&conv.norm_name, "BatchNorm2d", output, values, values));
    }
    output
}

/// A row of a backbone, whose names follow `cnn.`.
fn layer(name: &str, kind: &'static str, output: FrameSize, parameters: i64, statistics: i64) -> Layer {
    let FrameSize {
        channels,
        height,
        width,
    } = output;
    let size = [channels, height, width].map(Some);
    Layer {
        name: format!("cnn.{name}"),
        kind,
        output_shape: [None, None].into_iter().chain(size).collect(),
        parameters,
        statistics,
    }
}
