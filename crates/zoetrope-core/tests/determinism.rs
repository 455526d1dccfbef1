//! The same seed is the same run, whatever else the process does; and a clip's answer is its own.

#![allow(missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use common::{
    Numbers, TestResult, any_differs, assert_close, assert_same_bits, assert_same_parameters, batch_of, plain_lstm,
    seeded, small_batch, small_config, snapshot,
};
use serde_json::json;
use tch::{Device, Kind, Tensor};
use zoetrope_core::{CnnLstm, Generator, Meter, ModelConfig, Optimizer, OptimizerConfig, manual_seed};

/// Two layers, so that dropout's stream is part of the run.
fn config_with_dropout() -> TestResult<ModelConfig> {
    small_config(&json!({ "hiddenSize": 8, "numLayers": 2, "dropout": 0.4, "bidirectional": true }))
}

/// Trains eight steps: the mean loss and the parameters.
fn run(seed: u64) -> TestResult<(f64, BTreeMap<String, Tensor>)> {
    let mut model = seeded(&config_with_dropout()?, seed)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adam())?;
    let mut meter = Meter::new();
    for step in 0..8 {
        model.train_step(&small_batch(100 + step, 5, Some(4))?, &mut optimizer, &mut meter)?;
    }
    Ok((meter.read()?.loss, snapshot(&model)))
}

#[test]
fn same_seed_same_run_bit_for_bit() -> TestResult {
    let ((loss, parameters), (second_loss, second_parameters)) = (run(1)?, run(1)?);
    assert_eq!(loss.to_bits(), second_loss.to_bits());
    assert_same_parameters(&second_parameters, &parameters);
    assert!(any_differs(&run(2)?.1, &parameters), "another seed must be another run");
    Ok(())
}

/// Also while another model trains in the same process.
#[test]
fn same_seed_same_run_beside_another() -> TestResult {
    let (loss, parameters) = run(1)?;
    let run_again = |seed: u64| {
        move || {
            run(seed)
                .map(|(loss, parameters)| (loss, Parameters(parameters)))
                .map_err(|error| error.to_string())
        }
    };
    let (beside, _other) = thread::scope(|scope| {
        let [first, second] = [scope.spawn(run_again(1)), scope.spawn(run_again(2))];
        (first.join(), second.join())
    });
    let (second_loss, Parameters(second_parameters)) = beside.map_err(|_| "the thread panicked")??;
    assert_eq!(loss.to_bits(), second_loss.to_bits());
    assert_same_parameters(&second_parameters, &parameters);
    Ok(())
}

/// Tensors may be handed from thread to thread, though tch does not say so of maps of them.
struct Parameters(BTreeMap<String, Tensor>);

#[test]
fn models_created_at_the_same_time_get_their_seeds_weights() -> TestResult {
    const MODELS: u64 = 40;
    let config = config_with_dropout()?;
    let barrier = Barrier::new(2);
    let create = |first_seed: u64| {
        let (barrier, config) = (&barrier, &config);
        move || {
            barrier.wait();
            let models = (0..MODELS).map(|k| seeded(config, first_seed + k).map(|model| Parameters(snapshot(&model))));
            models
                .collect::<TestResult<Vec<_>>>()
                .map_err(|error| error.to_string())
        }
    };
    let (left, right) = thread::scope(|scope| {
        let [left, right] = [scope.spawn(create(0)), scope.spawn(create(MODELS))];
        (left.join(), right.join())
    });
    let panicked = |_| "the thread panicked";
    let (left, right) = (left.map_err(panicked)??, right.map_err(panicked)??);
    for (seed, Parameters(parameters)) in (0..).zip(left.into_iter().chain(right)) {
        assert_same_parameters(&parameters, &snapshot(&seeded(&config, seed)?));
    }
    Ok(())
}

/// A seeded model neither reads nor moves libtorch's own generator.
#[test]
fn a_seeded_model_leaves_libtorchs_generator_alone() -> TestResult {
    tch::manual_seed(11);
    let undisturbed = [0, 1].map(|_| Tensor::rand([64], (Kind::Float, Device::Cpu)));
    tch::manual_seed(11);
    let first = Tensor::rand([64], (Kind::Float, Device::Cpu));
    let parameters = run(1)?.1;
    let second = Tensor::rand([64], (Kind::Float, Device::Cpu));
    assert_same_bits("numbers before the run", &first, &undisturbed[0]);
    assert_same_bits("numbers after the run", &second, &undisturbed[1]);
    tch::manual_seed(12);
    assert_same_parameters(&run(1)?.1, &parameters);
    Ok(())
}

/// Models without a seed draw, one after the other, from the process's stream: PyTorch's semantics.
#[test]
fn manual_seed_restarts_the_stream_of_unseeded_models() -> TestResult {
    let config = config_with_dropout()?;
    let unseeded = || -> TestResult<_> { Ok(snapshot(&CnnLstm::new(&config, Device::Cpu, &Generator::process()?)?)) };
    manual_seed(21)?;
    let (first, second) = (unseeded()?, unseeded()?);
    assert_same_parameters(&first, &snapshot(&seeded(&config, 21)?));
    assert!(any_differs(&first, &second), "the second model goes on in the stream");
    manual_seed(21)?;
    assert_same_parameters(&unseeded()?, &first);
    Ok(())
}

/// Random clips of [batch, time, 2, 8, 9].
fn random_clips(seed: u64, batch: i64, time: i64) -> Tensor {
    let mut numbers = Numbers(seed);
    let count = batch * time * 2 * 8 * 9;
    let values: Vec<f32> = (0..count).map(|_| (numbers.next_unit() * 2.0 - 1.0) as f32).collect();
    Tensor::from_slice(&values).view([batch, time, 2, 8, 9])
}

/// Alone, with others, with outrageous others.
#[test]
fn a_prediction_does_not_depend_on_the_other_clips() -> TestResult {
    let model = seeded(&small_config(&plain_lstm())?, 1)?;
    let clips = random_clips(3, 17, 4);
    let together = model.logits(&batch_of(&clips, None)?)?;
    for k in 0..17 {
        let clip = clips.narrow(0, k, 1);
        let expected = together.narrow(0, k, 1);
        assert_close(
            &format!("clip {k} alone"),
            &model.logits(&batch_of(&clip, None)?)?,
            &expected,
            1e-6,
        );
        let huge = random_clips(4, 6, 4) * 1e6;
        let company = Tensor::cat(&[&huge, &clip, &(huge.copy() * f64::NAN)], 0);
        let logits = model.logits(&batch_of(&company, None)?)?.narrow(0, 6, 1);
        assert_close(&format!("clip {k} in other company"), &logits, &expected, 1e-6);
    }
    Ok(())
}

#[test]
fn the_order_of_the_batch_does_not_matter() -> TestResult {
    let model = seeded(&small_config(&plain_lstm())?, 1)?;
    let clips = random_clips(5, 9, 3);
    let targets = Tensor::from_slice(&[0_i64, 1, 2, 2, 1, 0, 0, 1, 2]);
    let order = Tensor::from_slice(&[4_i64, 8, 0, 3, 7, 1, 6, 2, 5]);
    let [reordered, reordered_targets] = [&clips, &targets].map(|tensor| tensor.index_select(0, &order));
    let (batch, reordered) = (
        batch_of(&clips, Some(&targets))?,
        batch_of(&reordered, Some(&reordered_targets))?,
    );
    let expected = model.logits(&batch)?.index_select(0, &order);
    assert_close("logits", &model.logits(&reordered)?, &expected, 1e-6);
    let (loss, gradients) = model.loss_and_gradients(&batch)?;
    let (reordered_loss, reordered_gradients) = model.loss_and_gradients(&reordered)?;
    assert_close("loss", &reordered_loss.into(), &loss.into(), 1e-6);
    for ((parameter, actual), expected) in model.parameters().iter().zip(&reordered_gradients).zip(&gradients) {
        assert_close(&format!("gradient of {}", parameter.name), actual, expected, 1e-5);
    }
    Ok(())
}
