//! One block of the CNN: its options, the sizes it makes, and their check.

use serde::{Deserialize, Serialize};

use super::input::{FrameSize, InputConfig};
use super::size::{LARGEST_SIZE, size};
use crate::error::{Error, Result};

/// One block: convolution, norm, residual sum, activation, pooling, dropout, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    /// Distance of the kernel's taps.
    #[serde(default = "one")]
    pub dilation: i64,
    /// Groups of channels that the convolution does not mix.
    #[serde(default = "one")]
    pub groups: i64,
    /// The normalisation between the convolution and its activation.
    #[serde(default)]
    pub norm: Option<Norm>,
    /// Whether the block's input is added before the activation.
    #[serde(default)]
    pub residual: bool,
    /// The function after the convolution.
    pub activation: Activation,
    /// Height, width and stride of the max-pooling window, or none. A rest smaller than the window is dropped.
    pub max_pool: Option<i64>,
    /// The same of an average-pooling window; at most one of the two.
    #[serde(default)]
    pub avg_pool: Option<i64>,
    /// Probability of dropping a value that leaves the block, while training.
    #[serde(default)]
    pub dropout: f64,
}

/// The function after a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Activation {
    /// max(0, x).
    Relu,
    /// x · Φ(x), Φ the normal distribution function.
    Gelu,
    /// x · sigmoid(x).
    Silu,
    /// min(max(0, x), 6).
    Relu6,
    /// x · min(max(0, x + 3), 6) / 6.
    Hardswish,
    /// x.
    None,
}

/// What is normalised after a convolution. Both have a weight and a bias for each channel, and eps 1e-5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Norm {
    /// Each channel over all frames and pixels of the batch, as `torch.nn.BatchNorm2d`; momentum .1.
    Batch,
    /// Each frame over its channels and pixels, as `torch.nn.GroupNorm(1, channels)`.
    Layer,
}

/// Whether an encoded frame keeps its height and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GlobalPool {
    /// They stay: one feature for each channel and pixel.
    #[default]
    None,
    /// One feature for each channel: its mean over the pixels.
    Average,
}

/// What a block leaves of the two sides of its pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// The largest value of each window of that size.
    Max(i64),
    /// The mean of each window of that size.
    Average(i64),
}

fn one() -> i64 {
    1
}

impl BlockConfig {
    /// Pixels that the kernel spans.
    #[must_use]
    pub fn span(&self) -> i64 {
        self.dilation * (self.kernel_size - 1) + 1
    }

    /// Number of the kernel's taps: its height times its width, or its time.
    #[must_use]
    pub fn taps(&self, input: InputConfig) -> i64 {
        match input {
            InputConfig::Frame(_) => self.kernel_size * self.kernel_size,
            InputConfig::Vector(_) => self.kernel_size,
        }
    }

    /// The pooling, where there is one.
    #[must_use]
    pub fn pool(&self) -> Option<Pool> {
        self.max_pool.map(Pool::Max).or(self.avg_pool.map(Pool::Average))
    }

    /// Whether the residual sum takes its input through a convolution of 1 × 1 pixels: where the block changes the
    /// number of channels, or strides.
    #[must_use]
    pub fn has_shortcut(&self, in_channels: i64) -> bool {
        self.residual && (in_channels != self.out_channels || self.stride != 1)
    }

    /// Size of the frame after the convolution, before pooling.
    #[must_use]
    pub fn convolved(&self, frame: FrameSize) -> FrameSize {
        self.conv().convolved(self.out_channels, frame)
    }

    /// Size of the frame after the whole block.
    #[must_use]
    pub fn output(&self, frame: FrameSize) -> FrameSize {
        let convolved = self.convolved(frame);
        let window = match self.pool() {
            Some(Pool::Max(window) | Pool::Average(window)) => window,
            None => 1,
        };
        FrameSize {
            height: convolved.height / window,
            width: convolved.width / window,
            ..convolved
        }
    }
}

/// Checks a block's options, and that it leaves something of its input; its output's size.
pub(super) fn validate(index: usize, block: &BlockConfig, frame: FrameSize) -> Result<FrameSize> {
    let name = |option: &str| format!("cnn[{index}].{option}");
    size(&name("outChannels"), block.out_channels)?;
    size(&name("kernelSize"), block.kernel_size)?;
    size(&name("stride"), block.stride)?;
    size(&name("dilation"), block.dilation)?;
    size(&name("maxPool"), block.max_pool.unwrap_or(1))?;
    size(&name("avgPool"), block.avg_pool.unwrap_or(1))?;
    if !(0..=LARGEST_SIZE).contains(&block.padding) {
        return Err(Error::invalid(
            name("padding"),
            "an integer of at least 0",
            block.padding,
        ));
    }
    if !(0.0..=1.0).contains(&block.dropout) {
        return Err(Error::invalid(name("dropout"), "a number from 0 to 1", block.dropout));
    }
    if let (Some(max), Some(average)) = (block.max_pool, block.avg_pool) {
        let received = format!("a maxPool of {max} with an avgPool of {average}");
        return Err(Error::invalid(name("avgPool"), "at most one kind of pooling", received));
    }
    validate_groups(&name("groups"), block, frame.channels)?;
    let padded = frame.height.min(frame.width) + 2 * block.padding;
    if padded < block.span() {
        let expected = format!("a kernel no larger than its padded input of {padded} pixels");
        return Err(Error::invalid(name("kernelSize"), expected, block.span()));
    }
    let convolved = block.convolved(frame);
    validate_residual(&name("residual"), block, frame, convolved)?;
    let output = block.output(frame);
    if output.height < 1 || output.width < 1 {
        let expected = format!(
            "a window within its input of {} × {} pixels",
            convolved.height, convolved.width
        );
        let (option, window) = match block.avg_pool {
            Some(window) => ("avgPool", window),
            None => ("maxPool", block.max_pool.unwrap_or(1)),
        };
        return Err(Error::invalid(name(option), expected, window));
    }
    Ok(output)
}

/// Checks that a block over the time of vectors keeps the number of steps.
pub(super) fn validate_over_time(index: usize, block: &BlockConfig) -> Result<()> {
    let name = |option: &str| format!("cnn[{index}].{option}");
    if block.stride != 1 {
        return Err(Error::invalid(name("stride"), "1 for vectors", block.stride));
    }
    if let Some(Pool::Max(window) | Pool::Average(window)) = block.pool() {
        let option = if block.max_pool.is_some() { "maxPool" } else { "avgPool" };
        return Err(Error::invalid(name(option), "none for vectors", window));
    }
    if 2 * block.padding + 1 != block.span() {
        let expected = "dilation * (kernelSize - 1) / 2 for vectors, with an odd kernelSize";
        return Err(Error::invalid(name("padding"), expected, block.padding));
    }
    Ok(())
}

fn validate_groups(option: &str, block: &BlockConfig, in_channels: i64) -> Result<()> {
    size(option, block.groups)?;
    if in_channels % block.groups == 0 && block.out_channels % block.groups == 0 {
        return Ok(());
    }
    let expected = format!("a divisor of both {in_channels} and {} channels", block.out_channels);
    Err(Error::invalid(option, expected, block.groups))
}

/// The sum needs the sizes of both sides to agree: the input's, or what a kernel of 1 × 1 with the stride leaves of it.
fn validate_residual(option: &str, block: &BlockConfig, frame: FrameSize, convolved: FrameSize) -> Result<()> {
    let strided = |size: i64| (size - 1) / block.stride + 1;
    let [height, width] = [strided(frame.height), strided(frame.width)];
    if !block.residual || [convolved.height, convolved.width] == [height, width] {
        return Ok(());
    }
    let expected = format!("a convolution whose output has {height} × {width} pixels (set the padding)");
    let received = format!("one of {} × {} pixels", convolved.height, convolved.width);
    Err(Error::invalid(option, expected, received))
}
