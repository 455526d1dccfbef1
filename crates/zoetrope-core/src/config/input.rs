//! One step of a clip: a frame of pixels, or a vector.

use serde::{Deserialize, Serialize};

use super::size::size;
use crate::error::Result;

/// One step of a clip; the number of steps is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected `input` to be { channels, height, width } or { features }, all whole numbers"
)]
pub enum InputConfig {
    /// `[channels, height, width]`.
    Frame(FrameSize),
    /// `[features]`.
    Vector(VectorSize),
}

/// The size of one frame, `[channels, height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FrameSize {
    /// Channels: 1 for grey, 3 for colour.
    pub channels: i64,
    /// Height in pixels.
    pub height: i64,
    /// Width in pixels.
    pub width: i64,
}

/// The size of one vector, `[features]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VectorSize {
    /// Numbers in a vector.
    pub features: i64,
}

impl InputConfig {
    /// The sizes of the axes of one step: `[channels, height, width]` or `[features]`.
    #[must_use]
    pub fn sizes(self) -> Vec<i64> {
        match self {
            Self::Frame(frame) => vec![frame.channels, frame.height, frame.width],
            Self::Vector(vector) => vec![vector.features],
        }
    }

    /// The step as a frame; a vector is a frame of one pixel with a channel for each feature.
    #[must_use]
    pub fn as_frame(self) -> FrameSize {
        match self {
            Self::Frame(frame) => frame,
            Self::Vector(vector) => FrameSize {
                channels: vector.features,
                height: 1,
                width: 1,
            },
        }
    }

    /// Axes that a convolution's kernel has: height and width, or time.
    pub(crate) fn num_kernel_axes(self) -> usize {
        match self {
            Self::Frame(_) => 2,
            Self::Vector(_) => 1,
        }
    }

    /// The names of the axes of one step.
    pub(crate) fn axes(self) -> &'static str {
        match self {
            Self::Frame(_) => "channels, height, width",
            Self::Vector(_) => "features",
        }
    }

    pub(super) fn validate(self) -> Result<()> {
        match self {
            Self::Frame(frame) => {
                size("input.channels", frame.channels)?;
                size("input.height", frame.height)?;
                size("input.width", frame.width)
            }
            Self::Vector(vector) => size("input.features", vector.features),
        }
    }
}
