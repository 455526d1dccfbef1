//! Kernels keep weights in an order of their own from one inference to the next: never longer than the weights last.

#![allow(missing_docs)]

mod common;

use common::{TestResult, assert_same_bits, seeded, small_batch, two_blocks};
use serde_json::json;
use tch::Device;
use zoetrope_core::{Activation, Batch, Cnn, CnnLstm, Meter, ModelConfig, Norm, Optimizer, OptimizerConfig};

/// Wide enough for every kernel, the tile unit's among them.
fn wide_config() -> TestResult<ModelConfig> {
    let lstm = json!({ "hiddenSize": 20, "numLayers": 2, "dropout": 0.0, "bidirectional": true });
    two_blocks(24, &lstm)
}

/// Clips of one frame and of several: layers leave out the forget gate where there is one.
fn batches() -> TestResult<[Batch; 2]> {
    Ok([small_batch(1, 5, Some(1))?, small_batch(2, 3, Some(4))?])
}

/// The model predicts as a new one of the same weights does, however often it is asked.
fn assert_current(model: &CnnLstm) -> TestResult {
    for batch in &batches()? {
        let expected = CnnLstm::from_state_dict(model.config(), Device::Cpu, &model.state_dict()?)?.logits(batch)?;
        for _ in 0..3 {
            assert_same_bits("logits", &model.logits(batch)?, &expected);
        }
    }
    Ok(())
}

/// Blocks whose batch norms are folded into the convolutions where nothing is trained.
fn config_with_norms() -> TestResult<ModelConfig> {
    let mut config = wide_config()?;
    let Cnn::Blocks(blocks) = &mut config.cnn else {
        return Err("expected blocks".into());
    };
    for block in blocks {
        block.norm = Some(Norm::Batch);
        block.activation = Activation::Gelu;
    }
    Ok(config)
}

#[test]
fn a_model_answers_by_its_weights_of_now() -> TestResult {
    answers_by_its_weights(&wide_config()?)
}

#[test]
fn a_model_answers_by_its_statistics_of_now() -> TestResult {
    answers_by_its_weights(&config_with_norms()?)
}

fn answers_by_its_weights(config: &ModelConfig) -> TestResult {
    let mut model = seeded(config, 0)?;
    assert_current(&model)?;

    let averaging = OptimizerConfig {
        ema_decay: Some(0.9),
        ..OptimizerConfig::adam()
    };
    let mut optimizer = Optimizer::new(averaging)?;
    for batch in &batches()? {
        model.train_step(batch, &mut optimizer, &mut Meter::new())?;
        assert_current(&model)?;
    }
    optimizer.copy_averages_to(&mut model)?;
    assert_current(&model)?;

    model.load_state_dict(&seeded(config, 1)?.state_dict()?)?;
    assert_current(&model)
}

/// Gradients are computed without an update, as before the first one of an accumulated step.
#[test]
fn inference_between_gradients_changes_neither() -> TestResult {
    let model = seeded(&wide_config()?, 0)?;
    let [_, batch] = batches()?;
    let (loss, gradients) = model.loss_and_gradients(&batch)?;
    assert_current(&model)?;
    let (again, same) = model.loss_and_gradients(&batch)?;
    assert_eq!(loss.to_bits(), again.to_bits());
    for (gradient, same) in gradients.iter().zip(&same) {
        assert_same_bits("gradient", gradient, same);
    }
    assert_current(&model)
}
