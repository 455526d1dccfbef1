//! Frames out of numbers: the encoder's blocks in the opposite order, each with a transposed convolution.

use tch::{Kind, Tensor};

use super::encoder::conv::activate;
use super::graph::{Attribute, Graph, Value};
use super::norm::{BatchNorm, layer_norm};
use super::weights::ModelWeights;
use crate::config::{BlockConfig, FrameSize, ModelConfig, Norm, NormConfig};
use crate::error::Result;

/// Encoded frames of `[rows, channels * height * width]` into frames of `[rows, frames * channels, height, width]`.
pub(super) fn decode(
    graph: &mut Graph,
    config: &ModelConfig,
    weights: &ModelWeights,
    encoded: &Value,
) -> Result<Value> {
    let mut inputs = Vec::with_capacity(config.cnn.blocks().len());
    let mut frame = config.input.as_frame();
    for block in config.cnn.blocks() {
        inputs.push(frame);
        frame = block.output(frame);
    }
    graph.enter("decoder");
    let shape = graph.integers(&[-1, frame.channels, frame.height, frame.width]);
    let mut frames = graph.node("Reshape", &[encoded, &shape], &[]);
    for (index, (block, input)) in config.cnn.blocks().iter().zip(inputs).enumerate().rev() {
        let output = block.output(input);
        frames = Mirror {
            number: index + 1,
            block,
            input,
            output,
        }
        .apply(graph, weights, &frames)?;
    }
    Ok(frames)
}

/// The mirror of one block: activation, enlargement, transposed convolution, norm.
struct Mirror<'a> {
    /// The block's, from 1.
    number: usize,
    block: &'a BlockConfig,
    /// Of the block: the mirror's output.
    input: FrameSize,
    output: FrameSize,
}

impl Mirror<'_> {
    /// `[rows, out_channels, height', width']` of the block into `[rows, in_channels, height, width]`.
    fn apply(&self, graph: &mut Graph, weights: &ModelWeights, frames: &Value) -> Result<Value> {
        let Self { number, block, .. } = *self;
        let name = format!("decoder.deconv{number}");
        graph.enter(&name);
        let mut values = activate(graph, frames, block.activation);
        if block.pool().is_some() {
            let convolved = block.convolved(self.input);
            values = enlarged(graph, &values, 2, [self.output.height, convolved.height])?;
            values = enlarged(graph, &values, 3, [self.output.width, convolved.width])?;
        }
        let mut part = |part: &str| -> Result<Value> {
            let name = format!("{name}.{part}");
            let (values, shape) = weights.read(&name)?;
            Ok(graph.weight(&name, &shape, &values))
        };
        let [weight, bias] = [part("weight")?, part("bias")?];
        // Rows and columns at the end of the input that the block's stride has skipped.
        let rest = |size: i64| (size + 2 * block.padding - block.span()) % block.stride;
        let attributes = [
            Attribute::Integers("kernel_shape", &[block.kernel_size; 2]),
            Attribute::Integers("strides", &[block.stride; 2]),
            Attribute::Integers("dilations", &[block.dilation; 2]),
            Attribute::Integers("pads", &[block.padding; 4]),
            Attribute::Integers("output_padding", &[rest(self.input.height), rest(self.input.width)]),
            Attribute::Integer("group", block.groups),
        ];
        let values = graph.node("ConvTranspose", &[&values, &weight, &bias], &attributes);
        let name = format!("decoder.norm{number}");
        match block.conv().norm.filter(|_| number > 1) {
            Some(NormConfig {
                norm: Norm::Batch, eps, ..
            }) => Ok(BatchNorm::read(weights, &name, eps)?.apply(graph, &values)),
            Some(NormConfig {
                norm: Norm::Layer, eps, ..
            }) => layer_norm(graph, weights, &name, &values, (2, eps)),
            None => Ok(values), //                          the first block's mirror gives the frame itself
        }
    }
}

/// Makes one axis larger, by its nearest entries. The indices are libtorch's own: runtimes round a scale in other ways.
fn enlarged(graph: &mut Graph, values: &Value, axis: i64, [from, to]: [i64; 2]) -> Result<Value> {
    if from == to {
        return Ok(values.clone());
    }
    let entries = Tensor::f_arange(from, (Kind::Float, tch::Device::Cpu))?.f_view([1, 1, from])?;
    let nearest = entries.f_upsample_nearest1d([to], None::<f64>)?.f_flatten(0, -1)?;
    let indices = Vec::<i64>::try_from(nearest.f_to_kind(Kind::Int64)?)?;
    let indices = graph.integers(&indices);
    Ok(graph.node("Gather", &[values, &indices], &[Attribute::Integer("axis", axis)]))
}
