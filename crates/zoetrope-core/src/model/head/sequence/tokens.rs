//! Label strings as the decoder reads and writes them.

use tch::{Device, Tensor};

use crate::error::Result;

/// The strings of a batch, their labels and their ends one after the other.
pub(crate) struct Tokens {
    /// int64 of `[batch, steps]`: what each step reads, the boundary first; boundaries after a string's end.
    pub(crate) inputs: Tensor,
    /// int64 of `[tokens]`: what each step of each string should write, its end last.
    pub(crate) targets: Tensor,
    /// int64 of `[tokens]`: the row of each token in `[batch * steps, …]`.
    rows: Tensor,
    /// Tokens of each string, its end included.
    pub(crate) counts: Vec<i64>,
}

impl Tokens {
    /// Of labels string after string, `counts[i]` of string `i`.
    pub(crate) fn new(labels: &[i64], counts: &[i64], boundary: i64, device: Device) -> Result<Self> {
        let steps = counts.iter().max().map_or(1, |&longest| longest + 1);
        let (mut inputs, mut targets, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = labels;
        for (row, &count) in (0..).zip(counts) {
            let (labels, after) = rest.split_at(rest.len().min(count as usize));
            rest = after;
            inputs.push(boundary);
            inputs.extend(labels);
            inputs.resize(((row + 1) * steps) as usize, boundary);
            targets.extend(labels);
            targets.push(boundary);
            rows.extend(row * steps..=row * steps + count);
        }
        let tensor = |values: &[i64]| -> Result<Tensor> { Ok(Tensor::f_from_slice(values)?.f_to_device(device)?) };
        Ok(Self {
            inputs: tensor(&inputs)?.f_view([counts.len() as i64, steps])?,
            targets: tensor(&targets)?,
            rows: tensor(&rows)?,
            counts: counts.iter().map(|count| count + 1).collect(),
        })
    }

    /// Of `[batch, steps, features]` the steps of the strings, `[tokens, features]`.
    pub(super) fn pack(&self, steps: &Tensor) -> Result<Tensor> {
        Ok(steps.f_flatten(0, 1)?.f_index_select(0, &self.rows)?)
    }
}
