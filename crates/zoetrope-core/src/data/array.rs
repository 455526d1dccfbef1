//! Numbers on their way out: float32 values with a shape.

use tch::{Kind, Tensor};

use crate::error::Result;

/// Row-major float32 values.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// As many as the product of the sizes.
    pub data: Vec<f32>,
    /// One size an axis.
    pub shape: Vec<i64>,
}

impl Array {
    /// Copies a tensor of any kind and device.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let mut data = vec![0.0; tensor.numel()];
        tensor
            .f_to_kind(Kind::Float)?
            .f_contiguous()?
            .f_copy_data(&mut data, tensor.numel())?;
        Ok(Self {
            data,
            shape: tensor.size(),
        })
    }
}
