//! A model's tensors as the graph takes them: rows of numbers on the CPU.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::model::cnn_lstm::CnnLstm;

/// Every parameter and statistic by its name.
pub(super) struct ModelWeights(HashMap<String, Tensor>);

impl ModelWeights {
    pub(super) fn of(model: &CnnLstm) -> Result<Self> {
        let state = model.state_dict()?.into_iter();
        Ok(Self(state.map(|entry| (entry.name, entry.tensor)).collect()))
    }

    /// The values of the tensor of that name, row-major, and its shape.
    pub(super) fn read(&self, name: &str) -> Result<(Vec<f32>, Vec<i64>)> {
        let tensor = self.0.get(name).ok_or_else(|| Error::Internal {
            reason: format!("the model has no `{name}`"),
        })?;
        Ok((values(tensor)?, tensor.size()))
    }

    /// The values of the matrix of that name with its axes exchanged, `[columns, rows]`, and that shape.
    pub(super) fn read_transposed(&self, name: &str) -> Result<(Vec<f32>, Vec<i64>)> {
        let (values, shape) = self.read(name)?;
        let [rows, columns] = [shape[0] as usize, shape[1] as usize];
        let at = |index: usize| values[index % rows * columns + index / rows];
        Ok(((0..values.len()).map(at).collect(), vec![shape[1], shape[0]]))
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    let flat = tensor.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut values = vec![0.0_f32; flat.numel()];
    let length = values.len();
    flat.f_copy_data(&mut values, length)?;
    Ok(values)
}
