//! Convolutions of other forms than 3×3 in training: of several groups, of a single channel, of pixels that are skipped.
//! Values and gradients against the reference in float64, over frames and over time.

#![allow(missing_docs)]

mod common;

use common::{NOISE, Numbers, TestResult, config, norm, plain_lstm, relative_error, seeded};
use serde_json::{Value, json};
use tch::Device;
use zoetrope_core::{Batch, CnnLstm, Inputs, Meter, Optimizer, Rule};

fn with(defaults: &Value, more: &Value) -> Value {
    let mut block = defaults.clone();
    for (name, value) in more.as_object().into_iter().flatten() {
        block[name] = value.clone();
    }
    block
}

/// Compares loss, gradients and, without training, logits.
fn expect_agreement(model: &CnnLstm, batch: &Batch, what: &Value) -> TestResult {
    let mut reference = CnnLstm::from_state_dict(model.config(), Device::Cpu, &model.state_dict()?)?;
    reference.to_double()?;
    let error = relative_error(&model.logits(batch)?, &reference.logits(batch)?);
    assert!(error < 1e-5, "{what}: logits {error:.1e}");
    let (loss, gradients) = model.loss_and_gradients(batch)?;
    let (expected_loss, expected) = reference.loss_and_gradients(batch)?;
    assert!((loss - expected_loss).abs() < 1e-5 * expected_loss, "{what}: {loss}");
    for ((parameter, gradient), expected) in model.parameters().iter().zip(&gradients).zip(&expected) {
        if norm(expected) < NOISE {
            continue; // of a bias before a batch norm: rounding
        }
        let error = relative_error(gradient, expected);
        assert!(error < 1e-4, "{what}: {}: {error:.1e}", parameter.name);
    }
    Ok(())
}

/// `[clips, time, …]` of values from -1 to 1.
fn batch(shape: &[i64]) -> TestResult<Batch> {
    let mut numbers = Numbers(7);
    let inputs: Vec<f32> = (0..shape.iter().product())
        .map(|_: i64| (numbers.next_unit() * 2.0 - 1.0) as f32)
        .collect();
    let targets: Vec<i64> = (0..shape[0]).map(|clip| clip % 3).collect();
    Ok(Batch::new(Inputs::F32(&inputs), shape, Some(&targets))?)
}

#[test]
fn of_frames() -> TestResult {
    let plain = json!({
        "outChannels": 24, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "silu", "maxPool": null,
    });
    let forms = [
        json!({ "groups": 2 }),
        json!({ "groups": 3, "kernelSize": 5, "stride": 2, "padding": 2 }),
        json!({ "groups": 12, "outChannels": 12 }),
        json!({ "groups": 24, "outChannels": 48 }),
        json!({ "groups": 24 }),
        json!({ "groups": 8, "outChannels": 8, "dilation": 2, "padding": 2 }),
        json!({ "groups": 2, "outChannels": 64, "kernelSize": 2, "padding": 0, "norm": "batch" }),
        json!({ "groups": 4, "kernelSize": 1, "padding": 0, "stride": 2 }),
        json!({ "groups": 24, "kernelSize": 5, "padding": 2, "stride": 2, "norm": "batch", "activation": "hardswish" }),
        json!({ "groups": 24, "kernelSize": 7, "padding": 3, "residual": true, "norm": "batch", "activation": "relu" }),
        json!({ "kernelSize": 1, "padding": 0, "stride": 2, "residual": true, "norm": "batch" }),
    ];
    for (number, form) in (0..).zip(&forms) {
        let first = with(&plain, &json!({ "kernelSize": 5, "padding": 2 }));
        let config = config(json!({
            "input": { "channels": 1, "height": 9, "width": 12 }, "numClasses": 3, "cnn": [first, with(&plain, form)],
            "globalPool": if number % 2 == 0 { "average" } else { "none" }, "lstm": plain_lstm(),
        }))?;
        expect_agreement(&seeded(&config, 5)?, &batch(&[3, 2, 1, 9, 12])?, form)?;
    }
    Ok(())
}

#[test]
fn over_time() -> TestResult {
    let plain =
        json!({ "outChannels": 24, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "silu", "maxPool": null });
    let forms = [
        json!({ "groups": 2 }),
        json!({ "groups": 3, "outChannels": 60, "kernelSize": 5, "padding": 4, "dilation": 2, "norm": "layer" }),
        json!({ "groups": 12, "outChannels": 12, "norm": "batch", "residual": true }),
        json!({ "groups": 24 }),
        json!({ "groups": 8, "kernelSize": 1, "padding": 0, "activation": "relu" }),
        json!({ "groups": 24, "kernelSize": 5, "padding": 4, "dilation": 2, "activation": "relu" }),
    ];
    for form in &forms {
        let config = config(json!({
            "input": { "features": 24 }, "numClasses": 3, "cnn": [with(&plain, form)], "lstm": plain_lstm(),
        }))?;
        expect_agreement(&seeded(&config, 5)?, &batch(&[4, 7, 24])?, form)?;
    }
    Ok(())
}

/// libtorch's gradient of such weights reads where no memory is, with AVX-512, and ends the process.
#[test]
fn of_pixels_that_are_skipped() -> TestResult {
    let block = json!({
        "outChannels": 8, "kernelSize": 1, "stride": 2, "padding": 0, "activation": "silu", "maxPool": null,
    });
    let config = config(json!({
        "input": { "channels": 2, "height": 90, "width": 66 }, "numClasses": 3, "cnn": [block],
        "globalPool": "average", "lstm": plain_lstm(),
    }))?;
    let mut model = seeded(&config, 5)?;
    let mut optimizer = Optimizer::new(Rule::Sgd {
        learning_rate: 0.1,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    })?;
    let clips = batch(&[32, 9, 2, 90, 66])?;
    for _ in 0..3 {
        model.train_step(&clips, &mut optimizer, &mut Meter::new())?;
    }
    Ok(())
}
