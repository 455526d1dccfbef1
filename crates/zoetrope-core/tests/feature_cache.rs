//! The features of a frozen encoder, computed once: the same training to the bit, whatever is kept and wherever.

#![allow(clippy::panic, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Numbers, TestResult, assert_same_parameters, config, seeded, snapshot};
use serde_json::{Value, json};
use tch::Tensor;
use zoetrope_core::{
    Arrays, Batch, CnnLstm, Error, FeatureCache, Inputs, Meter, Metrics, Optimizer, Rule, TargetValues, Targets,
    TensorDataset,
};

const CLIPS: i64 = 10;
const TIME: i64 = 5;
/// The clips of each batch of each epoch, one clip twice in a batch among them.
const EPOCHS: [&[&[i64]]; 3] = [
    &[&[0, 1, 2, 3], &[4, 5, 6], &[7]],
    &[&[9, 0, 4, 8], &[1, 7], &[6, 6, 2, 3, 5]],
    &[&[5], &[8, 3, 0, 1, 2, 9, 4], &[6, 7]],
];

fn block(changes: &Value) -> Value {
    let mut block = json!({
        "outChannels": 5, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": 2,
    });
    for (key, value) in changes.as_object().into_iter().flatten() {
        block[key] = value.clone();
    }
    block
}

fn model(blocks: &[Value], changes: &Value) -> TestResult<CnnLstm> {
    let mut json = json!({
        "input": { "channels": 3, "height": 12, "width": 11 }, "numClasses": 4, "cnn": blocks,
        "lstm": { "hiddenSize": 7, "numLayers": 2, "dropout": 0.0, "bidirectional": true },
    });
    for (key, value) in changes.as_object().into_iter().flatten() {
        json[key] = value.clone();
    }
    seeded(&config(json)?, 5)
}

/// Every way in which an encoder computes: kernels and libtorch's operations, frames and vectors.
fn models() -> TestResult<Vec<(&'static str, CnnLstm)>> {
    let plain = [block(&json!({})), block(&json!({ "outChannels": 6 }))];
    let normed = |changes: &Value| {
        let mut first = block(&json!({ "norm": "batch", "activation": "gelu" }));
        for (key, value) in changes.as_object().into_iter().flatten() {
            first[key] = value.clone();
        }
        [
            first,
            block(&json!({ "norm": "batch", "residual": true, "maxPool": null })),
        ]
    };
    let strided = [
        block(&json!({ "kernelSize": 5, "stride": 2, "padding": 2, "maxPool": null })),
        block(&json!({})),
    ];
    let vector = json!({ "input": { "features": 9 } });
    let over_time = [
        json!({ "outChannels": 8, "kernelSize": 3, "stride": 1, "padding": 1, "norm": "batch", "activation": "relu" }),
        json!({ "outChannels": 8, "kernelSize": 5, "stride": 1, "padding": 2, "residual": true, "activation": "silu" }),
    ];
    let gru = json!({ "lstm": {
        "cell": "gru", "hiddenSize": 6, "numLayers": 1, "dropout": 0.2, "bidirectional": false,
    } });
    Ok(vec![
        ("blocks", model(&plain, &json!({}))?),
        ("a plain GRU with dropout", model(&plain, &gru)?),
        (
            "batch norm",
            model(&normed(&json!({})), &json!({ "pooling": "attention" }))?,
        ),
        (
            "average pooling",
            model(&normed(&json!({ "maxPool": null, "avgPool": 2 })), &json!({}))?,
        ),
        ("layer norm", model(&normed(&json!({ "norm": "layer" })), &json!({}))?),
        (
            "stride",
            model(
                &strided,
                &json!({ "normalize": { "mean": [0.1, 0.2, 0.3], "std": [1.0, 2.0, 0.5] } }),
            )?,
        ),
        ("global pooling", model(&plain, &json!({ "globalPool": "average" }))?),
        ("a projection", model(&plain, &json!({ "projection": 6 }))?),
        ("vectors", model(&over_time, &vector)?),
        (
            "labels of frames",
            model(&plain, &json!({ "head": { "kind": "classification", "per": "frame" } }))?,
        ),
    ])
}

fn dataset(model: &CnnLstm, is_clips: bool) -> TestResult<Arc<TensorDataset>> {
    let config = serde_json::to_value(model.config())?;
    let step: Vec<i64> = match config["input"]["features"].as_i64() {
        Some(features) => vec![features],
        None => vec![3, 12, 11],
    };
    let time = if is_clips { vec![TIME] } else { vec![] };
    let shape = [vec![CLIPS], time, step].concat();
    let mut numbers = Numbers(3);
    let count: i64 = shape.iter().product();
    let inputs: Vec<f32> = (0..count).map(|_| numbers.next_unit() as f32 - 0.5).collect();
    let lengths: Vec<i64> = (0..CLIPS).map(|clip| 1 + clip * 3 % TIME).collect();
    let is_per_frame = config["head"]["per"] == "frame" && is_clips;
    let target_shape = if is_per_frame { vec![CLIPS, TIME] } else { vec![CLIPS] };
    let targets: Vec<i64> = (0..target_shape.iter().product()).map(|at: i64| at * 7 % 4).collect();
    let arrays = Arrays {
        inputs: Inputs::F32(&inputs),
        shape: &shape,
        lengths: is_clips.then_some(&lengths),
        targets: Some(Targets {
            values: TargetValues::Integers(&targets),
            shape: &target_shape,
            ..Targets::default()
        }),
    };
    Ok(Arc::new(TensorDataset::new(arrays)?))
}

fn kept(dataset: &Arc<TensorDataset>, clips: &[i64], cache: &Arc<FeatureCache>) -> TestResult<Batch> {
    let mut batch = Batch::gathered(Arc::clone(dataset), clips.to_vec())?;
    batch.keep_features(Arc::clone(cache), clips.to_vec(), 1, None)?;
    Ok(batch)
}

/// What some epochs of training and evaluation come to.
fn run(
    model: &mut CnnLstm,
    dataset: &Arc<TensorDataset>,
    caches: &[Arc<FeatureCache>; 2],
) -> TestResult<(BTreeMap<String, Tensor>, Vec<Metrics>)> {
    let mut optimizer = Optimizer::new(Rule::adam())?;
    let mut metrics = Vec::new();
    for batches in EPOCHS {
        let [mut trained, mut evaluated] = [Meter::new(), Meter::new()];
        for clips in batches {
            model.train_step(&kept(dataset, clips, &caches[0])?, &mut optimizer, &mut trained)?;
        }
        for clips in batches {
            model.evaluate_batch(&kept(dataset, clips, &caches[1])?, &mut evaluated)?;
        }
        metrics.extend([trained.read()?, evaluated.read()?]);
    }
    Ok((snapshot(model), metrics))
}

fn caches(limit: Option<u64>) -> [Arc<FeatureCache>; 2] {
    [(); 2].map(|()| Arc::new(FeatureCache::new(limit)))
}

#[test]
fn training_is_the_same_to_the_bit_whatever_is_kept() -> TestResult {
    for prefixes in [&["cnn"][..], &["cnn", "projection"]] {
        let names: Vec<&str> = models()?.iter().map(|(name, _)| *name).collect();
        for (at, name) in names.into_iter().enumerate() {
            for is_clips in [true, false] {
                if prefixes.len() > 1 && name != "a projection" {
                    continue;
                }
                let run_with = |limit: Option<u64>| -> TestResult<_> {
                    let (_, mut model) = models()?.swap_remove(at);
                    for prefix in prefixes {
                        model.set_frozen(prefix, true)?;
                    }
                    let caches = caches(limit);
                    let dataset = dataset(&model, is_clips)?;
                    let ran = run(&mut model, &dataset, &caches)?;
                    Ok((ran, caches.map(|cache| cache.used())))
                };
                let ((parameters, metrics), [unused, _]) = run_with(None)?;
                assert_eq!((unused.clips, unused.hits, unused.misses), (0, 0, 29), "{name}");
                for limit in [0, 500, 1 << 30] {
                    let ((own_parameters, own_metrics), used) = run_with(Some(limit))?;
                    assert_eq!(own_metrics, metrics, "{name}, {limit} bytes");
                    assert_same_parameters(&own_parameters, &parameters);
                    for used in used {
                        // Every clip once; one comes twice in a batch after that.
                        assert_eq!(
                            (used.clips, used.hits, used.misses),
                            (10, 19, 10),
                            "{name}, {limit} bytes"
                        );
                        assert!(used.bytes - used.spilled <= limit, "{name}: {used:?}");
                        assert_eq!(used.spilled == 0, used.bytes <= limit, "{name}: {used:?}");
                    }
                }
            }
        }
    }
    Ok(())
}

/// As without a cache where the kernels compute frame by frame, also in the order of features that inference takes.
#[test]
fn features_of_the_kernels_are_those_without_a_cache() -> TestResult {
    let (_, mut model) = models()?.swap_remove(0);
    model.set_frozen("cnn", true)?;
    let dataset = dataset(&model, true)?;
    let [cache, _] = caches(Some(1 << 30));
    for clips in EPOCHS.iter().flat_map(|batches| batches.iter()) {
        let [mut with, mut without] = [Meter::new(), Meter::new()];
        model.evaluate_batch(&kept(&dataset, clips, &cache)?, &mut with)?;
        model.evaluate_batch(&Batch::gathered(Arc::clone(&dataset), clips.to_vec())?, &mut without)?;
        assert_eq!(with.read()?, without.read()?);
    }
    Ok(())
}

#[test]
fn features_are_dropped_when_the_encoder_changes() -> TestResult {
    let (_, mut model) = models()?.swap_remove(2);
    let dataset = dataset(&model, true)?;
    let [cache, _] = caches(Some(1 << 30));
    let mut optimizer = Optimizer::new(Rule::adam())?;
    let clips: Vec<i64> = (0..CLIPS).collect();
    let mut train = |model: &mut CnnLstm| -> TestResult<u64> {
        model.train_step(&kept(&dataset, &clips, &cache)?, &mut optimizer, &mut Meter::new())?;
        Ok(cache.used().clips)
    };
    assert_eq!(train(&mut model)?, 0); //               nothing is frozen
    model.set_frozen("cnn.conv", true)?;
    assert_eq!(train(&mut model)?, 0); //               the norms are not
    model.set_frozen("cnn", true)?;
    assert_eq!(train(&mut model)?, 10);
    model.set_frozen("lstm", true)?;
    assert_eq!(train(&mut model)?, 10);
    let state = model.state_dict()?;
    model.load_state_dict(&state)?; //                  the same weights
    assert_eq!(train(&mut model)?, 10);
    assert_eq!(cache.used().misses, 10);
    let statistics = model
        .buffers()
        .iter()
        .find(|buffer| buffer.name == "cnn.norm2.running_var");
    let _ = statistics
        .ok_or("no statistics")?
        .tensor
        .shallow_clone()
        .f_add_scalar_(0.5)?;
    assert_eq!((train(&mut model)?, cache.used().misses), (10, 20));
    model.set_frozen("cnn.norm1", false)?;
    assert_eq!(train(&mut model)?, 0);
    Ok(())
}

#[test]
fn an_encoder_that_draws_keeps_features_of_evaluation_alone() -> TestResult {
    let mut model = model(&[block(&json!({ "dropout": 0.3 }))], &json!({}))?;
    model.set_frozen("cnn", true)?;
    let dataset = dataset(&model, true)?;
    let caches = caches(Some(1 << 30));
    run(&mut model, &dataset, &caches)?;
    assert_eq!(caches.map(|cache| cache.used().clips), [0, 10]);
    Ok(())
}

/// Without a cache as well, nothing of a frozen encoder is part of the graph.
#[test]
fn a_frozen_encoder_runs_without_autograd() -> TestResult {
    let (_, mut model) = models()?.swap_remove(2);
    model.set_frozen("cnn", true)?;
    let dataset = dataset(&model, true)?;
    let (_, gradients) = model.loss_and_gradients(&Batch::gathered(dataset, vec![0, 1, 2])?)?;
    for (parameter, gradient) in model.parameters().iter().zip(&gradients) {
        assert_eq!(
            gradient.defined(),
            !parameter.name.starts_with("cnn."),
            "{}",
            parameter.name
        );
    }
    Ok(())
}

#[test]
fn a_batch_without_frames_whose_features_are_gone_is_an_error() -> TestResult {
    let (_, mut model) = models()?.swap_remove(0);
    model.set_frozen("cnn", true)?;
    let dataset = dataset(&model, true)?;
    let [cache, _] = caches(Some(1 << 30));
    model.evaluate_batch(&kept(&dataset, &[0, 1], &cache)?, &mut Meter::new())?;
    let frames = vec![0.5; 3 * 12 * 11];
    let targets = [2, 1];
    let arrays = Arrays {
        inputs: Inputs::F32(&frames),
        shape: &[2, 4, 3, 12, 11],
        lengths: Some(&[4, 1]),
        targets: Some(Targets {
            values: TargetValues::Integers(&targets),
            shape: &[2],
            ..Targets::default()
        }),
    };
    // Clip 1 has four frames, whose features are kept; clip 7 comes with its only one.
    let batch = |version: u32| -> TestResult<Batch> {
        // SAFETY: the frames outlive the batch, and nothing writes to them.
        let mut batch = unsafe { Batch::lent_in_part(arrays, &[1, 1, 3, 12, 11], Box::new(()))? };
        batch.keep_features(Arc::clone(&cache), vec![1, 7], version, Some(vec![1]))?;
        Ok(batch)
    };
    model.evaluate_batch(&batch(1)?, &mut Meter::new())?;
    assert_eq!(cache.used().clips, 3);
    model.set_frozen("cnn.conv1", false)?;
    let failed = model.evaluate_batch(&batch(1)?, &mut Meter::new());
    assert!(matches!(failed, Err(Error::Internal { .. })), "{failed:?}");
    Ok(())
}
