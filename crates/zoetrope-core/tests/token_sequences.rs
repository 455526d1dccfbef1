//! The head of token sequences against PyTorch: initial weights, losses, gradients, five optimizer steps, greedy strings.
//!
//! Numbers from `python crates/zoetrope-core/tests/token_fixtures.py` with torch 2.11.0 (CPU, one thread), which runs
//! `twin_decoder.py`; what a file holds is said at the top of that script. Its padding is NaN.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use common::fixture::{Fixture, assert_all_tested};
use common::{TestResult, assert_close, assert_gradients, assert_same_parameters, seeded, state};
use tch::Tensor;
use zoetrope_core::{
    Arrays, Batch, CnnLstm, Generation, Inputs, LossOptions, Meter, Strategy, TargetValues, Targets, Written,
};

/// Makes the tests of every case, and the list of cases.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        const CASES: &[&str] = &[$(stringify!($case)),*];
        $(mod $case {
            use super::{TestResult, check_evaluation, check_initial_state, check_steps, check_training};

            const CASE: &str = stringify!($case);

            #[test]
            fn initial_state_bit_for_bit() -> TestResult {
                check_initial_state(CASE)
            }

            #[test]
            fn loss_and_strings_in_evaluation() -> TestResult {
                check_evaluation(CASE)
            }

            #[test]
            fn loss_and_every_gradient_in_training() -> TestResult {
                check_training(CASE)
            }

            #[test]
            fn five_steps() -> TestResult {
                check_steps(CASE)
            }
        })*
    };
}

cases! {
    attention,
    final_state,
    bidirectional,
    final_states,
    gru,
    frames,
    weighted,
    sampled,
    unforced,
    dropout,
}

const GREEDY: Generation = Generation {
    strategy: Strategy::Greedy,
    max_length: None,
};

fn load(case: &str) -> TestResult<Fixture> {
    Fixture::load(&format!("tokens/{case}"))
}

/// Some clips of a batch, with their strings.
fn batch(fixture: &Fixture, k: i64, clips: std::ops::Range<i64>) -> TestResult<Batch> {
    let of = |name: &str| fixture.get(name).get(k).narrow(0, clips.start, clips.end - clips.start);
    let integers = |name: &str| Vec::<i64>::try_from(of(name).flatten(0, -1));
    let (inputs, labels) = (of("inputs"), of("labels"));
    Ok(Batch::from_arrays(Arrays {
        inputs: Inputs::F32(&Vec::<f32>::try_from(inputs.flatten(0, -1))?),
        shape: &inputs.size(),
        lengths: Some(&integers("lengths")?),
        targets: Some(Targets {
            values: TargetValues::Integers(&integers("labels")?),
            shape: &labels.size(),
            lengths: Some(&integers("counts")?),
            ..Targets::default()
        }),
    })?)
}

fn whole(fixture: &Fixture, k: i64) -> TestResult<Batch> {
    batch(fixture, k, 0..fixture.get("counts").size()[1])
}

fn loss_options(fixture: &Fixture) -> TestResult<LossOptions> {
    let options = fixture.group("loss");
    let number = |name: &str, default: f64| options.get(name).map_or(default, |value| value.double_value(&[0]));
    Ok(LossOptions {
        label_smoothing: number("label_smoothing", 0.0),
        teacher_forcing: number("teacher_forcing", 1.0),
        class_weights: options.get("class_weights").map(Vec::<f64>::try_from).transpose()?,
    })
}

/// Drawn in the order in which the twin is built.
fn check_initial_state(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = seeded(&fixture.config, fixture.seed)?;
    assert_same_parameters(&state(&model)?, &fixture.group("state"));
    let state = fixture.group("state").into_keys();
    let without_counts = state.filter(|name| !name.ends_with("num_batches_tracked"));
    assert_eq!(without_counts.count(), fixture.config.num_parameter_tensors());
    let layers = fixture.config.layers();
    let values: i64 = model.parameters().iter().map(|p| p.tensor.numel() as i64).sum();
    assert_eq!(layers.iter().map(|layer| layer.parameters).sum::<i64>(), values);
    Ok(())
}

fn expected_strings(fixture: &Fixture) -> TestResult<Vec<Vec<i64>>> {
    let rows = fixture.get("greedy");
    let row = |clip| -> TestResult<Vec<i64>> {
        let labels = Vec::<i64>::try_from(rows.get(clip))?;
        Ok(labels.into_iter().take_while(|&label| label >= 0).collect())
    };
    (0..rows.size()[0]).map(row).collect()
}

fn check_evaluation(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = fixture.model()?;
    let batch = whole(&fixture, 0)?;
    let mut meter = Meter::new();
    model.evaluate_batch(&batch, &mut meter)?;
    assert_close("evaluation loss", &meter.read()?.loss.into(), fixture.get("loss"), 1e-5);
    let written = generate(&model, &batch)?;
    let labels: Vec<Vec<i64>> = written.iter().map(|written| written.labels.clone()).collect();
    assert_eq!(labels, expected_strings(&fixture)?);
    let scores: Vec<f64> = written.iter().map(|written| written.score).collect();
    assert_close(
        "scores",
        &Tensor::from_slice(&scores),
        fixture.get("greedy_scores"),
        1e-5,
    );
    Ok(())
}

fn generate(model: &CnnLstm, batch: &Batch) -> TestResult<Vec<Written>> {
    Ok(model.generate(batch, &GREEDY, &|| Ok(()))?)
}

fn check_training(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = seeded(&fixture.config, fixture.seed)?;
    let options = loss_options(&fixture)?;
    let (loss, gradients) = model.loss_and_gradients_by(&options, &whole(&fixture, 0)?)?;
    assert_close("training loss", &loss.into(), fixture.get("train_loss"), 1e-5);
    let largest = assert_gradients(&model, &gradients, &fixture.group("grad"));
    println!("{case}: gradients {largest:.1e}");
    Ok(())
}

fn check_steps(case: &str) -> TestResult {
    let fixture = load(case)?;
    let options = loss_options(&fixture)?;
    for run in ["sgd", "adam"] {
        let mut model = seeded(&fixture.config, fixture.seed)?;
        let mut optimizer = fixture.optimizer(run)?;
        for k in 0..5 {
            let mut meter = Meter::new();
            model.train_step_by(&options, &whole(&fixture, k)?, &mut optimizer, &mut meter)?;
            let expected = fixture.get(&format!("{run}.losses")).get(k);
            let name = format!("{run}: loss of step {}", k + 1);
            assert_close(&name, &meter.read()?.loss.into(), &expected, 1e-5);
        }
        for (name, after) in state(&model)? {
            let expected = fixture.get(&format!("{run}.{name}"));
            assert_close(&format!("{name} after {run}"), &after, expected, 1e-4);
        }
    }
    Ok(())
}

/// Tokens are weighed alike: two halves of a batch, gathered, make the update of the whole.
#[test]
fn accumulated_batches_are_one_large_batch() -> TestResult {
    for case in ["attention", "weighted"] {
        let fixture = load(case)?;
        let options = loss_options(&fixture)?;
        let mut states = Vec::new();
        for cuts in [[0, 4].as_slice(), &[0, 1, 4]] {
            let mut model = seeded(&fixture.config, fixture.seed)?;
            let (mut optimizer, mut meter) = (fixture.optimizer("sgd")?, Meter::new());
            for cut in cuts.windows(2) {
                model.accumulate(&options, &batch(&fixture, 0, cut[0]..cut[1])?, &mut meter)?;
            }
            model.update(&mut optimizer, &mut meter)?;
            assert_close("loss", &meter.read()?.loss.into(), fixture.get("train_loss"), 1e-5);
            states.push(state(&model)?);
        }
        for (name, tensor) in &states[1] {
            assert_close(name, tensor, &states[0][name], 1e-5);
        }
    }
    Ok(())
}

/// The loss and the counts of a pass are those of the strings, however they were cut into batches.
#[test]
fn evaluation_counts_strings_and_weighs_tokens() -> TestResult {
    let fixture = load("bidirectional")?;
    let model = fixture.model()?;
    let mut meter = Meter::new();
    model.evaluate_batch(&batch(&fixture, 0, 0..1)?, &mut meter)?;
    model.evaluate_batch(&batch(&fixture, 0, 1..4)?, &mut meter)?;
    let metrics = meter.read()?;
    assert_close("loss", &metrics.loss.into(), fixture.get("loss"), 1e-5);
    assert_eq!((metrics.samples, metrics.predictions), (4, 4));
    let counts = metrics.strings.ok_or("no counts of strings")?;
    let labels = Vec::<i64>::try_from(fixture.get("counts").get(0))?;
    assert_eq!(counts.labels, labels.iter().sum::<i64>());
    assert_eq!(counts.strings, 4);
    Ok(())
}

#[test]
fn every_fixture_has_its_tests() -> TestResult {
    assert_all_tested("tokens", CASES)
}
