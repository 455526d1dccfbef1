//! Probabilities of tokens, in float64 on the CPU and in an order that nothing but the logits decides.

use tch::{Device, Kind, Tensor};

use crate::error::Result;

/// The values of a tensor, row-major.
pub(super) fn read(logits: &Tensor) -> Result<Vec<f64>> {
    let flat = logits
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Double)?
        .f_flatten(0, -1)?;
    Ok(Vec::try_from(flat)?)
}

/// The logarithms of the softmax; NaN where it has none.
pub(super) fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let log_sum = largest + sum.ln();
    logits.iter().map(|logit| logit - log_sum).collect()
}

/// The index of the largest value, of equal ones the first.
pub(super) fn best(values: &[f64]) -> usize {
    let later = |best: usize, index: usize| if values[index] > values[best] { index } else { best };
    (0..values.len()).fold(0, later)
}

/// The indices of the `count` largest values from the largest on, of equal ones the first; at least one.
pub(super) fn best_first(values: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let before = |a: &usize, b: &usize| values[*b].total_cmp(&values[*a]).then(a.cmp(b));
    let count = count.clamp(1, values.len().max(1));
    if count < order.len() {
        order.select_nth_unstable_by(count - 1, before);
        order.truncate(count);
    }
    order.sort_unstable_by(before);
    order
}
