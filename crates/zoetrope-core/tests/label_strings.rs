//! The loss of label strings: the engine's recursions against float64 on libtorch's operation, gradients against the loss
//! itself, clips against the same clips alone. `sequence_options.rs` has PyTorch's numbers.

#![allow(missing_docs)]

mod common;

use common::{Numbers, TestResult, assert_close, config, relative_error, seeded};
use serde_json::json;
use tch::{Kind, Tensor};
use zoetrope_core::{Arrays, Batch, CnnLstm, Inputs, Meter, ModelConfig, TargetValues, Targets, threads};

const FEATURES: i64 = 3;
const CLASSES: i64 = 4;
const TIME: i64 = 14;

fn ctc() -> TestResult<ModelConfig> {
    config(json!({
        "input": { "features": FEATURES },
        "numClasses": CLASSES,
        "cnn": [],
        "lstm": { "hiddenSize": 5, "numLayers": 1, "dropout": 0.0, "bidirectional": true },
        "head": { "kind": "ctc" },
    }))
}

/// Clips of any length, with a string that fits each; the padding is not a number.
struct Clips {
    inputs: Vec<f32>,
    lengths: Vec<i64>,
    labels: Vec<Vec<i64>>,
}

impl Clips {
    fn new(seed: u64, count: usize) -> Self {
        let mut numbers = Numbers(seed);
        let mut below = |limit: i64| (numbers.next_unit() * limit as f64) as i64;
        let (mut inputs, mut lengths, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let length = 1 + below(TIME);
            for frame in 0..TIME {
                for _ in 0..FEATURES {
                    let value = below(1000) as f32 / 500.0 - 1.0;
                    inputs.push(if frame < length { value } else { f32::NAN });
                }
            }
            let (mut string, mut left) = (Vec::new(), below(length + 1));
            while left > 0 {
                let label = if below(2) == 0 { 1 } else { below(CLASSES) };
                left -= if string.last() == Some(&label) { 2 } else { 1 };
                if left >= 0 {
                    string.push(label);
                }
            }
            lengths.push(length);
            labels.push(string);
        }
        Self {
            inputs,
            lengths,
            labels,
        }
    }

    fn batch(&self, range: std::ops::Range<usize>) -> TestResult<Batch> {
        let size = (TIME * FEATURES) as usize;
        let labels = &self.labels[range.clone()];
        let longest = labels.iter().map(Vec::len).max().unwrap_or(0);
        let mut values = Vec::new();
        for string in labels {
            values.extend(string);
            values.resize(values.len() + longest - string.len(), -7); // what stands behind a string counts for nothing
        }
        let own: Vec<i64> = labels.iter().map(|string| string.len() as i64).collect();
        let count = labels.len() as i64;
        Ok(Batch::from_arrays(Arrays {
            inputs: Inputs::F32(&self.inputs[range.start * size..range.end * size]),
            shape: &[count, TIME, FEATURES],
            lengths: Some(&self.lengths[range]),
            targets: Some(Targets {
                values: TargetValues::Integers(&values),
                shape: &[count, longest as i64],
                lengths: Some(&own),
                ..Targets::default()
            }),
        })?)
    }
}

/// A model whose outputs are this many times as sure as a new one's.
fn model(seed: u64, sureness: f64) -> TestResult<CnnLstm> {
    threads::work_alone(); // the tensors are too small to share
    let model = seeded(&ctc()?, seed)?;
    if let Some(weight) = model.parameter("fc.weight") {
        let _ = weight.detach().g_mul_scalar_(sureness);
    }
    Ok(model)
}

#[test]
fn the_engine_agrees_with_libtorch_in_float64() -> TestResult {
    // Rounded outputs that are very sure are other outputs: their float32 alone costs digits.
    for (seed, sureness, tolerance) in [
        (1, 1.0, 1e-5),
        (2, 10.0, 1e-5),
        (3, 100.0, 1e-4),
        (4, 3e3, 1e-2),
        (5, 1e5, 1e-1),
    ] {
        let clips = Clips::new(seed, 9);
        let batch = clips.batch(0..9)?;
        let (loss, gradients) = model(seed, sureness)?.loss_and_gradients(&batch)?;
        let mut reference = model(seed, sureness)?;
        reference.to_double()?;
        let (expected, references) = reference.loss_and_gradients(&batch)?;
        assert!(
            (loss / expected - 1.0).abs() < 1e-5,
            "{sureness}: {loss}, expected {expected}"
        );
        for (gradient, reference) in gradients.iter().zip(&references) {
            let error = relative_error(gradient, reference);
            assert!(error < tolerance, "sureness {sureness}: {error:.1e}");
        }
    }
    Ok(())
}

#[test]
fn the_gradient_is_what_the_loss_changes_by() -> TestResult {
    let batch = Clips::new(7, 4).batch(0..4)?;
    let mut model = model(7, 4.0)?;
    model.to_double()?;
    let (_loss, gradients) = model.loss_and_gradients(&batch)?;
    let mut numbers = Numbers(8);
    for (parameter, gradient) in model.parameters().iter().zip(&gradients) {
        let values: Tensor = parameter.tensor.data().view(-1);
        for _ in 0..6 {
            let at = (numbers.next_unit() * values.size()[0] as f64) as i64;
            let (value, step) = (values.get(at), 1e-5);
            let middle = value.double_value(&[]);
            let loss_at = |offset: f64| {
                let _ = value.shallow_clone().fill_(middle + offset);
                model.loss_and_gradients(&batch).map(|(loss, _)| loss)
            };
            let expected = (loss_at(step)? - loss_at(-step)?) / (2.0 * step);
            let _ = value.shallow_clone().fill_(middle);
            let actual = gradient.flatten(0, -1).double_value(&[at]);
            assert!(
                (actual - expected).abs() < 1e-6,
                "{}[{at}]: {actual:e}, {expected:e}",
                parameter.name
            );
        }
    }
    Ok(())
}

#[test]
fn the_loss_of_a_batch_is_the_mean_over_its_clips_and_padding_reaches_nothing() -> TestResult {
    let (clips, model) = (Clips::new(11, 12), model(11, 6.0)?);
    let mut together = Meter::new();
    model.evaluate_batch(&clips.batch(0..12)?, &mut together)?;
    let (mut alone, mut losses) = (Meter::new(), 0.0);
    for clip in 0..12 {
        model.evaluate_batch(&clips.batch(clip..clip + 1)?, &mut alone)?;
        losses += model.loss_and_gradients(&clips.batch(clip..clip + 1)?)?.0 / 12.0;
    }
    let (together, alone) = (together.read()?, alone.read()?);
    let training = model.loss_and_gradients(&clips.batch(0..12)?)?.0;
    for loss in [alone.loss, losses, training] {
        assert!((loss / together.loss - 1.0).abs() < 1e-5, "{loss}, {}", together.loss);
    }
    assert_eq!(together.strings, alone.strings);
    assert!(together.strings.is_some_and(|strings| strings.strings == 12));
    let logits = model.logits(&clips.batch(0..12)?)?;
    let first = model.logits(&clips.batch(0..1)?)?;
    assert_close("logits", &logits.narrow(0, 0, 1), &first, 1e-6);
    assert_eq!(logits.isnan().sum(Kind::Int64).int64_value(&[]), 0);
    Ok(())
}
