//! What forecasts come to: figures by hand, units, gradients, and what is refused.

#![allow(missing_docs)]

mod common;

use common::forecasts::{FEATURES, TIME, clips, evaluated, forecast, frames, model, numbers, vectors};
use common::{TestResult, assert_close};
use serde_json::json;
use tch::{Kind, Tensor};
use zoetrope_core::{Arrays, Batch, CnnLstm, Error, Inputs, Meter, StepSampling, TargetValues, Targets};

/// Persistence, the season and the scale of MASE by hand.
#[test]
fn forecasts_without_a_model_are_those_of_the_textbook() -> TestResult {
    let options = json!({ "forecast": { "horizon": 3, "season": 2, "features": [1] } });
    let model = vectors("direct", "mse", &options)?;
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
        let plain = vectors(mode, "mse", &json!({}))?;
        let normalize = json!({ "mean": [100.0, 100.0, 100.0], "std": [50.0, 50.0, 50.0] });
        let normalised = vectors(mode, "mse", &json!({ "normalize": normalize }))?;
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
    let model = vectors("direct", "bce", &json!({ "forecast": { "season": 3 } }))?;
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
        assert!(vectors(mode, "mse", &options).is_err(), "{mode} {options}");
    }
    let over_time = json!([{
        "outChannels": 3, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": null,
    }]);
    assert!(model(&json!({ "features": 3 }), &over_time, "recursive", "mse", &json!({})).is_err());
    assert!(model(&json!({ "features": 3 }), &over_time, "direct", "mse", &json!({})).is_ok());
    let direct = vectors("direct", "mse", &json!({}))?;
    let batch = clips(&direct, &numbers(12, TIME * FEATURES), TIME, None)?;
    assert!(direct.forecast(&batch, 3, None, &|| Ok(())).is_err());
    let seeds = vec![0];
    let sampling = StepSampling {
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
