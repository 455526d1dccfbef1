//! Frozen parameters: no gradient, no update, and the others train as they would.

#![allow(clippy::panic, missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::{
    TestResult, assert_close, assert_same_bits, assert_same_parameters, config, plain_lstm, seeded, small_batch,
    snapshot,
};
use serde_json::{Value, json};
use tch::Tensor;
use zoetrope_core::{
    Arrays, Batch, CnnLstm, Error, Inputs, Meter, Optimizer, OptimizerConfig, Rule, TargetValues, Targets,
};

const SGD: Rule = Rule::Sgd {
    learning_rate: 0.05,
    momentum: 0.9,
    nesterov: true,
    weight_decay: 0.01,
};

/// Two blocks, the second with a batch norm, or `count` blocks of one pixel's reach.
fn normed() -> TestResult<CnnLstm> {
    let block = |norm: Option<&str>| {
        json!({
            "outChannels": 4, "kernelSize": 3, "stride": 1, "padding": 1, "norm": norm, "activation": "relu",
            "maxPool": 2,
        })
    };
    model(&[block(None), block(Some("batch"))])
}

fn model(blocks: &[Value]) -> TestResult<CnnLstm> {
    let config = config(json!({
        "input": { "channels": 2, "height": 8, "width": 9 },
        "numClasses": 3,
        "cnn": blocks,
        "lstm": plain_lstm(),
    }))?;
    seeded(&config, 1)
}

fn train(model: &mut CnnLstm, optimizer: &mut Optimizer, steps: u64) -> TestResult {
    for seed in 0..steps {
        model.train_step(&small_batch(seed, 3, Some(2))?, optimizer, &mut Meter::new())?;
    }
    Ok(())
}

fn moved<'a>(before: &BTreeMap<String, Tensor>, after: &'a BTreeMap<String, Tensor>) -> Vec<&'a str> {
    let differs = |name: &String, tensor: &Tensor| before[name].ne_tensor(tensor).any().int64_value(&[]) == 1;
    let names = after.iter().filter(|(name, tensor)| differs(name, tensor));
    names.map(|(name, _)| name.as_str()).collect()
}

#[test]
fn frozen_parameters_stay_and_the_others_move() -> TestResult {
    for config in [Rule::adam(), SGD] {
        for prefix in ["cnn", "cnn.conv1", "lstm", "lstm.lstm.bias", "fc.weight"] {
            let mut model = normed()?;
            let mut optimizer = Optimizer::new(config)?;
            train(&mut model, &mut optimizer, 2)?; // so that there is momentum that could move them
            let frozen = model.set_frozen(prefix, true)?;
            let before = snapshot(&model);
            train(&mut model, &mut optimizer, 2)?;
            let after = snapshot(&model);
            let moved = moved(&before, &after);
            for name in after.keys() {
                assert_eq!(
                    moved.contains(&name.as_str()),
                    !frozen.contains(name),
                    "{prefix}: {name}"
                );
            }
            assert_eq!(model.set_frozen(prefix, false)?, frozen);
            train(&mut model, &mut optimizer, 1)?;
            assert_eq!(self::moved(&after, &snapshot(&model)).len(), after.len(), "{prefix}");
        }
    }
    Ok(())
}

#[test]
fn the_others_gradients_are_the_same() -> TestResult {
    let mut model = normed()?;
    let batch = small_batch(3, 3, Some(2))?;
    let (_loss, expected) = model.loss_and_gradients(&batch)?;
    for prefix in ["cnn.conv", "cnn.conv2", "lstm.lstm.weight_hh", "fc"] {
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
    Ok(())
}

/// In training too it normalises by the running statistics, and keeps them.
#[test]
fn a_frozen_batch_norm_keeps_its_statistics() -> TestResult {
    let mut model = normed()?;
    let mut optimizer = Optimizer::new(SGD)?;
    train(&mut model, &mut optimizer, 3)?;
    let buffers = |model: &CnnLstm| -> BTreeMap<String, Tensor> {
        let buffers = model.buffers().iter();
        buffers.map(|b| (b.name.clone(), b.tensor.copy())).collect()
    };
    model.set_frozen("cnn.norm2", true)?;
    let (before, batch) = (buffers(&model), small_batch(7, 3, Some(2))?);
    let mut meter = Meter::new();
    model.evaluate_batch(&batch, &mut meter)?;
    let (training, _) = model.loss_and_gradients(&batch)?;
    assert_close("loss", &training.into(), &meter.read()?.loss.into(), 1e-6);
    train(&mut model, &mut optimizer, 1)?;
    assert_same_parameters(&buffers(&model), &before);
    model.set_frozen("cnn.norm2.weight", false)?;
    train(&mut model, &mut optimizer, 1)?;
    assert_eq!(buffers(&model)["cnn.norm2.num_batches_tracked"].int64_value(&[]), 4);
    Ok(())
}

#[test]
fn a_number_at_the_end_of_a_prefix_is_whole() -> TestResult {
    let block = json!({
        "outChannels": 2, "kernelSize": 1, "stride": 1, "padding": 0, "activation": "none", "maxPool": null,
    });
    let mut model = model(&vec![block; 11])?;
    assert_eq!(
        model.set_frozen("cnn.conv1", true)?,
        ["cnn.conv1.weight", "cnn.conv1.bias"]
    );
    assert_eq!(model.frozen_values(), 6);
    assert_eq!(model.set_frozen("cnn.conv", true)?.len(), 22);
    assert_eq!(model.set_frozen("", false)?.len(), model.parameters().len());
    assert_eq!(model.frozen_values(), 0);
    Ok(())
}

#[test]
fn unknown_prefixes_and_nothing_left_to_train_are_named() -> TestResult {
    let mut model = normed()?;
    match model.set_frozen("cnn.conv3", true) {
        Err(Error::InvalidConfig {
            option,
            expected,
            received,
        }) => {
            assert_eq!((option.as_str(), received.as_str()), ("prefix", "'cnn.conv3'"));
            assert!(
                expected.ends_with("such as cnn, cnn.conv1, cnn.conv2, cnn.norm2, lstm, lstm.lstm, fc"),
                "{expected}"
            );
        }
        outcome => panic!("expected Error::InvalidConfig, received {outcome:?}"),
    }
    model.set_frozen("", true)?;
    let before = snapshot(&model);
    let batch = small_batch(1, 3, None)?;
    let outcome = model.train_step(&batch, &mut Optimizer::new(SGD)?, &mut Meter::new());
    match outcome {
        Err(error @ Error::InvalidConfig { .. }) => assert!(error.to_string().contains("unfreeze"), "{error}"),
        outcome => panic!("expected Error::InvalidConfig, received {outcome:?}"),
    }
    assert_same_parameters(&snapshot(&model), &before);
    let _ = model.logits(&batch)?;
    Ok(())
}

fn averaging(rule: Rule) -> OptimizerConfig {
    OptimizerConfig {
        ema_decay: Some(0.9),
        ..rule.into()
    }
}

/// An average is the parameter itself while that is frozen, whatever was averaged and loaded before.
#[test]
fn averages_leave_frozen_parameters_alone() -> TestResult {
    let mut model = normed()?;
    let mut optimizer = Optimizer::new(averaging(SGD))?;
    let checkpoint = model.state_dict()?;
    train(&mut model, &mut optimizer, 2)?;
    model.load_state_dict(&checkpoint)?;
    let frozen = model.set_frozen("lstm.", true)?;
    let before = snapshot(&model);
    optimizer.copy_averages_to(&mut model)?;
    let shown = snapshot(&model);
    train(&mut model, &mut optimizer, 2)?;
    optimizer.copy_averages_to(&mut model)?;
    let after = snapshot(&model);
    for name in &frozen {
        assert_same_bits(name, &shown[name], &before[name]);
        assert_same_bits(name, &after[name], &before[name]);
    }
    assert!(moved(&before, &after).contains(&"fc.weight"));
    // Averaged anew from the value it had: after one update a tenth of the way.
    model.set_frozen("lstm.", false)?;
    train(&mut model, &mut optimizer, 1)?;
    let trained = snapshot(&model);
    optimizer.copy_averages_to(&mut model)?;
    let averaged = snapshot(&model);
    for name in &frozen {
        let expected = &before[name] * 0.9 + &trained[name] * 0.1;
        assert_close(name, &averaged[name], &expected, 1e-6);
    }
    Ok(())
}

#[test]
fn averages_that_are_dropped_begin_with_the_next_update() -> TestResult {
    let mut model = normed()?;
    let mut optimizer = Optimizer::new(averaging(SGD))?;
    train(&mut model, &mut optimizer, 3)?;
    optimizer.drop_averages();
    let before = snapshot(&model);
    optimizer.copy_averages_to(&mut model)?;
    assert_same_parameters(&snapshot(&model), &before);
    train(&mut model, &mut optimizer, 1)?;
    let trained = snapshot(&model);
    optimizer.copy_averages_to(&mut model)?;
    assert_same_parameters(&snapshot(&model), &trained);
    Ok(())
}

#[test]
fn what_trains_is_loaded_and_what_is_frozen_stays() -> TestResult {
    let mut model = normed()?;
    let state = model.state_dict()?;
    let loaded = snapshot(&model);
    train(&mut model, &mut Optimizer::new(SGD)?, 2)?;
    let frozen = model.set_frozen("cnn.", true)?;
    let trained = snapshot(&model);
    model.load_trainable(&state)?;
    for (name, tensor) in snapshot(&model) {
        let expected = if frozen.contains(&name) { &trained } else { &loaded };
        assert_same_bits(&name, &tensor, &expected[&name]);
    }
    Ok(())
}

/// Of one clip, a decoder sees the frames by a product that inference has a kernel for.
#[test]
fn a_decoder_learns_from_one_clip_behind_a_frozen_encoder() -> TestResult {
    let config = config(json!({
        "input": { "features": 3 },
        "cnn": [],
        "numClasses": 4,
        "lstm": plain_lstm(),
        "head": {
            "kind": "sequence",
            "sequence": { "maxLength": 3, "attention": true, "embeddingSize": 3, "hiddenSize": 4 },
        },
    }))?;
    let mut model = seeded(&config, 2)?;
    let batch = Batch::from_arrays(Arrays {
        inputs: Inputs::F32(&[0.5, -1.0, 2.0, 1.5, 0.25, -0.75, 0.0, 1.0, -2.0]),
        shape: &[1, 3, 3],
        lengths: None,
        targets: Some(Targets {
            values: TargetValues::Integers(&[2, 0]),
            shape: &[1, 2],
            lengths: Some(&[2]),
            ..Targets::default()
        }),
    })?;
    let (_loss, expected) = model.loss_and_gradients(&batch)?;
    model.set_frozen("lstm", true)?;
    let (_loss, gradients) = model.loss_and_gradients(&batch)?;
    for (index, parameter) in model.parameters().iter().enumerate() {
        if parameter.name.starts_with("decoder") {
            assert!(
                expected[index].abs().max().double_value(&[]) > 0.0,
                "{}",
                parameter.name
            );
            assert_close(&parameter.name, &gradients[index], &expected[index], 1e-6);
        }
    }
    Ok(())
}
