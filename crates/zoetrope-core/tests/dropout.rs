//! Dropout between LSTM layers: off in evaluation, on in training, and PyTorch's own masks from the same seed.
//!
//! Numbers from `python crates/zoetrope-core/tests/make_fixtures.py` with torch 2.11.0 (CPU, one thread): `nn.LSTM` in
//! training mode, whose masks follow the initial weights in the stream of `torch.manual_seed(seed)`.

#![allow(missing_docs)]

mod common;

use common::fixture::Fixture;
use common::{TestResult, assert_close, assert_same_bits, seeded, small_batch, small_config};
use serde_json::{Value, json};
use tch::Tensor;
use zoetrope_core::{CnnLstm, Meter};

const CASES: [&str; 3] = ["dropout", "dropout_three_layers", "dropout_images"];

/// The `logits` of these fixtures come from `model.eval()`.
#[test]
fn is_off_in_evaluation() -> TestResult {
    for case in CASES {
        let fixture = Fixture::load(case)?;
        let model = seeded(&fixture.config, fixture.seed)?;
        let batch = fixture.batch(0)?;
        let logits = model.logits(&batch)?;
        assert_close(&format!("{case}: logits"), &logits, fixture.get("logits"), 1e-5);
        assert_same_bits("logits, a second time", &model.logits(&batch)?, &logits);
    }
    Ok(())
}

/// Training loss and gradients of the first mask after the weights, as PyTorch draws it.
#[test]
fn draws_pytorchs_masks() -> TestResult {
    for case in CASES {
        let fixture = Fixture::load(case)?;
        let model = seeded(&fixture.config, fixture.seed)?;
        let batch = fixture.batch(0)?;
        let _ = model.logits(&batch)?; // evaluation draws nothing
        let (loss, gradients) = model.loss_and_gradients(&batch)?;
        assert_close(
            &format!("{case}: training loss"),
            &loss.into(),
            fixture.get("train_loss"),
            1e-5,
        );
        let expected = fixture.group("grad");
        for (parameter, gradient) in model.parameters().iter().zip(&gradients) {
            let name = format!("{case}: gradient of {}", parameter.name);
            assert_close(&name, gradient, &expected[&parameter.name], 1e-4);
        }
    }
    Ok(())
}

/// The masks of five steps in a row.
#[test]
fn goes_on_in_the_same_stream() -> TestResult {
    for case in CASES {
        let fixture = Fixture::load(case)?;
        let mut model = seeded(&fixture.config, fixture.seed)?;
        let mut optimizer = fixture.optimizer("sgd")?;
        for (k, batch) in fixture.batches()?.iter().enumerate() {
            let mut meter = Meter::new();
            model.train_step(batch, &mut optimizer, &mut meter)?;
            let expected = fixture.get("sgd.losses").get(k as i64);
            assert_close(
                &format!("{case}: loss of step {}", k + 1),
                &meter.read()?.loss.into(),
                &expected,
                1e-5,
            );
        }
        let expected = fixture.group("sgd");
        for parameter in model.parameters() {
            let name = format!("{case}: {} after five steps", parameter.name);
            assert_close(&name, &parameter.tensor.detach(), &expected[&parameter.name], 1e-4);
        }
    }
    Ok(())
}

#[test]
fn differs_from_pass_to_pass_in_training() -> TestResult {
    let model = seeded(&small_config(&two_layers(32, 0.5))?, 1)?;
    let batch = small_batch(2, 4, Some(3))?;
    let (first, _gradients) = model.loss_and_gradients(&batch)?;
    let (second, _gradients) = model.loss_and_gradients(&batch)?;
    assert!((first - second).abs() > 1e-6, "both losses are {first}");
    Ok(())
}

/// As in PyTorch: dropout is between layers, so one layer has none.
#[test]
fn does_nothing_with_one_layer() -> TestResult {
    let lstm = |dropout: f64| json!({ "hiddenSize": 8, "numLayers": 1, "dropout": dropout, "bidirectional": false });
    let batch = small_batch(2, 4, Some(3))?;
    let (with, _gradients) = seeded(&small_config(&lstm(0.9))?, 1)?.loss_and_gradients(&batch)?;
    let (without, _gradients) = seeded(&small_config(&lstm(0.0))?, 1)?.loss_and_gradients(&batch)?;
    assert_eq!(with.to_bits(), without.to_bits());
    Ok(())
}

/// With one sample and one step, column j of the second layer's `weight_ih` has the gradient (mask × output)[j] times
/// something that is the same for all columns; and where that weight is tiny, the same with and without dropout. So
/// the ratio of the two gradients' columns is the mask: 0, or 1 / (1 − p).
#[test]
fn has_the_right_rate_scale_and_mean() -> TestResult {
    const HIDDEN: i64 = 600;
    for dropout in [0.1, 0.3, 0.75] {
        let columns = |dropout: f64| -> TestResult<Vec<f64>> {
            let model = seeded(&small_config(&two_layers(HIDDEN, dropout))?, 7)?;
            let _ = weight_of_second_layer(&model)?.data().g_mul_scalar_(1e-6);
            let (_loss, gradients) = model.loss_and_gradients(&small_batch(8, 1, None)?)?;
            let named = model.parameters().iter().zip(gradients);
            let gradient = named
                .into_iter()
                .find(|(parameter, _)| parameter.name == SECOND_LAYER)
                .ok_or("no gradient")?
                .1;
            Ok(Vec::try_from(
                gradient.norm_scalaropt_dim(2, [0], false).to_kind(tch::Kind::Double),
            )?)
        };
        let mask: Vec<f64> = columns(dropout)?
            .iter()
            .zip(columns(0.0)?)
            .map(|(with, without)| with / without)
            .collect();
        let kept = mask.iter().filter(|ratio| **ratio != 0.0).count() as f64 / HIDDEN as f64;
        let deviation = (dropout * (1.0 - dropout) / HIDDEN as f64).sqrt();
        assert!(
            (kept - (1.0 - dropout)).abs() < 4.0 * deviation,
            "dropout {dropout} keeps {kept}"
        );
        let scale = 1.0 / (1.0 - dropout);
        let off = mask
            .iter()
            .find(|ratio| **ratio != 0.0 && (*ratio / scale - 1.0).abs() > 1e-3);
        assert_eq!(
            off, None,
            "dropout {dropout}: what is kept must be multiplied by {scale}"
        );
        let mean = mask.iter().sum::<f64>() / HIDDEN as f64;
        assert!(
            (mean - 1.0).abs() < 4.0 * deviation * scale,
            "dropout {dropout}: the mask's mean is {mean}"
        );
    }
    Ok(())
}

const SECOND_LAYER: &str = "lstm.lstm.weight_ih_l1";

fn weight_of_second_layer(model: &CnnLstm) -> TestResult<Tensor> {
    Ok(model.parameter(SECOND_LAYER).ok_or("no second layer")?.shallow_clone())
}

fn two_layers(hidden_size: i64, dropout: f64) -> Value {
    json!({ "hiddenSize": hidden_size, "numLayers": 2, "dropout": dropout, "bidirectional": false })
}
