//! Blocks of 3×3 convolutions in training, on the kernels: values and gradients against the reference in float64.

#![allow(missing_docs)]

mod common;

use common::{TestResult, assert_close, assert_same_bits, config, plain_lstm, relative_error, seeded, small_batch};
use serde_json::{Value, json};
use tch::Device;
use zoetrope_core::CnnLstm;

/// A first block of 26 channels, and a second one of 33.
fn model(first: &Value, second: &Value) -> TestResult<CnnLstm> {
    let block = |channels: i64, more: &Value| {
        let mut block = json!({
            "outChannels": channels, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "gelu", "maxPool": null,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            block[name] = value.clone();
        }
        block
    };
    let config = config(json!({
        "input": { "channels": 2, "height": 8, "width": 9 },
        "numClasses": 3,
        "cnn": [block(26, first), block(33, second)],
        "lstm": plain_lstm(),
    }))?;
    seeded(&config, 5)
}

fn variants() -> Vec<Value> {
    let mut variants = vec![
        json!({ "padding": 0 }),
        json!({ "padding": 2, "activation": "silu" }),
        json!({ "padding": 0, "activation": "relu" }),
        json!({ "activation": "none", "norm": "batch" }),
        json!({ "norm": "layer", "avgPool": 2 }),
        json!({ "norm": "batch", "maxPool": 3 }),
    ];
    for norm in [None, Some("batch")] {
        for residual in [false, true] {
            for activation in ["relu", "gelu", "silu"] {
                for pool in [None, Some("maxPool"), Some("avgPool")] {
                    let mut block = json!({ "norm": norm, "residual": residual, "activation": activation });
                    if let Some(pool) = pool {
                        block[pool] = json!(2);
                    }
                    variants.push(block);
                }
            }
        }
    }
    variants
}

#[test]
fn gradients_are_those_of_float64() -> TestResult {
    let batch = small_batch(3, 3, Some(2))?;
    for variant in variants() {
        for (first, second) in [(&variant, &json!({})), (&json!({}), &variant)] {
            let model = model(first, second)?;
            let mut reference = CnnLstm::from_state_dict(model.config(), Device::Cpu, &model.state_dict()?)?;
            reference.to_double()?;
            // At a kink one of some thousand values may have its gradient in one precision only.
            let is_smooth = variant["activation"] != "relu" && variant.get("maxPool").is_none();
            let tolerance = if is_smooth { 1e-4 } else { 1e-2 };
            let (loss, gradients) = model.loss_and_gradients(&batch)?;
            let (expected_loss, expected) = reference.loss_and_gradients(&batch)?;
            assert!((loss - expected_loss).abs() < 1e-5 * expected_loss, "{variant}: {loss}");
            for ((parameter, gradient), expected) in model.parameters().iter().zip(&gradients).zip(&expected) {
                if common::norm(expected) < 1e-9 {
                    continue; // of a bias before a batch norm: rounding
                }
                let error = relative_error(gradient, expected);
                assert!(error < tolerance, "{variant}: {}: {error:.1e}", parameter.name);
            }
            for (buffer, expected) in model.buffers().iter().zip(reference.buffers()) {
                assert_close(&buffer.name, &buffer.tensor, &expected.tensor, 1e-5);
            }
        }
    }
    Ok(())
}

/// What is frozen has no gradient, and the others have the same.
#[test]
fn frozen_blocks_change_no_other_gradient() -> TestResult {
    let batch = small_batch(3, 3, Some(2))?;
    for variant in [
        json!({}),
        json!({ "norm": "batch", "residual": true }),
        json!({ "activation": "relu" }),
    ] {
        let mut model = model(&variant, &variant)?;
        let (_loss, expected) = model.loss_and_gradients(&batch)?;
        for prefix in [
            "cnn.conv1",
            "cnn.conv2",
            "cnn.conv",
            "cnn.conv1.weight",
            "cnn.conv2.bias",
        ] {
            model.set_frozen(prefix, true)?;
            let (_loss, gradients) = model.loss_and_gradients(&batch)?;
            for (index, parameter) in model.parameters().iter().enumerate() {
                if parameter.name.starts_with(prefix) {
                    assert!(!gradients[index].defined(), "{prefix}: {}", parameter.name);
                } else {
                    assert_same_bits(&parameter.name, &gradients[index], &expected[index]);
                }
            }
            model.set_frozen(prefix, false)?;
        }
    }
    Ok(())
}
