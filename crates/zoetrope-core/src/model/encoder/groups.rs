//! A convolution of several groups as convolutions of one group, each of some channels.

use tch::Tensor;

use crate::error::Result;

/// The convolutions of one group that a convolution of several is: `(weight, bias)` of each.
pub(super) struct Groups {
    channels: i64,
    parts: Vec<(Tensor, Option<Tensor>)>,
}

impl Groups {
    /// `weight` is `[out_channels, in_channels / groups, …kernel]`; `together` divides the groups. Under autograd.
    pub(super) fn new(weight: &Tensor, bias: Option<&Tensor>, groups: i64, together: i64) -> Result<Self> {
        let size = weight.size();
        let (out_channels, in_channels) = (size[0] / groups * together, size[1] * together);
        let weights = on_diagonal(weight, groups, together)?.f_split(out_channels, 0)?;
        let parts = match bias {
            None => weights.into_iter().map(|weight| (weight, None)).collect(),
            Some(bias) => {
                let biases = bias.f_split(out_channels, 0)?.into_iter().map(Some);
                weights.into_iter().zip(biases).collect()
            }
        };
        Ok(Self {
            channels: in_channels,
            parts,
        })
    }

    /// Convolves the channels of `values`, whose axis 1 they are, part by part: `convolve(values, weight, bias)`.
    pub(super) fn convolve(
        &self,
        values: &Tensor,
        mut convolve: impl FnMut(&Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let split = values.f_split(self.channels, 1)?;
        let parts: Vec<Tensor> = split
            .iter()
            .zip(&self.parts)
            .map(|(values, (weight, bias))| convolve(values, weight, bias.as_ref()))
            .collect::<Result<_>>()?;
        Ok(Tensor::f_cat(&parts, 1)?)
    }
}

/// Weights `[out_channels, in_channels / groups, …]` as `[out_channels, in_channels / groups * together, …]`: those of
/// each group stand behind zeros for the channels of the groups before it, and before such zeros.
fn on_diagonal(weight: &Tensor, groups: i64, together: i64) -> Result<Tensor> {
    if together == 1 {
        return Ok(weight.shallow_clone());
    }
    let size = weight.size();
    let (each, kernel) = (size[0] / groups, &size[2..]);
    let blocks = weight.f_reshape([groups / together, together, each, 1, size[1], -1])?;
    let diagonal =
        Tensor::f_eye(together, (weight.kind(), weight.device()))?.f_view([1, together, 1, together, 1, 1])?;
    let whole = [&[size[0], together * size[1]], kernel].concat();
    Ok(blocks.f_mul(&diagonal)?.f_reshape(whole)?)
}
