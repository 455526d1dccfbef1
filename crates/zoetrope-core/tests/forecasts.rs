//! Forecasts know the past only, whatever stands beside, behind or after a clip.

#![allow(missing_docs)]

mod common;

use common::{Numbers, TestResult, assert_close, assert_same_bits, config, relative_error, seeded};
use serde_json::{Value, json};
use tch::{Kind, Tensor};
use zoetrope_core::{Arrays, Batch, CnnLstm, Error, Inputs, Meter, Metrics, Sampling, TargetValues, Targets};

const FEATURES: i64 = 3;
const TIME: i64 = 6;

/// A forecast of vectors.
fn vectors(mode: &str, loss: &str, options: Value) -> TestResult<CnnLstm> {
    model(json!({ "features": FEATURES }), json!([]), mode, loss, options)
}

/// A forecast of frames of odd sizes, pooled and strided.
fn frames(mode: &str, loss: &str) -> TestResult<CnnLstm> {
    let block = |stride: i64, max_pool: Value| {
        json!({
            "outChannels": 3, "kernelSize": 3, "stride": stride, "padding": 1, "activation": "relu", "maxPool": max_pool,
        })
    };
    let cnn = json!([block(1, json!(2)), block(2, Value::Null)]);
    let input = json!({ "channels": 1, "height": 7, "width": 5 });
    model(input, cnn, mode, loss, json!({}))
}

fn model(input: Value, cnn: Value, mode: &str, loss: &str, options: Value) -> TestResult<CnnLstm> {
    let mut forecast = json!({ "horizon": 2, "mode": mode });
    let mut lstm = json!({ "hiddenSize": 4, "numLayers": 2, "dropout": 0.0, "bidirectional": false });
    for (object, key) in [(&mut forecast, "forecast"), (&mut lstm, "lstm")] {
        if let (Some(object), Some(options)) = (object.as_object_mut(), options[key].as_object()) {
            object.extend(options.clone());
        }
    }
    let head = json!({ "kind": "forecast", "loss": loss, "forecast": forecast });
    let json = json!({ "input": input, "cnn": cnn, "lstm": lstm, "head": head, "normalize": options["normalize"] });
    seeded(&config(json)?, 3)
}

/// Every mode, loss, cell and kind of step.
fn all() -> TestResult<Vec<(String, CnnLstm)>> {
    let mut models = Vec::new();
    for mode in ["direct", "recursive"] {
        for loss in ["mse", "smoothL1", "bce"] {
            for cell in ["lstm", "gru"] {
                let options = json!({ "lstm": { "cell": cell } });
                models.push((format!("{mode} {loss} {cell}"), vectors(mode, loss, options)?));
            }
            models.push((format!("frames {mode} {loss}"), frames(mode, loss)?));
        }
    }
    Ok(models)
}

/// Numbers from 0 to 1.
fn numbers(seed: u64, count: i64) -> Vec<f32> {
    let mut numbers = Numbers(seed);
    (0..count).map(|_| numbers.next_unit() as f32).collect()
}

fn step_of(model: &CnnLstm) -> Vec<i64> {
    model.config().input.sizes()
}

fn clips(model: &CnnLstm, values: &[f32], time: i64, lengths: Option<&[i64]>) -> TestResult<Batch> {
    let step = step_of(model);
    let batch = values.len() as i64 / (time * step.iter().product::<i64>());
    Ok(Batch::from_arrays(Arrays {
        inputs: Inputs::F32(values),
        shape: &[&[batch, time], step.as_slice()].concat(),
        lengths,
        targets: None,
    })?)
}

fn forecast(model: &CnnLstm, batch: &Batch, steps: i64) -> TestResult<Tensor> {
    Ok(model.forecast(batch, steps, None, &|| Ok(()))?)
}

fn evaluated(model: &CnnLstm, batch: &Batch) -> TestResult<Metrics> {
    let mut meter = Meter::new();
    model.evaluate_batch(batch, &mut meter)?;
    Ok(meter.read()?)
}

fn size_of(model: &CnnLstm) -> i64 {
    step_of(model).iter().product()
}

/// Of a recursive forecast, what is said after each frame does not know the frames behind it.
#[test]
fn a_later_frame_changes_nothing_before_it() -> TestResult {
    for (name, model) in all()?.into_iter().filter(|(name, _)| name.contains("recursive")) {
        let size = size_of(&model);
        let values = numbers(1, 2 * TIME * size);
        let before = model.logits(&clips(&model, &values, TIME, None)?)?;
        for changed in 1..TIME {
            let mut others = values.clone();
            for clip in 0..2 {
                let begin = (clip * TIME + changed) * size;
                for value in &mut others[begin as usize..(begin + size) as usize] {
                    *value = 1.0 - *value;
                }
            }
            let after = model.logits(&clips(&model, &others, TIME, None)?)?;
            let until = |outputs: &Tensor, end: i64| outputs.narrow(1, 0, end);
            assert_same_bits(&name, &until(&after, changed), &until(&before, changed));
            assert!(relative_error(&after, &before) > 0.0, "{name}: the frame itself counts");
        }
    }
    Ok(())
}

/// The loss of teacher forcing is that of the forecasts of one step from each beginning of the clip, which cannot see more.
#[test]
fn teacher_forcing_uses_nothing_of_the_future() -> TestResult {
    for (name, model) in all()?.into_iter().filter(|(name, _)| name.contains("recursive mse")) {
        let size = size_of(&model);
        let values = numbers(2, TIME * size);
        let (loss, _gradients) = model.loss_and_gradients(&clips(&model, &values, TIME, None)?)?;
        let mut squares = 0.0;
        for known in 1..TIME {
            let beginning = clips(&model, &values[..(known * size) as usize], known, None)?;
            let next = Vec::<f32>::try_from(forecast(&model, &beginning, 1)?.flatten(0, -1))?;
            let truth = &values[(known * size) as usize..];
            squares += next
                .iter()
                .zip(truth)
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum::<f64>();
        }
        let expected = squares / ((TIME - 1) * size) as f64;
        assert!(
            (loss - expected).abs() < 1e-5 * expected,
            "{name}: {loss}, not {expected}"
        );
    }
    Ok(())
}

/// Losses, gradients, forecasts and figures of clips with lengths are those of each clip alone, whatever the padding holds.
#[test]
fn padding_and_other_clips_reach_nothing() -> TestResult {
    let lengths = [4, 6, 3];
    for (name, model) in all()? {
        let size = size_of(&model);
        let mut values = numbers(4, 3 * TIME * size);
        for (clip, length) in (0..).zip(lengths) {
            let (begin, end) = ((clip * TIME + length) * size, (clip + 1) * TIME * size);
            values[begin as usize..end as usize].fill(f32::NAN);
        }
        let together = clips(&model, &values, TIME, Some(&lengths))?;
        let steps = forecast(&model, &together, 2)?;
        let (loss, gradients) = model.loss_and_gradients(&together)?;
        assert!(
            loss.is_finite() && gradients.iter().all(|gradient| all_finite(gradient)),
            "{name}"
        );
        let metrics = evaluated(&model, &together)?;
        let (mut weighted, mut weight, mut errors) = (0.0, 0.0, vec![0.0; 8]);
        for (clip, length) in (0..).zip(lengths) {
            let begin = (clip * TIME * size) as usize;
            let own = &values[begin..begin + (length * size) as usize];
            let alone = clips(&model, own, length, None)?;
            assert_close(&name, &steps.narrow(0, clip, 1), &forecast(&model, &alone, 2)?, 1e-6);
            let figures = evaluated(&model, &alone)?;
            weighted += figures.loss * figures.predictions as f64;
            weight += figures.predictions as f64;
            let sums = figures.forecast.ok_or("no figures")?.sums;
            errors.iter_mut().zip(sums).for_each(|(sum, own)| *sum += own);
        }
        assert!((metrics.loss - weighted / weight).abs() < 1e-6, "{name}");
        let found = metrics.forecast.ok_or("no figures")?;
        assert_eq!(found.clips, 3);
        for (found, expected) in found.sums.iter().zip(&errors) {
            assert!(
                (found - expected).abs() < 1e-5 * expected.max(1.0),
                "{name}: {found}, not {expected}"
            );
        }
    }
    Ok(())
}

fn all_finite(tensor: &Tensor) -> bool {
    tensor.isfinite().all().int64_value(&[]) != 0
}

/// A target of one's own that says what the clip's own next steps would have said.
#[test]
fn own_targets_are_the_steps_behind_the_clip() -> TestResult {
    for (name, model) in all()? {
        let step = step_of(&model);
        let size = size_of(&model);
        let values = numbers(5, 2 * TIME * size);
        let whole = clips(&model, &values, TIME, None)?;
        let (mut context, mut following) = (Vec::new(), Vec::new());
        for clip in values.chunks((TIME * size) as usize) {
            let (read, behind) = clip.split_at(((TIME - 2) * size) as usize);
            context.extend_from_slice(read);
            context.extend(std::iter::repeat_n(f32::NAN, size as usize)); // a frame of padding
            following.extend_from_slice(behind);
        }
        let parted = Batch::from_arrays(Arrays {
            inputs: Inputs::F32(&context),
            shape: &[&[2, TIME - 1], step.as_slice()].concat(),
            lengths: Some(&[TIME - 2, TIME - 2]),
            targets: Some(Targets {
                values: TargetValues::Floats(&following),
                shape: &[&[2, 2], step.as_slice()].concat(),
                ..Targets::default()
            }),
        })?;
        let (expected, gradients) = model.loss_and_gradients(&whole)?;
        let (loss, found) = model.loss_and_gradients(&parted)?;
        assert!(
            (loss - expected).abs() < 1e-5 * expected,
            "{name}: {loss}, not {expected}"
        );
        for (found, expected) in found.iter().zip(&gradients) {
            assert_close(&name, found, expected, 1e-5);
        }
        let [whole, parted] = [evaluated(&model, &whole)?, evaluated(&model, &parted)?];
        let [whole, parted] = [whole.forecast.ok_or("none")?, parted.forecast.ok_or("none")?];
        for (found, expected) in parted.sums.iter().zip(&whole.sums) {
            assert!((found - expected).abs() < 1e-6 * expected.max(1.0), "{name}");
        }
    }
    Ok(())
}

/// The same seed gives the same steps in any batch; another seed gives others.
#[test]
fn draws_depend_on_the_clip_and_its_seed_alone() -> TestResult {
    let lengths = [4, 6, 3];
    for (name, model) in all()?.into_iter().filter(|(name, _)| name.contains("bce")) {
        let size = size_of(&model);
        let steps = if name.contains("recursive") { 9 } else { 2 };
        let values = numbers(6, 3 * TIME * size);
        let sample = |batch: &Batch, seeds: &[u64], temperature: f64| -> TestResult<Tensor> {
            let seeds = seeds.to_vec();
            Ok(model.forecast(batch, steps, Some(&Sampling { temperature, seeds }), &|| Ok(()))?)
        };
        let together = clips(&model, &values, TIME, Some(&lengths))?;
        let drawn = sample(&together, &[7, 7, 8], 1.0)?;
        assert!(
            drawn.eq_tensor(&drawn.round()).all().int64_value(&[]) != 0,
            "{name}: 0 and 1"
        );
        for (clip, (length, seed)) in (0..).zip(lengths.into_iter().zip([7, 7, 8])) {
            let begin = (clip * TIME * size) as usize;
            let own = &values[begin..begin + (length * size) as usize];
            let alone = sample(&clips(&model, own, length, None)?, &[seed], 1.0)?;
            assert_same_bits(&name, &drawn.narrow(0, clip, 1), &alone);
        }
        assert!(
            relative_error(&sample(&together, &[1, 2, 3], 1.0)?, &drawn) > 0.0,
            "{name}"
        );
        let cold = sample(&together, &[7, 7, 8], 1e-6)?;
        let likely = forecast(&model, &together, 1)?.narrow(1, 0, 1).round();
        assert_same_bits(&name, &cold.narrow(1, 0, 1), &likely);
    }
    Ok(())
}

/// Persistence, the season and the scale of MASE by hand.
#[test]
fn forecasts_without_a_model_are_those_of_the_textbook() -> TestResult {
    let options = json!({ "forecast": { "horizon": 3, "season": 2, "features": [1] } });
    let model = vectors("direct", "mse", options)?;
    // The feature that is forecast: 1, 2, 4, 8 are read; 3, 5, 7 come.
    let values: Vec<f32> = [1.0, 2.0, 4.0, 8.0, 3.0, 5.0, 7.0]
        .iter()
        .flat_map(|&y| [9.0, y, 9.0])
        .collect();
    let figures = evaluated(&model, &clips(&model, &values, 7, None)?)?
        .forecast
        .ok_or("none")?;
    let expected = [[5.0, 25.0], [3.0, 9.0], [1.0, 1.0]].concat(); //       8 - 3, 8 - 5, 8 - 7
    assert_eq!(figures.sums[6..12], expected);
    let expected = [[1.0, 1.0], [3.0, 9.0], [3.0, 9.0]].concat(); //        4 - 3, 8 - 5, 4 - 7
    assert_eq!(figures.sums[12..18], expected);
    assert!((figures.differences - 9.0).abs() < 1e-12); //                  4 - 1 and 8 - 2
    assert_eq!((figures.num_differences, figures.numbers, figures.clips), (2, 1, 1));
    Ok(())
}

/// Inputs a hundred times as large, with a normalisation that undoes that, give the same loss and steps a hundred times as
/// large.
#[test]
fn a_normalised_forecast_is_in_the_units_of_the_data() -> TestResult {
    for mode in ["direct", "recursive"] {
        let plain = vectors(mode, "mse", json!({}))?;
        let normalize = json!({ "mean": [100.0, 100.0, 100.0], "std": [50.0, 50.0, 50.0] });
        let normalised = vectors(mode, "mse", json!({ "normalize": normalize }))?;
        let values = numbers(8, 2 * TIME * FEATURES);
        let large: Vec<f32> = values.iter().map(|value| value * 50.0 + 100.0).collect();
        let [small, large] = [
            (&plain, clips(&plain, &values, TIME, None)?),
            (&normalised, clips(&normalised, &large, TIME, None)?),
        ];
        let losses = [
            small.0.loss_and_gradients(&small.1)?.0,
            large.0.loss_and_gradients(&large.1)?.0,
        ];
        assert!((losses[0] - losses[1]).abs() < 1e-4 * losses[0], "{losses:?}");
        let expected = forecast(small.0, &small.1, 2)? * 50.0 + 100.0;
        assert_close(mode, &forecast(large.0, &large.1, 2)?, &expected, 1e-5);
    }
    Ok(())
}

#[test]
fn bytes_are_probabilities() -> TestResult {
    for mode in ["direct", "recursive"] {
        let model = frames(mode, "bce")?;
        let bytes: Vec<u8> = numbers(9, 2 * TIME * 35)
            .iter()
            .map(|value| (value * 255.0) as u8)
            .collect();
        let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let batch = Batch::new(Inputs::U8(&bytes), &[2, TIME, 1, 7, 5], None)?;
        let expected = clips(&model, &floats, TIME, None)?;
        assert_close(
            mode,
            &forecast(&model, &batch, 2)?,
            &forecast(&model, &expected, 2)?,
            1e-6,
        );
        let losses = [&batch, &expected].map(|batch| evaluated(&model, batch).map(|metrics| metrics.loss));
        let [ours, theirs] = losses;
        assert!((ours? - theirs?).abs() < 1e-6);
    }
    Ok(())
}

/// Central differences in float64 of a few values of every parameter.
#[test]
fn gradients_are_those_of_the_loss() -> TestResult {
    for mode in ["direct", "recursive"] {
        for loss in ["mse", "bce"] {
            let mut model = frames(mode, loss)?;
            model.to_double()?;
            let values = numbers(10, 2 * TIME * 35);
            let batch = clips(&model, &values, TIME, Some(&[6, 4]))?;
            let (_loss, gradients) = model.loss_and_gradients(&batch)?;
            for (parameter, gradient) in model.parameters().iter().zip(&gradients) {
                let count = parameter.tensor.numel() as i64;
                for at in [0, count / 2, count - 1] {
                    let mut flat = parameter.tensor.detach().flatten(0, -1);
                    let mut shifted = |by: f64| -> TestResult<f64> {
                        let value = flat.double_value(&[at]);
                        let _ = flat.get(at).fill_(value + by);
                        let loss = model.loss_and_gradients(&batch)?.0;
                        let _ = flat.get(at).fill_(value);
                        flat = parameter.tensor.detach().flatten(0, -1);
                        Ok(loss)
                    };
                    let slope = (shifted(1e-5)? - shifted(-1e-5)?) / 2e-5;
                    let found = gradient.flatten(0, -1).double_value(&[at]);
                    let name = &parameter.name;
                    assert!(
                        (slope - found).abs() < 1e-7 + 1e-5 * found.abs(),
                        "{mode} {loss} {name}: {found}, {slope}"
                    );
                }
            }
        }
    }
    Ok(())
}

#[test]
fn wrong_data_is_refused_by_name() -> TestResult {
    let reason = |result: zoetrope_core::Result<(f64, Vec<Tensor>)>| match result {
        Err(Error::Data { reason }) => reason,
        other => format!("no data error: {:?}", other.map(|(loss, _)| loss)),
    };
    let model = vectors("direct", "bce", json!({ "forecast": { "season": 3 } }))?;
    let values = numbers(11, 2 * TIME * FEATURES);
    let learn = |model: &CnnLstm, values: &[f32], lengths: &[i64]| -> TestResult<String> {
        Ok(reason(model.loss_and_gradients(&clips(
            model,
            values,
            TIME,
            Some(lengths),
        )?)))
    };
    let short = learn(&model, &values, &[6, 2])?;
    assert!(
        short.contains("at least 3 valid steps") && short.contains("sample 1"),
        "{short}"
    );
    let mut meter = Meter::new();
    let tested = model.evaluate_batch(&clips(&model, &values, TIME, Some(&[6, 4]))?, &mut meter);
    let tested = tested.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(
        tested.contains("at least 5 valid steps") && tested.contains("a season of 3"),
        "{tested}"
    );
    for wrong in [-0.1, 1.1, f32::NAN] {
        let mut values = values.clone();
        values[(TIME * FEATURES + 4) as usize] = wrong;
        let refused = learn(&model, &values, &[6, 6])?;
        assert!(
            refused.contains("from 0 to 1") && refused.contains("sample 1"),
            "{refused}"
        );
        values[(TIME * FEATURES + 4) as usize] = 0.5;
        values[(TIME * FEATURES - 1) as usize] = wrong; //                  padding
        assert!(
            model
                .loss_and_gradients(&clips(&model, &values, TIME, Some(&[5, 6]))?)
                .is_ok()
        );
    }
    for (size, value) in [(FEATURES, 2.0), (FEATURES + 1, 0.5)] {
        let targets = vec![value; (2 * 2 * size) as usize];
        let batch = Batch::from_arrays(Arrays {
            inputs: Inputs::F32(&values),
            shape: &[2, TIME, FEATURES],
            lengths: None,
            targets: Some(Targets {
                values: TargetValues::Floats(&targets),
                shape: &[2, 2, size],
                ..Targets::default()
            }),
        })?;
        let refused = model.loss_and_gradients(&batch).err().map(|error| error.code());
        assert_eq!(
            refused,
            Some(if size == FEATURES {
                "ERR_DATA"
            } else {
                "ERR_SHAPE_MISMATCH"
            })
        );
    }
    Ok(())
}

#[test]
fn wrong_options_are_refused() -> TestResult {
    let wrong = [
        ("recursive", json!({ "lstm": { "bidirectional": true } })),
        ("recursive", json!({ "forecast": { "features": [0] } })),
        ("direct", json!({ "forecast": { "features": [3] } })),
        ("direct", json!({ "forecast": { "features": [0, 0] } })),
        ("direct", json!({ "forecast": { "features": [] } })),
        ("direct", json!({ "forecast": { "horizon": 0 } })),
        ("direct", json!({ "forecast": { "season": 0 } })),
    ];
    for (mode, options) in wrong {
        assert!(vectors(mode, "mse", options.clone()).is_err(), "{mode} {options}");
    }
    let over_time = json!([{
        "outChannels": 3, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": null,
    }]);
    assert!(
        model(
            json!({ "features": 3 }),
            over_time.clone(),
            "recursive",
            "mse",
            json!({})
        )
        .is_err()
    );
    assert!(model(json!({ "features": 3 }), over_time, "direct", "mse", json!({})).is_ok());
    let direct = vectors("direct", "mse", json!({}))?;
    let batch = clips(&direct, &numbers(12, TIME * FEATURES), TIME, None)?;
    assert!(direct.forecast(&batch, 3, None, &|| Ok(())).is_err());
    let seeds = vec![0];
    let sampling = Sampling {
        temperature: 1.0,
        seeds,
    };
    assert!(direct.forecast(&batch, 1, Some(&sampling), &|| Ok(())).is_err());
    let stopped = direct.forecast(&batch, 1, None, &|| Err(Error::Aborted));
    assert!(matches!(stopped, Err(Error::Aborted)));
    assert_eq!(direct.predict(&batch)?.size(), [1, 2, FEATURES]);
    assert_eq!(direct.predict(&batch)?.kind(), Kind::Float);
    Ok(())
}
