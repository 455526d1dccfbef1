//! Batch norm's statistics: kept in training only, saved and loaded, and untouched by a step that is refused.

#![allow(clippy::panic, missing_docs)]

mod common;

use common::safetensors_file::SafetensorsFile;
use common::{
    TempFolder, TestResult, assert_close, assert_same_bits, assert_same_parameters, config, plain_lstm, seeded,
    small_batch, state, state_of,
};
use serde_json::json;
use tch::{Device, Kind};
use zoetrope_core::{Batch, CnnLstm, Error, Inputs, Meter, Optimizer, OptimizerConfig};

fn model_of(max_pool: Option<i64>, height: i64, width: i64) -> TestResult<CnnLstm> {
    let block = json!({
        "outChannels": 4, "kernelSize": 3, "stride": 1, "padding": 1, "norm": "batch", "activation": "relu",
        "maxPool": max_pool,
    });
    let config = config(json!({
        "input": { "channels": 2, "height": height, "width": width },
        "numClasses": 3,
        "cnn": [block],
        "lstm": plain_lstm(),
    }))?;
    seeded(&config, 1)
}

fn step(model: &mut CnnLstm, batch: &Batch) -> zoetrope_core::Result<()> {
    let mut optimizer = Optimizer::new(OptimizerConfig::adam())?;
    model.train_step(batch, &mut optimizer, &mut Meter::new())
}

#[test]
fn a_step_that_is_refused_leaves_the_statistics_as_they_were() -> TestResult {
    let mut model = model_of(Some(2), 8, 9)?;
    step(&mut model, &small_batch(1, 3, Some(2))?)?;
    let before = state(&model)?;
    let mut inputs = vec![0.5; 3 * 2 * 8 * 9];
    inputs[200] = f32::INFINITY;
    let poisoned = Batch::new(Inputs::F32(&inputs), &[3, 2, 8, 9], Some(&[0, 1, 2]))?;
    let outcome = step(&mut model, &poisoned);
    assert!(matches!(outcome, Err(Error::NonFiniteLoss { .. })), "{outcome:?}");
    assert_same_parameters(&state(&model)?, &before);
    Ok(())
}

/// Evaluation predicts a clip the same whatever shares its batch; training does not.
#[test]
fn evaluation_reads_the_running_statistics() -> TestResult {
    let mut model = model_of(Some(2), 8, 9)?;
    for seed in 0..3 {
        step(&mut model, &small_batch(seed, 4, Some(2))?)?;
    }
    let clips = small_batch(9, 3, Some(2))?;
    let together = model.logits(&clips)?;
    let alone = model.logits(&small_batch(9, 1, Some(2))?)?; // the same first clip
    assert_close("a clip alone", &alone, &together.narrow(0, 0, 1), 1e-6);
    let (training, _) = model.loss_and_gradients(&clips)?;
    let mut meter = Meter::new();
    model.evaluate_batch(&clips, &mut meter)?;
    let evaluation = meter.read()?.loss;
    assert!((training - evaluation).abs() > 1e-6, "both losses are {training}");
    Ok(())
}

#[test]
fn one_value_for_a_channel_is_refused_in_training_only() -> TestResult {
    let mut model = model_of(None, 1, 1)?;
    let one = Batch::new(Inputs::F32(&[0.5, 0.25]), &[1, 2, 1, 1], Some(&[1]))?;
    let before = state(&model)?;
    match step(&mut model, &one) {
        Err(Error::Data { reason }) => assert!(reason.contains("batch norm") && reason.contains("'layer'"), "{reason}"),
        outcome => panic!("expected Error::Data, received {outcome:?}"),
    }
    assert_same_parameters(&state(&model)?, &before);
    let _ = model.logits(&one)?;
    let two = Batch::new(Inputs::F32(&[0.5, 0.25, 0.75, 1.0]), &[2, 2, 1, 1], Some(&[1, 0]))?;
    Ok(step(&mut model, &two)?)
}

#[test]
fn a_file_holds_the_statistics_under_pytorchs_names() -> TestResult {
    let folder = TempFolder::new("statistics")?;
    let path = folder.join("model.safetensors");
    let mut model = model_of(Some(2), 8, 9)?;
    step(&mut model, &small_batch(1, 3, None)?)?;
    model.save(&path)?;
    let file = SafetensorsFile::read(&path)?;
    let count = &file.tensors["cnn.norm1.num_batches_tracked"];
    assert_eq!(
        (count.kind(), count.size().len(), count.int64_value(&[])),
        (Kind::Int64, 0, 1)
    );
    assert_same_parameters(&file.tensors, &state(&model)?);

    let again = CnnLstm::load(&path, Device::Cpu)?;
    assert_same_parameters(&state(&again)?, &state(&model)?);
    let batch = small_batch(5, 3, None)?;
    assert_same_bits("logits", &again.logits(&batch)?, &model.logits(&batch)?);

    let mut without = state(&model)?;
    without.remove("cnn.norm1.running_var");
    let outcome = model.load_state_dict(&state_of(without));
    match outcome {
        Err(Error::Checkpoint { mismatch, .. }) => assert_eq!(mismatch.missing.listed, ["cnn.norm1.running_var"]),
        outcome => panic!("expected Error::Checkpoint, received {outcome:?}"),
    }
    Ok(())
}
