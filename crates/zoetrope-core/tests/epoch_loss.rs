//! The figures of an epoch do not depend on how it was cut into batches; what has no weight adds nothing.

#![allow(missing_docs)]

mod common;

use common::{Numbers, TestResult, assert_close, assert_same_parameters, plain_lstm, seeded, small_config, snapshot};
use serde_json::json;
use tch::Tensor;
use zoetrope_core::{
    Arrays, Batch, CnnLstm, Inputs, LossOptions, Meter, Metrics, Optimizer, Rule, TargetValues, Targets,
};

const SAMPLES: usize = 24;
const FRAME: usize = 2 * 8 * 9;

/// Leaves the weights as they are, so that only the figures can differ.
const STILL: Rule = sgd(0.0);

const fn sgd(learning_rate: f64) -> Rule {
    Rule::Sgd {
        learning_rate,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    }
}

struct Data {
    inputs: Vec<f32>,
    /// One a sample, or as many as there are labels or outputs.
    targets: Vec<f32>,
    width: usize,
}

impl Data {
    fn new(seed: u64, width: usize, target: impl Fn(f64) -> f32) -> Self {
        let mut numbers = Numbers(seed);
        let inputs = (0..SAMPLES * FRAME)
            .map(|_| (numbers.next_unit() * 2.0 - 1.0) as f32)
            .collect();
        let targets = (0..SAMPLES * width).map(|_| target(numbers.next_unit())).collect();
        Self { inputs, targets, width }
    }

    fn batch(&self, from: usize, to: usize) -> TestResult<Batch> {
        let shape = [(to - from) as i64, 2, 8, 9];
        let targets = [(to - from) as i64, self.width as i64];
        Ok(Batch::from_arrays(Arrays {
            inputs: Inputs::F32(&self.inputs[from * FRAME..to * FRAME]),
            shape: &shape,
            lengths: None,
            targets: Some(Targets {
                values: TargetValues::Floats(&self.targets[from * self.width..to * self.width]),
                shape: if self.width == 1 { &targets[..1] } else { &targets },
                ..Targets::default()
            }),
        })?)
    }
}

fn model(head: &str, outputs: i64) -> TestResult<CnnLstm> {
    let mut config = serde_json::to_value(small_config(&plain_lstm())?)?;
    let is_regression = head == "regression";
    config["numClasses"] = json!(if is_regression { 0 } else { outputs });
    config["head"] = json!({
        "kind": head, "per": "clip", "outputs": is_regression.then_some(outputs), "loss": is_regression.then_some("mse"),
    });
    seeded(&common::config(config)?, 3)
}

/// Positions at which an epoch is cut, the first and the last among them.
fn cuts(numbers: &mut Numbers) -> Vec<usize> {
    let inside = (1..SAMPLES).filter(|_| numbers.next_unit() < 0.3);
    [0].into_iter().chain(inside).chain([SAMPLES]).collect()
}

fn figures(model: &mut CnnLstm, data: &Data, options: &LossOptions, cuts: &[usize]) -> TestResult<Metrics> {
    let (mut optimizer, mut meter) = (Optimizer::new(STILL)?, Meter::new());
    for pair in cuts.windows(2) {
        model.accumulate(options, &data.batch(pair[0], pair[1])?, &mut meter)?;
        if pair[1] % 2 == 0 {
            model.update(&mut optimizer, &mut meter)?;
        }
    }
    Ok(meter.read()?)
}

#[test]
fn figures_of_training_do_not_depend_on_the_cuts() -> TestResult {
    let weights = |weights: &[f64]| Some(weights.to_vec());
    let class = |unit: f64| (unit * 3.0) as f32;
    let runs = [
        (
            "classification",
            3,
            Data::new(1, 1, |unit| class(unit).floor()),
            0.0,
            weights(&[0.0, 1.0, 30.0]),
        ),
        (
            "classification",
            3,
            Data::new(2, 1, |unit| class(unit).floor()),
            0.2,
            weights(&[0.0, 0.5, 7.0]),
        ),
        (
            "classification",
            3,
            Data::new(3, 1, |unit| class(unit).floor()),
            0.1,
            None,
        ),
        (
            "multiLabel",
            3,
            Data::new(4, 3, |unit| unit.round() as f32),
            0.0,
            weights(&[0.0, 2.0, 9.0]),
        ),
        ("regression", 2, Data::new(5, 2, |unit| unit as f32), 0.0, None),
    ];
    for (head, outputs, data, label_smoothing, class_weights) in runs {
        let mut model = model(head, outputs)?;
        let options = LossOptions {
            label_smoothing,
            class_weights,
            ..LossOptions::default()
        };
        let whole = figures(&mut model, &data, &options, &[0, SAMPLES])?;
        let (mean, _gradients) = model.loss_and_gradients_by(&options, &data.batch(0, SAMPLES)?)?;
        assert_close(head, &whole.loss.into(), &mean.into(), 1e-6);
        let mut numbers = Numbers(9);
        for _ in 0..20 {
            let cuts = cuts(&mut numbers);
            let cut = figures(&mut model, &data, &options, &cuts)?;
            assert_close(
                &format!("{head}, {options:?}, {cuts:?}"),
                &cut.loss.into(),
                &whole.loss.into(),
                1e-6,
            );
            assert_eq!(
                (cut.correct, cut.predictions),
                (whole.correct, whole.predictions),
                "{head}, {cuts:?}"
            );
            let sums = [&cut, &whole].map(|metrics| Tensor::from_slice(&metrics.error_sums));
            assert_close("error sums", &sums[0], &sums[1], 1e-6);
        }
    }
    Ok(())
}

/// Gathered gradients are those of one batch, also where a batch among them has classes of weight 0 only.
#[test]
fn batches_without_weight_change_nothing() -> TestResult {
    let data = Data {
        targets: (0..SAMPLES)
            .map(|at| if at < 8 { 0.0 } else { (1 + at % 2) as f32 })
            .collect(),
        ..Data::new(6, 1, |_| 0.0)
    };
    for label_smoothing in [0.0, 0.1] {
        let options = LossOptions {
            label_smoothing,
            class_weights: Some(vec![0.0, 1.0, 2.0]),
            ..LossOptions::default()
        };
        let learned = |batches: &[(usize, usize)]| -> TestResult<(CnnLstm, f64)> {
            let mut model = model("classification", 3)?;
            let (mut optimizer, mut meter) = (Optimizer::new(sgd(0.1))?, Meter::new());
            for &(from, to) in batches {
                model.accumulate(&options, &data.batch(from, to)?, &mut meter)?;
            }
            model.update(&mut optimizer, &mut meter)?;
            Ok((model, meter.read()?.loss))
        };
        let (alone, loss) = learned(&[(0, 8)])?;
        assert!(loss == 0.0, "{loss}");
        assert_same_parameters(&snapshot(&alone), &snapshot(&model("classification", 3)?));
        let (twice, _loss) = learned(&[(0, 4), (4, 8)])?;
        assert_same_parameters(&snapshot(&twice), &snapshot(&alone));
        let (whole, expected) = learned(&[(0, SAMPLES)])?;
        for order in [[(0, 8), (8, SAMPLES)], [(8, SAMPLES), (0, 8)]] {
            let (cut, loss) = learned(&order)?;
            assert_close("loss", &loss.into(), &expected.into(), 1e-6);
            for (name, tensor) in snapshot(&cut) {
                assert_close(&name, &tensor, &snapshot(&whole)[&name], 1e-6);
            }
        }
    }
    Ok(())
}

/// Where adding up squares and taking the mean's away would leave rounding: targets that are the same, or nearly so.
#[test]
fn the_targets_variance_keeps_its_digits() -> TestResult {
    for base in [0.3_f32, 1.1, -5.1608, 16_777_216.0, 1e-30] {
        let mut model = model("regression", 1)?;
        let constant = Data::new(7, 1, |_| base);
        let mut numbers = Numbers(11);
        let found = figures(&mut model, &constant, &LossOptions::default(), &cuts(&mut numbers))?;
        assert_eq!(found.error_sums[2..], [0.0, 0.0], "all targets are {base}");
    }
    Ok(())
}

/// A missing value makes no answer: not a right one, not one that is given a class, not one that ranks.
#[test]
fn outputs_that_are_not_numbers_count_for_nothing() -> TestResult {
    let mut data = Data::new(8, 1, |_| 0.0);
    data.inputs[..12 * FRAME].fill(f32::NAN);
    let model = model("classification", 3)?;
    let mut meter = Meter::with_ranking();
    model.evaluate_batch(&data.batch(0, SAMPLES)?, &mut meter)?;
    let (metrics, counts) = (meter.read()?, meter.counts(model.config())?);
    assert!(metrics.correct <= 12 && metrics.loss.is_nan());
    assert_eq!(counts.targets, [SAMPLES as i64, 0, 0]);
    assert_eq!(counts.confusion.iter().map(|&(_, count)| count).sum::<i64>(), 12);
    assert_eq!(counts.ranks.iter().sum::<i64>(), 12);
    assert_eq!(counts.ranks[0], metrics.correct, "top 1 is the accuracy");
    Ok(())
}
