//! Clips of different lengths in one batch: a clip's answer is its own, whatever stands beside or after it.

#![allow(missing_docs)]

mod common;

use common::{Numbers, TestResult, assert_close, config, seeded};
use serde_json::{Value, json};
use tch::Tensor;
use zoetrope_core::{Arrays, Batch, CnnLstm, Error, Inputs, Meter, ModelConfig, TargetValues, Targets};

const FEATURES: i64 = 5;
const OUTPUTS: i64 = 3;
const LENGTHS: [i64; 5] = [4, 7, 1, 6, 7];

/// Every kind of input, head, pooling, direction, cell and number of layers.
fn configurations() -> TestResult<Vec<(String, ModelConfig)>> {
    let block = json!({
        "outChannels": 3, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": 2,
    });
    let frames = json!({ "input": { "channels": 1, "height": 4, "width": 5 }, "cnn": [block] });
    let vectors = json!({ "input": { "features": FEATURES }, "cnn": [], "projection": 4 });
    let over_time = |options: Value| {
        let mut block = json!({
            "outChannels": 4, "kernelSize": 3, "stride": 1, "padding": 1, "residual": true, "activation": "gelu",
            "maxPool": null,
        });
        if let (Some(block), Some(options)) = (block.as_object_mut(), options.as_object()) {
            block.extend(options.clone());
        }
        block
    };
    let convolved = json!({
        "input": { "features": FEATURES },
        "cnn": [
            over_time(json!({ "norm": "layer" })),
            over_time(json!({ "kernelSize": 5, "dilation": 2, "padding": 4 })),
        ],
    });
    let mut all = Vec::new();
    for (kind, pooling) in [
        ("clip", "last"),
        ("clip", "mean"),
        ("clip", "max"),
        ("clip", "attention"),
        ("frame", "last"),
    ] {
        for head in ["classification", "multiLabel", "regression"] {
            for (layers, bidirectional, cell) in [
                (1, false, "lstm"),
                (1, true, "lstm"),
                (2, true, "lstm"),
                (2, false, "lstm"),
                (1, false, "gru"),
                (2, true, "gru"),
            ] {
                let inputs = [
                    ("frames", &frames),
                    ("vectors", &vectors),
                    ("convolved vectors", &convolved),
                ];
                for (input, mut json) in inputs.map(|(input, json)| (input, json.clone())) {
                    let name = format!("{input} {head} {kind} {pooling} {cell} {layers} {bidirectional}");
                    let is_regression = head == "regression";
                    json["numClasses"] = json!(if is_regression { 0 } else { OUTPUTS });
                    json["pooling"] = json!(pooling);
                    json["head"] = json!({
                        "kind": head, "per": kind, "outputs": if is_regression { json!(OUTPUTS) } else { Value::Null },
                    });
                    json["lstm"] = json!({
                        "cell": cell, "hiddenSize": 4, "numLayers": layers, "dropout": 0.0,
                        "bidirectional": bidirectional,
                    });
                    all.push((name, config(json)?));
                }
            }
        }
    }
    Ok(all)
}

/// Random clips of `[batch, time, …]` for a configuration.
fn clips(config: &ModelConfig, seed: u64, batch: i64, time: i64) -> Tensor {
    let shape = [vec![batch, time], config.input.sizes()].concat();
    let mut numbers = Numbers(seed);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_: i64| (numbers.next_unit() * 2.0 - 1.0) as f32)
        .collect();
    Tensor::from_slice(&values).view(shape.as_slice())
}

/// Targets of a configuration's head for `[batch, time]`.
fn targets(config: &ModelConfig, seed: u64, batch: i64, time: i64) -> (Vec<f32>, Vec<i64>) {
    let per_frame = json!(config.head.per) == json!("frame");
    let is_classes = json!(config.head.kind) == json!("classification");
    let mut shape = vec![batch];
    if per_frame {
        shape.push(time);
    }
    if !is_classes {
        shape.push(OUTPUTS);
    }
    let mut numbers = Numbers(seed);
    let largest = if is_classes { OUTPUTS } else { 2 };
    let values = (0..shape.iter().product())
        .map(|_: i64| (numbers.next_unit() * largest as f64).floor() as f32)
        .collect();
    (values, shape)
}

fn batch(inputs: &Tensor, lengths: Option<&[i64]>, targets: Option<(&[f32], &[i64])>) -> TestResult<Batch> {
    let values = Vec::<f32>::try_from(inputs.flatten(0, -1))?;
    Ok(Batch::from_arrays(Arrays {
        inputs: Inputs::F32(&values),
        shape: &inputs.size(),
        lengths,
        targets: targets.map(|(values, shape)| Targets {
            values: TargetValues::Floats(values),
            shape,
            ..Targets::default()
        }),
    })?)
}

/// Clips of [`LENGTHS`] with this in the padding.
fn padded(config: &ModelConfig, time: i64, padding: f64) -> Tensor {
    let clips = clips(config, 5, LENGTHS.len() as i64, time.max(7))
        .narrow(1, 0, time)
        .copy();
    for (clip, &length) in (0..).zip(&LENGTHS) {
        let _ = clips.get(clip).narrow(0, length, time - length).fill_(padding);
    }
    clips
}

/// What a clip is answered with when it is alone and has no padding.
fn alone(model: &CnnLstm, clips: &Tensor, clip: i64) -> TestResult<Tensor> {
    let own = clips.narrow(0, clip, 1).narrow(1, 0, LENGTHS[clip as usize]);
    Ok(model.logits(&batch(&own, None, None)?)?)
}

#[test]
fn an_answer_depends_on_the_clips_own_frames_alone() -> TestResult {
    for (name, config) in configurations()? {
        let model = seeded(&config, 3)?;
        let clips = padded(&config, 7, 0.0);
        let expected: Vec<Tensor> = (0..5)
            .map(|clip| alone(&model, &clips, clip))
            .collect::<TestResult<_>>()?;
        for (time, padding) in [(7, 0.0), (7, f64::NAN), (7, 1e30), (12, f64::NAN)] {
            let mut padded = padded(&config, 7, padding);
            if time > 7 {
                let shape = [vec![5, time - 7], config.input.sizes()].concat();
                let more = Tensor::full(shape.as_slice(), padding, (tch::Kind::Float, tch::Device::Cpu));
                padded = Tensor::cat(&[padded, more], 1);
            }
            let logits = model.logits(&batch(&padded, Some(&LENGTHS), None)?)?;
            for clip in 0..5 {
                let mut actual = logits.narrow(0, clip, 1);
                if actual.dim() == 3 {
                    assert_eq!(actual.size()[1], time, "{name}");
                    let rest = actual.narrow(1, LENGTHS[clip as usize], time - LENGTHS[clip as usize]);
                    assert!(rest.count_nonzero(None).int64_value(&[]) == 0, "{name}: padding");
                    actual = actual.narrow(1, 0, LENGTHS[clip as usize]);
                }
                let what = format!("{name}, {padding} up to {time}: clip {clip}");
                assert_close(&what, &actual, &expected[clip as usize], 1e-6);
            }
        }
        let pair = Tensor::cat(&[clips.narrow(0, 0, 1), clips.narrow(0, 2, 1) * f64::NAN], 0);
        let mut beside = model.logits(&batch(&pair, Some(&[4, 7]), None)?)?.narrow(0, 0, 1);
        if beside.dim() == 3 {
            beside = beside.narrow(1, 0, 4);
        }
        assert_close(&format!("{name}: beside NaN"), &beside, &expected[0], 1e-6);
    }
    Ok(())
}

#[test]
fn loss_and_gradients_do_not_see_the_padding() -> TestResult {
    for (name, config) in configurations()? {
        let model = seeded(&config, 4)?;
        let (mut values, shape) = targets(&config, 6, 5, 7);
        let gradients = |padding: f64, values: &[f32]| -> TestResult<(f64, Vec<Tensor>)> {
            let batch = batch(&padded(&config, 7, padding), Some(&LENGTHS), Some((values, &shape)))?;
            let mut meter = Meter::new();
            model.evaluate_batch(&batch, &mut meter)?;
            let (loss, gradients) = model.loss_and_gradients(&batch)?;
            let evaluated = meter.read()?;
            assert!(
                (evaluated.loss - loss).abs() <= 1e-5 * loss.abs(),
                "{name}: {evaluated:?}, {loss}"
            );
            let per_frame = shape.get(1) == Some(&7);
            assert_eq!(
                (evaluated.samples, evaluated.predictions),
                (5, if per_frame { 25 } else { 5 }),
                "{name}"
            );
            Ok((loss, gradients))
        };
        let (loss, expected) = gradients(0.0, &values)?;
        if shape.get(1) == Some(&7) {
            let rest = shape[2..].iter().product::<i64>();
            for (index, value) in values.iter_mut().enumerate() {
                let frame = index as i64 / rest;
                if frame % 7 >= LENGTHS[(frame / 7) as usize] {
                    *value = -9.0; //         no target that any head could learn
                }
            }
        }
        let (other_loss, actual) = gradients(f64::NAN, &values)?;
        assert_close(&format!("{name}: loss"), &other_loss.into(), &loss.into(), 1e-6);
        for ((parameter, actual), expected) in model.parameters().iter().zip(&actual).zip(&expected) {
            assert_close(
                &format!("{name}: gradient of {}", parameter.name),
                actual,
                expected,
                1e-6,
            );
        }
    }
    Ok(())
}

/// The engine's path against libtorch's own operations in float64.
#[test]
fn both_paths_agree() -> TestResult {
    for (name, config) in configurations()? {
        let model = seeded(&config, 5)?;
        let mut reference = seeded(&config, 5)?;
        reference.to_double()?;
        let (values, shape) = targets(&config, 8, 5, 7);
        let batch = batch(&padded(&config, 7, 3.0), Some(&LENGTHS), Some((&values, &shape)))?;
        assert_close(
            &format!("{name}: logits"),
            &model.logits(&batch)?,
            &reference.logits(&batch)?,
            1e-5,
        );
        let (loss, actual) = model.loss_and_gradients(&batch)?;
        let (expected_loss, expected) = reference.loss_and_gradients(&batch)?;
        assert_close(&format!("{name}: loss"), &loss.into(), &expected_loss.into(), 1e-5);
        for ((parameter, actual), expected) in model.parameters().iter().zip(&actual).zip(&expected) {
            if parameter.name == "attention.bias" {
                assert!(
                    actual.abs().double_value(&[0]) < 1e-6,
                    "{name}: a softmax does not see what all share"
                );
                continue;
            }
            assert_close(
                &format!("{name}: gradient of {}", parameter.name),
                actual,
                expected,
                1e-4,
            );
        }
    }
    Ok(())
}

fn configuration(begin: &str) -> TestResult<ModelConfig> {
    let found = configurations()?.into_iter().find(|(name, _)| name.starts_with(begin));
    Ok(found.ok_or("no such configuration")?.1)
}

fn code(outcome: std::result::Result<impl Sized, Error>) -> (&'static str, String) {
    outcome
        .err()
        .map_or(("none", String::new()), |error| (error.code(), error.to_string()))
}

#[test]
fn wrong_lengths_are_refused() {
    let inputs = vec![0.0_f32; 2 * 3 * 20];
    let make = |shape: &[i64], lengths: &[i64]| {
        code(Batch::from_arrays(Arrays {
            inputs: Inputs::F32(&inputs),
            shape,
            lengths: Some(lengths),
            targets: None,
        }))
    };
    let clips = [2, 3, 1, 4, 5];
    for (lengths, received) in [
        (&[0, 3], "0 for clip 0"),
        (&[3, -1], "-1 for clip 1"),
        (&[4, 1], "4 for clip 0"),
    ] {
        let (code, message) = make(&clips, lengths);
        assert_eq!(code, "ERR_DATA");
        assert!(message.starts_with("Expected lengths from 1 to 3"), "{message}");
        assert!(message.ends_with(received), "{message}");
    }
    assert_eq!(make(&clips, &[3]).0, "ERR_SHAPE_MISMATCH");
    assert_eq!(
        make(&[6, 1, 4, 5], &[1, 1, 1, 1, 1, 2]).0,
        "ERR_DATA",
        "no axis of time"
    );
}

/// Each head refuses what another one learns, by name, and learns on.
#[test]
fn targets_of_another_head_are_refused_and_the_model_is_intact() -> TestResult {
    let kinds = [
        "classification clip",
        "classification frame",
        "multiLabel clip",
        "multiLabel frame",
        "regression clip",
    ];
    for asked in kinds {
        let config = configuration(&format!("vectors {asked}"))?;
        let model = seeded(&config, 1)?;
        let clips = clips(&config, 2, 5, 7);
        for given in kinds {
            let (values, shape) = targets(&configuration(&format!("vectors {given}"))?, 3, 5, 7);
            let batch = batch(&clips, Some(&LENGTHS), Some((&values, &shape)))?;
            let (code, message) = code(model.loss_and_gradients(&batch));
            // Zeros and ones are numbers as well.
            let fits = asked == given || (asked, given) == ("regression clip", "multiLabel clip");
            let also = (asked, given) == ("multiLabel clip", "regression clip");
            assert_eq!(
                code,
                if fits || also { "none" } else { "ERR_SHAPE_MISMATCH" },
                "{asked}, {given}: {message}"
            );
        }
        let (mut values, shape) = targets(&config, 3, 5, 7);
        for wrong in [-1.0, 3.0, 0.5, f32::NAN, f32::INFINITY] {
            values[0] = wrong;
            let batch = batch(&clips, Some(&LENGTHS), Some((&values, &shape)))?;
            let (code, message) = code(model.loss_and_gradients(&batch));
            let fits = asked == "regression clip" && wrong.is_finite();
            assert_eq!(
                code,
                if fits { "none" } else { "ERR_DATA" },
                "{asked}, {wrong}: {message}"
            );
        }
        let (values, shape) = targets(&config, 3, 5, 7);
        assert!(
            model
                .loss_and_gradients(&batch(&clips, Some(&LENGTHS), Some((&values, &shape)))?)
                .is_ok()
        );
    }
    Ok(())
}
