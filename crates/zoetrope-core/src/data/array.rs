//! Numbers on their way out: float32 values with a shape.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};

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
        let count = tensor.numel();
        let mut data = reserved(count)?;
        data.resize(count, 0.0);
        tensor
            .f_to_kind(Kind::Float)?
            .f_contiguous()?
            .f_copy_data(&mut data, count)?;
        Ok(Self {
            data,
            shape: tensor.size(),
        })
    }
}

/// An empty vector with room for so many numbers: where the system refuses the memory, an error and not an abort.
pub(crate) fn reserved(count: usize) -> Result<Vec<f32>> {
    let mut numbers = Vec::new();
    numbers.try_reserve_exact(count).map_err(|error| Error::OutOfMemory {
        reason: format!("{count} numbers: {error}"),
    })?;
    Ok(numbers)
}
