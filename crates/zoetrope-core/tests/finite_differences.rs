//! Every gradient against the loss itself: central differences in float64, without any of PyTorch's numbers.

#![allow(missing_docs)]

mod common;

use common::{Numbers, TestResult, config, plain_lstm, seeded, small_batch, small_config};
use serde_json::{Value, json};
use tch::Tensor;
use zoetrope_core::{Batch, CnnLstm, ModelConfig, threads};

/// Half the distance of the two losses. Rounding costs about 1e-16 / STEP, curvature about STEP².
const STEP: f64 = 1e-5;
const COORDINATES: usize = 8;

#[test]
fn of_images() -> TestResult {
    check(&plain_lstm(), None)
}

#[test]
fn of_clips() -> TestResult {
    check(&plain_lstm(), Some(3))
}

#[test]
fn of_two_bidirectional_layers() -> TestResult {
    check(
        &json!({ "hiddenSize": 5, "numLayers": 2, "dropout": 0.0, "bidirectional": true }),
        Some(3),
    )
}

/// Dilation, groups, both norms in training mode, the residual sum both ways, the smooth activations, average pooling.
#[test]
fn of_every_option_of_a_block() -> TestResult {
    let block = |options: Value| {
        let mut block = json!({ "outChannels": 4, "kernelSize": 3, "stride": 1, "padding": 1, "maxPool": null });
        if let (Some(block), Some(options)) = (block.as_object_mut(), options.as_object()) {
            block.extend(options.clone());
        }
        block
    };
    let config = config(json!({
        "input": { "channels": 2, "height": 8, "width": 9 },
        "numClasses": 3,
        "cnn": [
            block(json!({ "norm": "batch", "residual": true, "activation": "gelu", "avgPool": 2 })),
            block(json!({ "padding": 2, "dilation": 2, "groups": 2, "norm": "layer", "activation": "silu" })),
            block(json!({ "norm": "batch", "residual": true, "activation": "none" })),
        ],
        "globalPool": "average",
        "lstm": plain_lstm(),
    }))?;
    check_model(&config, Some(3))
}

fn check(lstm: &Value, time: Option<i64>) -> TestResult {
    check_model(&small_config(lstm)?, time)
}

/// Some random coordinates of every parameter, to 1e-6 of the parameter's largest gradient.
fn check_model(config: &ModelConfig, time: Option<i64>) -> TestResult {
    threads::work_alone(); // the tensors are too small to share
    let mut model = seeded(config, 3)?;
    model.to_double()?;
    let batch = small_batch(4, 3, time)?;
    let (_loss, gradients) = model.loss_and_gradients(&batch)?;
    let mut numbers = Numbers(5);
    for (parameter, gradient) in model.parameters().iter().zip(&gradients) {
        let values = parameter.tensor.data().view(-1); // shares the parameter's memory
        let count = values.size()[0];
        let scale = gradient.abs().max().double_value(&[]);
        assert_eq!(
            scale == 0.0,
            has_no_gradient(&parameter.name, time),
            "{}: largest {scale:e}",
            parameter.name
        );
        for _ in 0..COORDINATES {
            let at = (numbers.next_unit() * count as f64) as i64;
            let expected = slope(&model, &batch, &values.get(at))?;
            let actual = gradient.flatten(0, -1).double_value(&[at]);
            assert!(
                (actual - expected).abs() <= 1e-6 * scale + 1e-10,
                "{}[{at}]: gradient {actual:e}, but the loss changes by {expected:e}",
                parameter.name
            );
        }
    }
    Ok(())
}

/// `weight_hh` multiplies the state before the first step, which is zero: so nothing else in a sequence of length 1, and
/// nothing else in the top layer's reverse direction, whose first step is the last one, the only one that is read.
fn has_no_gradient(name: &str, time: Option<i64>) -> bool {
    name.contains("weight_hh") && (time.is_none() || name.ends_with("l1_reverse"))
}

/// How fast the training loss changes with one value of a parameter, which is put back afterwards.
fn slope(model: &CnnLstm, batch: &Batch, value: &Tensor) -> TestResult<f64> {
    let middle = value.double_value(&[]);
    let loss_at = |offset: f64| {
        let _ = value.shallow_clone().fill_(middle + offset);
        model.loss_and_gradients(batch).map(|(loss, _gradients)| loss)
    };
    let difference = loss_at(STEP)? - loss_at(-STEP)?;
    let _ = value.shallow_clone().fill_(middle);
    Ok(difference / (2.0 * STEP))
}
