//! One block of the CNN: its options, the sizes it makes, and their check.

use serde::{Deserialize, Serialize};

use super::{InputConfig, LARGEST_SIZE, size};
use crate::error::{Error, Result};

/// One block: convolution, activation, max-pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlockConfig {
    /// Output channels of the convolution.
    pub out_channels: i64,
    /// Height and width of the kernel.
    pub kernel_size: i64,
    /// Step of the convolution in both directions.
    pub stride: i64,
    /// Zeros added on each side.
    pub padding: i64,
    /// What follows the convolution.
    pub activation: Activation,
    /// Height, width and stride of the max-pooling window, or none. A rest smaller than the window is dropped.
    pub max_pool: Option<i64>,
}

/// The function after a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Activation {
    /// max(0, x).
    Relu,
    /// x.
    None,
}

impl BlockConfig {
    /// Size of the frame after the convolution, before pooling.
    #[must_use]
    pub fn convolved(&self, frame: InputConfig) -> InputConfig {
        let side = |size: i64| (size + 2 * self.padding - self.kernel_size).div_euclid(self.stride) + 1;
        InputConfig {
            channels: self.out_channels,
            height: side(frame.height),
            width: side(frame.width),
        }
    }

    /// Size of the frame after the whole block.
    #[must_use]
    pub fn output(&self, frame: InputConfig) -> InputConfig {
        let convolved = self.convolved(frame);
        let window = self.max_pool.unwrap_or(1);
        InputConfig {
            height: convolved.height / window,
            width: convolved.width / window,
            ..convolved
        }
    }
}

/// Checks a block's sizes, and that it leaves something of its input; its output's size.
pub(super) fn validate(index: usize, block: &BlockConfig, frame: InputConfig) -> Result<InputConfig> {
    let name = |option: &str| format!("cnn[{index}].{option}");
    size(&name("outChannels"), block.out_channels)?;
    size(&name("kernelSize"), block.kernel_size)?;
    size(&name("stride"), block.stride)?;
    size(&name("maxPool"), block.max_pool.unwrap_or(1))?;
    if !(0..=LARGEST_SIZE).contains(&block.padding) {
        return Err(Error::invalid(
            name("padding"),
            "an integer of at least 0",
            block.padding,
        ));
    }
    let padded = frame.height.min(frame.width) + 2 * block.padding;
    if padded < block.kernel_size {
        let expected = format!("a kernel no larger than its padded input of {padded} pixels");
        return Err(Error::invalid(name("kernelSize"), expected, block.kernel_size));
    }
    let convolved = block.convolved(frame);
    let output = block.output(frame);
    if output.height < 1 || output.width < 1 {
        let expected = format!(
            "a window within its input of {} × {} pixels",
            convolved.height, convolved.width
        );
        return Err(Error::invalid(name("maxPool"), expected, block.max_pool.unwrap_or(1)));
    }
    Ok(output)
}
