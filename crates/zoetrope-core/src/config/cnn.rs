//! The CNN of a model: blocks of one's own, or a backbone by its name.

use std::fmt;

use serde::de::value::{SeqAccessDeserializer, StrDeserializer};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::backbone::Backbone;
use super::block::{self, BlockConfig, Norm};
use super::input::{FrameSize, InputConfig};
use crate::error::{Error, Result};

/// What makes features of a frame. As JSON a list of blocks, or a backbone's name.
#[derive(Debug, Clone, PartialEq)]
pub enum Cnn {
    /// Convolution blocks, first to last: over height and width of frames, over the time of vectors.
    Blocks(Vec<BlockConfig>),
    /// A network of torchvision's, over height and width of frames.
    Backbone(Backbone),
}

impl Cnn {
    /// The blocks; none of a backbone.
    #[must_use]
    pub fn blocks(&self) -> &[BlockConfig] {
        match self {
            Self::Blocks(blocks) => blocks,
            Self::Backbone(_) => &[],
        }
    }

    /// The size that it makes of a frame, before any global pooling.
    #[must_use]
    pub fn output(&self, frame: FrameSize) -> FrameSize {
        match self {
            Self::Blocks(blocks) => blocks.iter().fold(frame, |frame, block| block.output(frame)),
            Self::Backbone(backbone) => backbone.output(frame),
        }
    }

    /// How many tensors its parameters and running statistics are, without batch norms' counts.
    #[must_use]
    pub(super) fn num_parameter_tensors(&self, in_channels: i64) -> usize {
        let blocks = match self {
            Self::Blocks(blocks) => blocks,
            Self::Backbone(backbone) => return backbone.num_parameter_tensors(in_channels),
        };
        let mut channels = in_channels;
        let mut tensors = 0;
        for block in blocks {
            let norm = match block.norm {
                None => 0,
                Some(Norm::Layer) => 2,
                Some(Norm::Batch) => 4,
            };
            let shortcut = if block.has_shortcut(channels) { 2 } else { 0 };
            tensors += 2 + norm + shortcut;
            channels = block.out_channels;
        }
        tensors
    }

    /// Number of values in the weights of its convolutions, in float: a product of sizes may overflow.
    pub(super) fn num_weights(&self, input: InputConfig) -> f64 {
        let mut channels = input.as_frame().channels;
        let blocks = match self {
            Self::Blocks(blocks) => blocks,
            Self::Backbone(backbone) => return backbone.num_weights(channels),
        };
        let mut weights = 0.0;
        for block in blocks {
            let shortcut = f64::from(u8::from(block.has_shortcut(channels)));
            let taps = block.taps(input) as f64 / block.groups as f64 + shortcut;
            weights += channels as f64 * block.out_channels as f64 * taps;
            channels = block.out_channels;
        }
        weights
    }

    /// Checks every option, and that every block leaves something of the frame.
    pub(super) fn validate(&self, input: InputConfig) -> Result<()> {
        let is_vector = matches!(input, InputConfig::Vector(_));
        let blocks = match self {
            Self::Backbone(backbone) if is_vector => {
                let expected = "a list of blocks for vectors, which have no height and width";
                return Err(Error::invalid("cnn", expected, backbone.name()));
            }
            Self::Backbone(_) => return Ok(()),
            Self::Blocks(blocks) => blocks,
        };
        let mut frame = input.as_frame();
        for (index, block) in blocks.iter().enumerate() {
            frame = block::validate(index, block, frame)?;
            if is_vector {
                block::validate_over_time(index, block)?;
            }
        }
        Ok(())
    }
}

impl Serialize for Cnn {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Blocks(blocks) => blocks.serialize(serializer),
            Self::Backbone(backbone) => backbone.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Cnn {
    /// By what stands there, so that an error names what is wrong within a block.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(CnnVisitor)
    }
}

struct CnnVisitor;

impl<'de> Visitor<'de> for CnnVisitor {
    type Value = Cnn;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of blocks or the name of a backbone")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> std::result::Result<Cnn, E> {
        Backbone::deserialize(StrDeserializer::new(name)).map(Cnn::Backbone)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, blocks: A) -> std::result::Result<Cnn, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(blocks)).map(Cnn::Blocks)
    }
}
