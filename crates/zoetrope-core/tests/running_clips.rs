//! Answers while a clip runs: after each frame those of the clip so far, whatever other clips run beside it.

#![allow(missing_docs)]

mod common;

use common::{Numbers, TestResult, assert_close, assert_same_bits, batch_of, config, seeded};
use serde_json::{Value, json};
use tch::{Kind, Tensor};
use zoetrope_core::{
    Arrays, Batch, CnnLstm, Cut, Error, Inputs, Meter, ModelConfig, PrefixMeter, RunningClip, TargetValues, Targets,
};

const OUTPUTS: i64 = 3;
const TIME: i64 = 9;

/// Every input that does not look ahead, with every pooling, head, cell and number of layers.
fn configurations() -> TestResult<Vec<(String, ModelConfig)>> {
    let block = |options: Value| {
        let mut block = json!({
            "outChannels": 3, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": 2,
        });
        if let (Some(block), Some(options)) = (block.as_object_mut(), options.as_object()) {
            block.extend(options.clone());
        }
        block
    };
    let step = block(json!({ "kernelSize": 1, "padding": 0, "maxPool": null, "norm": "batch", "residual": true }));
    let inputs = [
        (
            "frames",
            json!({ "input": { "channels": 1, "height": 4, "width": 5 }, "cnn": [block(json!({}))] }),
        ),
        (
            "normalised frames",
            json!({
                "input": { "channels": 2, "height": 6, "width": 4 }, "globalPool": "average",
                "normalize": { "mean": [0.3, 0.4], "std": [0.2, 0.5] },
                "cnn": [block(json!({ "norm": "batch", "activation": "silu", "dropout": 0.5 })), block(json!({}))],
            }),
        ),
        (
            "vectors",
            json!({ "input": { "features": 5 }, "cnn": [step], "projection": 4, "dropout": 0.3 }),
        ),
    ];
    let answers = [
        ("clip", "last"),
        ("clip", "mean"),
        ("clip", "max"),
        ("clip", "attention"),
        ("frame", "last"),
    ];
    let mut all = Vec::new();
    for (per, pooling) in answers {
        for head in ["classification", "multiLabel", "regression"] {
            for (cell, layers) in [("lstm", 1), ("lstm", 3), ("gru", 2)] {
                for (input, json) in &inputs {
                    let mut json = json.clone();
                    let is_regression = head == "regression";
                    json["numClasses"] = json!(if is_regression { 0 } else { OUTPUTS });
                    json["pooling"] = json!(pooling);
                    json["head"] = json!({
                        "kind": head, "per": per, "outputs": if is_regression { json!(OUTPUTS) } else { Value::Null },
                    });
                    json["lstm"] = json!({
                        "cell": cell, "hiddenSize": 4, "numLayers": layers, "dropout": 0.2, "bidirectional": false,
                    });
                    all.push((format!("{input} {head} {per} {pooling} {cell} {layers}"), config(json)?));
                }
            }
        }
    }
    Ok(all)
}

fn is_per_frame(config: &ModelConfig) -> bool {
    json!(config.head.per) == json!("frame")
}

/// Random clips of `[batch, TIME, …]`, floats or bytes.
fn clips(config: &ModelConfig, batch: i64, kind: Kind) -> Tensor {
    let shape = [vec![batch, TIME], config.input.sizes()].concat();
    let mut numbers = Numbers(7);
    let values: Vec<f64> = (0..shape.iter().product()).map(|_: i64| numbers.next_unit()).collect();
    let unit = Tensor::from_slice(&values).view(shape.as_slice());
    if kind == Kind::Uint8 {
        (unit * 256.0).to_kind(kind)
    } else {
        (unit * 4.0 - 2.0).to_kind(kind)
    }
}

/// What the whole clips are answered with after their first `frames` frames, `[batch, outputs]`.
fn answer(model: &CnnLstm, clips: &Tensor, frames: i64) -> TestResult<Tensor> {
    let logits = model.logits(&batch_of(&clips.narrow(1, 0, frames), None)?)?;
    Ok(if is_per_frame(model.config()) {
        logits.select(1, frames - 1)
    } else {
        logits
    })
}

/// The next frame of each clip, one push for all of them.
fn push_all(model: &CnnLstm, frames: &Tensor, clips: &mut [RunningClip]) -> TestResult<Tensor> {
    let mut clips: Vec<&mut RunningClip> = clips.iter_mut().collect();
    Ok(model.push(&batch_of(frames, None)?, &mut clips)?)
}

fn begin(model: &CnnLstm, count: usize) -> TestResult<Vec<RunningClip>> {
    Ok((0..count).map(|_| model.begin_clip()).collect::<Result<_, _>>()?)
}

#[test]
fn the_answer_so_far_is_that_of_the_clip_so_far() -> TestResult {
    for (name, config) in configurations()? {
        let model = seeded(&config, 3)?;
        for kind in [Kind::Float, Kind::Uint8] {
            let clips = clips(&config, 3, kind);
            let mut together = begin(&model, 3)?;
            let mut alone = begin(&model, 1)?;
            for time in 0..TIME {
                let frames = clips.select(1, time);
                let expected = answer(&model, &clips, time + 1)?;
                let name = format!("{name} after {time}");
                let answers = push_all(&model, &frames, &mut together)?;
                assert_close(&name, &answers, &expected, 1e-6);
                let own = push_all(&model, &frames.narrow(0, 1, 1), &mut alone)?;
                assert_close(&name, &own, &expected.narrow(0, 1, 1), 1e-6);
            }
        }
    }
    Ok(())
}

/// Whole clips as they are computed at once: a frame changes no answer before its own, not by one bit.
#[test]
fn a_frame_changes_nothing_before_it() -> TestResult {
    for (name, config) in configurations()?.into_iter().filter(|(_, config)| is_per_frame(config)) {
        let model = seeded(&config, 3)?;
        let clips = clips(&config, 2, Kind::Float);
        let before = model.logits(&batch_of(&clips, None)?)?;
        for time in 1..TIME {
            let changed = clips.copy();
            let _ = changed
                .narrow(1, time, TIME - time)
                .fill_(if time % 2 == 0 { f64::NAN } else { 3.0 });
            let after = model.logits(&batch_of(&changed, None)?)?;
            let first = |outputs: &Tensor| outputs.narrow(1, 0, time).contiguous();
            assert_same_bits(&format!("{name} before {time}"), &first(&after), &first(&before));
            let own = after.select(1, time);
            assert!(
                time % 2 == 1 || bool::try_from(own.isnan().all())?,
                "{name} at {time}: {own}"
            );
        }
    }
    Ok(())
}

/// A NaN stays in the answers of its own clip, from its frame on.
#[test]
fn nan_stays_in_its_clip() -> TestResult {
    for (name, config) in configurations()? {
        let model = seeded(&config, 3)?;
        let clips = clips(&config, 3, Kind::Float);
        let _ = clips.select(0, 1).select(0, 2).fill_(f64::NAN);
        let mut together = begin(&model, 3)?;
        for time in 0..4 {
            let answers = push_all(&model, &clips.select(1, time), &mut together)?;
            let expected = answer(&model, &clips, time + 1)?;
            assert_eq!(answers.isnan(), expected.isnan(), "{name} after {time}");
            assert_close(
                &name,
                &answers.nan_to_num(0.0, None, None),
                &expected.nan_to_num(0.0, None, None),
                1e-6,
            );
        }
        let after = push_all(&model, &clips.select(1, 4), &mut together)?;
        assert!(bool::try_from(after.select(0, 1).isnan().all())?, "{name}: {after}");
    }
    Ok(())
}

/// A push that is refused leaves the clips as they were.
#[test]
fn what_does_not_fit_is_refused() -> TestResult {
    let (_, config) = &configurations()?[0];
    let model = seeded(config, 3)?;
    let clips = clips(config, 2, Kind::Float);
    let mut running = begin(&model, 2)?;
    let _answers = push_all(&model, &clips.select(1, 0), &mut running)?;
    for wrong in [
        clips.narrow(1, 0, 2),
        clips.select(1, 0).narrow(0, 0, 1),
        clips.select(1, 0).narrow(2, 0, 3),
    ] {
        let refused = push_all(&model, &wrong, &mut running);
        assert!(refused.is_err(), "{:?}", wrong.size());
    }
    let answers = push_all(&model, &clips.select(1, 1), &mut running)?;
    assert_close("after the refusals", &answers, &answer(&model, &clips, 2)?, 1e-6);
    Ok(())
}

#[test]
fn models_that_look_ahead_have_no_running_clips() -> TestResult {
    let vectors = |bidirectional: bool, kernel_size: i64| {
        config(json!({
            "input": { "features": 5 }, "numClasses": 2,
            "cnn": [{
                "outChannels": 3, "kernelSize": kernel_size, "stride": 1, "padding": (kernel_size - 1) / 2,
                "activation": "relu", "maxPool": null,
            }],
            "lstm": { "hiddenSize": 4, "numLayers": 1, "dropout": 0.0, "bidirectional": bidirectional },
        }))
    };
    let refused = |config: ModelConfig| match seeded(&config, 0).map(|model| model.begin_clip()) {
        Ok(Err(Error::InvalidConfig { option, .. })) => option,
        _ => "nothing".to_owned(),
    };
    assert_eq!(refused(vectors(true, 1)?), "lstm.bidirectional");
    assert_eq!(refused(vectors(false, 3)?), "cnn[0].kernelSize");
    assert_eq!(refused(vectors(false, 1)?), "nothing");
    Ok(())
}

/// Targets of the model's head for `[batch, TIME]`.
fn targets(config: &ModelConfig, batch: i64) -> (Vec<f32>, Vec<i64>) {
    let is_classes = json!(config.head.kind) == json!("classification");
    let mut shape = vec![batch];
    shape.extend(is_per_frame(config).then_some(TIME));
    shape.extend((!is_classes).then_some(OUTPUTS));
    let mut numbers = Numbers(9);
    let largest = if is_classes { OUTPUTS } else { 2 };
    let values = (0..shape.iter().product())
        .map(|_: i64| (numbers.next_unit() * largest as f64).floor() as f32)
        .collect();
    (values, shape)
}

/// One pass over the clips gives the metrics of a test on clips that are cut, also where each cut is a pass.
#[test]
fn metrics_of_prefixes_are_those_of_cut_clips() -> TestResult {
    let lengths = [4, 9, 1, 6];
    let cuts = [
        Cut::Frames(1),
        Cut::Frames(5),
        Cut::Frames(20),
        Cut::Share(0.5),
        Cut::Share(1.0),
    ];
    for (name, mut config) in configurations()? {
        for bidirectional in [false, true] {
            config.lstm.bidirectional = bidirectional;
            let model = seeded(&config, 3)?;
            let values = Vec::<f32>::try_from(clips(&config, 4, Kind::Float).flatten(0, -1))?;
            let (targets, target_shape) = targets(&config, 4);
            let shape = [vec![4, TIME], config.input.sizes()].concat();
            let of = |lengths: Option<&[i64]>| {
                Batch::from_arrays(Arrays {
                    inputs: Inputs::F32(&values),
                    shape: &shape,
                    lengths,
                    targets: Some(Targets {
                        values: TargetValues::Floats(&targets),
                        shape: &target_shape,
                        ..Targets::default()
                    }),
                })
            };
            for own in [Some(lengths.as_slice()), None] {
                let mut meter = PrefixMeter::new(cuts.to_vec());
                let mut last = Meter::new();
                model.evaluate_prefixes(&of(own)?, &mut meter, &mut last)?;
                assert_eq!(meter.read()?.last(), Some(&last.read()?), "{name}");
                for (cut, metrics) in cuts.iter().zip(meter.read()?) {
                    let cut: Vec<i64> = own.unwrap_or(&[TIME; 4]).iter().map(|&length| cut.of(length)).collect();
                    let mut expected = Meter::new();
                    model.evaluate_batch(&of(Some(&cut))?, &mut expected)?;
                    let expected = expected.read()?;
                    let name = format!("{name} {bidirectional} {cut:?}");
                    assert_eq!(metrics.correct, expected.correct, "{name}");
                    assert_eq!(metrics.samples, 4, "{name}");
                    assert_eq!(metrics.predictions, expected.predictions, "{name}");
                    assert!(
                        (metrics.loss - expected.loss).abs() < 1e-5,
                        "{name}: {metrics:?} {expected:?}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn shares_are_rounded_up_to_whole_frames() {
    let of = |share: f64, length: i64| Cut::Share(share).of(length);
    assert_eq!(
        [of(0.1, 30), of(0.5, 5), of(0.01, 5), of(1.0, 7), of(0.7, 10)],
        [3, 3, 1, 7, 7]
    );
    assert_eq!([Cut::Frames(3).of(2), Cut::Frames(3).of(9)], [2, 3]);
}
