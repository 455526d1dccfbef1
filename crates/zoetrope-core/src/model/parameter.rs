//! The tensors that a model is made of, by the names that they have in PyTorch.

use tch::Tensor;

/// A parameter with the name that PyTorch's module of the same structure gives it.
pub struct Parameter {
    /// Such as `cnn.conv1.weight`.
    pub name: String,
    /// On the model's device, a leaf that requires a gradient unless it is frozen.
    pub tensor: Tensor,
}

/// A tensor of the state dict that no optimizer changes: a batch norm's statistics.
pub struct Buffer {
    /// Such as `cnn.norm1.running_mean`.
    pub name: String,
    /// On the model's device, without gradient.
    pub tensor: Tensor,
    /// How many parameters stand before it in the state dict.
    pub(super) position: usize,
}
