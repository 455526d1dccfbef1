//! Models that forecast, clips for them, and what comes of both.

use serde_json::{Value, json};
use tch::Tensor;
use zoetrope_core::{Arrays, Batch, CnnLstm, Inputs, Meter, Metrics};

use super::{Numbers, TestResult, config, seeded};

pub const FEATURES: i64 = 3;
pub const TIME: i64 = 6;

/// A forecast of vectors.
pub fn vectors(mode: &str, loss: &str, options: &Value) -> TestResult<CnnLstm> {
    model(&json!({ "features": FEATURES }), &json!([]), mode, loss, options)
}

/// A forecast of frames of odd sizes, pooled and strided.
pub fn frames(mode: &str, loss: &str) -> TestResult<CnnLstm> {
    let block = |stride: i64, max_pool: Value| {
        json!({
            "outChannels": 3, "kernelSize": 3, "stride": stride, "padding": 1, "activation": "relu", "maxPool": max_pool,
        })
    };
    let cnn = json!([block(1, json!(2)), block(2, Value::Null)]);
    let input = json!({ "channels": 1, "height": 7, "width": 5 });
    model(&input, &cnn, mode, loss, &json!({}))
}

pub fn model(input: &Value, cnn: &Value, mode: &str, loss: &str, options: &Value) -> TestResult<CnnLstm> {
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
pub fn all() -> TestResult<Vec<(String, CnnLstm)>> {
    let mut models = Vec::new();
    for mode in ["direct", "recursive"] {
        for loss in ["mse", "smoothL1", "bce"] {
            for cell in ["lstm", "gru"] {
                let options = json!({ "lstm": { "cell": cell } });
                models.push((format!("{mode} {loss} {cell}"), vectors(mode, loss, &options)?));
            }
            models.push((format!("frames {mode} {loss}"), frames(mode, loss)?));
        }
    }
    Ok(models)
}

/// Numbers from 0 to 1.
pub fn numbers(seed: u64, count: i64) -> Vec<f32> {
    let mut numbers = Numbers(seed);
    (0..count).map(|_| numbers.next_unit() as f32).collect()
}

pub fn step_of(model: &CnnLstm) -> Vec<i64> {
    model.config().input.sizes()
}

pub fn clips(model: &CnnLstm, values: &[f32], time: i64, lengths: Option<&[i64]>) -> TestResult<Batch> {
    let step = step_of(model);
    let batch = values.len() as i64 / (time * step.iter().product::<i64>());
    Ok(Batch::from_arrays(Arrays {
        inputs: Inputs::F32(values),
        shape: &[&[batch, time], step.as_slice()].concat(),
        lengths,
        targets: None,
    })?)
}

pub fn forecast(model: &CnnLstm, batch: &Batch, steps: i64) -> TestResult<Tensor> {
    Ok(model.forecast(batch, steps, None, &|| Ok(()))?)
}

pub fn evaluated(model: &CnnLstm, batch: &Batch) -> TestResult<Metrics> {
    let mut meter = Meter::new();
    model.evaluate_batch(batch, &mut meter)?;
    Ok(meter.read()?)
}

pub fn size_of(model: &CnnLstm) -> i64 {
    step_of(model).iter().product()
}
