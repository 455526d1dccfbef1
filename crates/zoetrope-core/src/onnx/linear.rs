//! `torch.nn.Linear`: the projection, the attention's score and the head.

use super::graph::{Graph, Value};
use super::weights::ModelWeights;
use crate::error::Result;

/// `[…, inputs]` into `[…, outputs]`, with `name.weight` and `name.bias`.
pub(super) fn linear(graph: &mut Graph, weights: &ModelWeights, name: &str, inputs: &Value) -> Result<Value> {
    graph.enter(name);
    let [weight, bias] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
    let (values, shape) = weights.read_transposed(&weight)?; //   MatMul takes any number of axes, Gemm takes two
    let weight = graph.weight(&weight, &shape, &values);
    let (values, shape) = weights.read(&bias)?;
    let bias = graph.weight(&bias, &shape, &values);
    let product = graph.node("MatMul", &[inputs, &weight], &[]);
    Ok(graph.node("Add", &[&product, &bias], &[]))
}
