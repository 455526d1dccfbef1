//! Forecasts against PyTorch: losses, gradients, five optimizer steps, and the steps that follow whole clips.
//!
//! Numbers from `python crates/zoetrope-core/tests/forecast_fixtures.py` with torch 2.11.0 (CPU, one thread), which runs
//! `twin.py`; what a file holds is said at the top of that script. Its padding is NaN, or 255 of bytes.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use common::fixture::{Fixture, assert_all_tested};
use common::{TestResult, assert_close, assert_gradients, assert_same_parameters, seeded, state};
use tch::Kind;
use zoetrope_core::{Arrays, Batch, Inputs, Meter};

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
            fn loss_in_evaluation_and_forecast() -> TestResult {
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
    direct,
    direct_equal_lengths,
    direct_features,
    direct_bce,
    recursive,
    recursive_equal_lengths,
    recursive_bce,
    recursive_dropout,
    frames_direct,
    frames_recursive,
    frames_wide,
    frames_wide_direct,
    frames_kernel,
    frames_alone,
}

fn load(case: &str) -> TestResult<Fixture> {
    Fixture::load(&format!("forecast/{case}"))
}

/// Clips without targets: their own steps are the targets.
fn batch(fixture: &Fixture, k: i64) -> TestResult<Batch> {
    let inputs = fixture.get("inputs").get(k);
    let lengths = fixture
        .has("lengths")
        .then(|| Vec::<i64>::try_from(fixture.get("lengths").get(k)))
        .transpose()?;
    let flat = inputs.flatten(0, -1);
    let (bytes, floats) = if flat.kind() == Kind::Uint8 {
        (Vec::<u8>::try_from(flat)?, Vec::new())
    } else {
        (Vec::new(), Vec::<f32>::try_from(flat)?)
    };
    Ok(Batch::from_arrays(Arrays {
        inputs: if bytes.is_empty() {
            Inputs::F32(&floats)
        } else {
            Inputs::U8(&bytes)
        },
        shape: &inputs.size(),
        lengths: lengths.as_deref(),
        targets: None,
    })?)
}

/// Drawn in the order in which the twin is built: cnn, projection, lstm, fc, decoder.
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
    let expected = fixture.get("forecast");
    let steps = model.forecast(&batch, expected.size()[1], None, &|| Ok(()))?;
    assert_close("forecast", &steps, expected, 1e-5);
    let mut meter = Meter::new();
    model.evaluate_batch(&batch, &mut meter)?;
    assert_close("evaluation loss", &meter.read()?.loss.into(), fixture.get("loss"), 1e-5);
    Ok(())
}

fn check_training(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = seeded(&fixture.config, fixture.seed)?;
    let (loss, gradients) = model.loss_and_gradients(&batch(&fixture, 0)?)?;
    assert_close("training loss", &loss.into(), fixture.get("train_loss"), 1e-5);
    let largest = assert_gradients(&model, &gradients, &fixture.group("grad"));
    println!("{case}: gradients {largest:.1e}");
    Ok(())
}

fn check_steps(case: &str) -> TestResult {
    let fixture = load(case)?;
    for run in ["sgd", "adam"] {
        let mut model = seeded(&fixture.config, fixture.seed)?;
        let mut optimizer = fixture.optimizer(run)?;
        for k in 0..5 {
            let mut meter = Meter::new();
            model.train_step(&batch(&fixture, k)?, &mut optimizer, &mut meter)?;
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
    assert_all_tested("forecast", CASES)
}
