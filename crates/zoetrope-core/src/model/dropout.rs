//! Dropout from a stream of the model's own, so that equal seeds give equal masks on every device.

use tch::{Kind, Tensor};

use crate::data::lengths::Layout;
use crate::error::Result;
use crate::runtime::random::Generator;

/// Drops values while training and scales up the rest, as `torch.nn.Dropout`.
pub(super) struct Dropout {
    probability: f64,
    generator: Generator,
}

impl Dropout {
    pub(super) fn new(probability: f64, generator: Generator) -> Self {
        Self { probability, generator }
    }

    /// Whether training draws a mask.
    pub(super) fn drops(&self) -> bool {
        self.probability > 0.0
    }

    /// The mask is drawn in the layout of `values`, any shape.
    pub(super) fn forward_t(&self, values: &Tensor, train: bool) -> Result<Tensor> {
        if !train || self.probability == 0.0 {
            return Ok(values.shallow_clone());
        }
        let mask = self.generator.dropout_mask(&values.size(), self.probability)?;
        apply(values, &mask)
    }

    /// Values of the valid frames, `[frames, features]`; the mask is drawn as `[time, batch, features]`, as
    /// `torch.nn.LSTM` draws it between layers, `batch_first` or not.
    pub(super) fn between_layers_t(&self, values: &Tensor, layout: &Layout<'_>, train: bool) -> Result<Tensor> {
        if !train || self.probability == 0.0 {
            return Ok(values.shallow_clone());
        }
        let shape = [layout.time, layout.batch, values.size()[1]];
        let mask = self
            .generator
            .dropout_mask(&shape, self.probability)?
            .f_transpose(0, 1)?;
        match layout.lengths {
            Some(_) => apply(values, &layout.pack(&mask)?),
            None => layout.pack(&apply(&layout.unpack(values)?, &mask)?), // no copy of the mask
        }
    }
}

fn apply(values: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let mask = if values.kind() == Kind::Float {
        mask.shallow_clone()
    } else {
        mask.f_to_kind(values.kind())?
    };
    Ok(values.f_mul(&mask.f_to_device(values.device())?)?)
}
