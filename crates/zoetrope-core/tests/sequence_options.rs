//! Lengths, cells, poolings, heads and losses against PyTorch: logits, losses, gradients, five optimizer steps.
//!
//! Numbers from `python crates/zoetrope-core/tests/sequence_fixtures.py` with torch 2.11.0 (CPU, one thread), which runs
//! `twin.py` with `pack_padded_sequence`; what a file holds is said at the top of that script. Its padding is NaN.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use common::fixture::{Fixture, assert_all_tested};
use common::{TestResult, assert_close, assert_gradients, assert_same_parameters, seeded, state};
use tch::Kind;
use zoetrope_core::{Arrays, Batch, Inputs, LossOptions, Meter, TargetValues, Targets};

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
            fn logits_and_loss_in_evaluation() -> TestResult {
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
    vectors,
    lengths,
    lengths_bidirectional,
    lengths_two_layers,
    frames_batch_norm,
    projection,
    gru,
    gru_two_layers,
    dropouts,
    attention,
    frame_classes,
    labels,
    frame_labels,
    regression,
    frame_regression,
    weighted,
    frame_weighted,
    ctc,
    ctc_lengths,
    ctc_frames,
}

fn load(case: &str) -> TestResult<Fixture> {
    Fixture::load(&format!("sequence/{case}"))
}

fn batch(fixture: &Fixture, k: i64) -> TestResult<Batch> {
    let of = |name: &str| fixture.get(name).get(k);
    let (inputs, targets) = (of("inputs"), of("targets"));
    let values = Vec::<f32>::try_from(inputs.flatten(0, -1))?;
    let is_ragged = fixture.has("lengths");
    let lengths = is_ragged.then(|| Vec::<i64>::try_from(of("lengths"))).transpose()?;
    let has_strings = fixture.has("target_lengths");
    let own = has_strings
        .then(|| Vec::<i64>::try_from(of("target_lengths")))
        .transpose()?;
    let flat = targets.flatten(0, -1);
    let (integers, floats) = if flat.kind() == Kind::Int64 {
        (Vec::<i64>::try_from(flat)?, Vec::new())
    } else {
        (Vec::new(), Vec::<f32>::try_from(flat)?)
    };
    Ok(Batch::from_arrays(Arrays {
        inputs: Inputs::F32(&values),
        shape: &inputs.size(),
        lengths: lengths.as_deref(),
        targets: Some(Targets {
            values: if floats.is_empty() {
                TargetValues::Integers(&integers)
            } else {
                TargetValues::Floats(&floats)
            },
            shape: &targets.size(),
            lengths: own.as_deref(),
            ..Targets::default()
        }),
    })?)
}

fn loss_options(fixture: &Fixture) -> TestResult<LossOptions> {
    let options = fixture.group("loss");
    Ok(LossOptions {
        label_smoothing: options
            .get("label_smoothing")
            .map_or(0.0, |value| value.double_value(&[0])),
        class_weights: options.get("class_weights").map(Vec::<f64>::try_from).transpose()?,
        ..LossOptions::default()
    })
}

/// Drawn in the order in which the twin is built: cnn, projection, lstm, attention, fc.
fn check_initial_state(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = seeded(&fixture.config, fixture.seed)?;
    assert_same_parameters(&state(&model)?, &fixture.group("state"));
    Ok(())
}

fn check_evaluation(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = fixture.model()?;
    let batch = batch(&fixture, 0)?;
    assert_close("logits", &model.logits(&batch)?, fixture.get("logits"), 1e-5);
    let mut meter = Meter::new();
    model.evaluate_batch(&batch, &mut meter)?;
    assert_close("evaluation loss", &meter.read()?.loss.into(), fixture.get("loss"), 1e-5);
    Ok(())
}

fn check_training(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = seeded(&fixture.config, fixture.seed)?;
    let options = loss_options(&fixture)?;
    let (loss, gradients) = model.loss_and_gradients_by(&options, &batch(&fixture, 0)?)?;
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
            model.train_step_by(&options, &batch(&fixture, k)?, &mut optimizer, &mut meter)?;
            let expected = fixture.get(&format!("{run}.losses")).get(k);
            let name = format!("{run}: loss of step {}", k + 1);
            assert_close(&name, &meter.read()?.loss.into(), &expected, 1e-5);
        }
        let mut largest = 0.0_f64;
        for (name, after) in state(&model)? {
            let expected = fixture.get(&format!("{run}.{name}"));
            largest = largest.max(assert_close(&format!("{name} after {run}"), &after, expected, 1e-4));
        }
        println!("{case}: {run} {largest:.1e}");
    }
    Ok(())
}

#[test]
fn every_fixture_has_its_tests() -> TestResult {
    assert_all_tested("sequence", CASES)
}
