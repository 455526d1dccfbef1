//! Every option of the encoder against PyTorch: logits, dropout masks, gradients, five optimizer steps, statistics.
//!
//! Numbers from `python crates/zoetrope-core/tests/encoder_fixtures.py` with torch 2.11.0 (CPU, one thread), which runs
//! `twin_encoder.py`; what a file holds is said at the top of that script.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use common::fixture::{Fixture, assert_all_tested};
use common::{TestResult, assert_close, assert_gradients, assert_same_parameters, seeded, state};
use tch::Kind;
use zoetrope_core::Meter;

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
            fn logits_in_evaluation() -> TestResult {
                check_evaluation(CASE)
            }

            #[test]
            fn loss_and_every_gradient_in_training() -> TestResult {
                check_training(CASE)
            }

            #[test]
            fn five_steps_and_the_statistics() -> TestResult {
                check_steps(CASE)
            }
        })*
    };
}

cases! {
    dilation,
    groups,
    activations,
    clipped_activations,
    average_pool,
    batch_norm,
    batch_norm_images,
    layer_norm,
    dropout,
    residual,
    residual_norms,
    global_pool,
    global_pool_after_kernel,
    vectors,
    vectors_dilation_groups,
    vectors_norms,
    vectors_all,
    all,
}

fn load(case: &str) -> TestResult<Fixture> {
    Fixture::load(&format!("encoder/{case}"))
}

/// Drawn in the order in which the twin is built; buffers start at 0, 1 and 0.
fn check_initial_state(case: &str) -> TestResult {
    let fixture = load(case)?;
    assert_same_parameters(
        &state(&seeded(&fixture.config, fixture.seed)?)?,
        &fixture.group("state"),
    );
    Ok(())
}

/// Evaluation changes nothing and draws nothing.
fn check_evaluation(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = fixture.model()?;
    let logits = model.logits(&fixture.batch(0)?)?;
    assert_close("logits", &logits, fixture.get("logits"), 1e-5);
    assert_same_parameters(&state(&model)?, &fixture.group("state"));
    Ok(())
}

fn check_training(case: &str) -> TestResult {
    let fixture = load(case)?;
    let model = seeded(&fixture.config, fixture.seed)?;
    let (loss, gradients) = model.loss_and_gradients(&fixture.batch(0)?)?;
    assert_close("training loss", &loss.into(), fixture.get("train_loss"), 1e-5);
    let largest = assert_gradients(&model, &gradients, &fixture.group("grad"));
    assert_same_parameters(&state(&model)?, &fixture.group("state"));
    println!("{case}: gradients {largest:.1e}");
    Ok(())
}

fn check_steps(case: &str) -> TestResult {
    let fixture = load(case)?;
    for run in ["sgd", "adam"] {
        let mut model = seeded(&fixture.config, fixture.seed)?;
        let mut optimizer = fixture.optimizer(run)?;
        for (k, batch) in fixture.batches()?.iter().enumerate() {
            let mut meter = Meter::new();
            model.train_step(batch, &mut optimizer, &mut meter)?;
            let expected = fixture.get(&format!("{run}.losses")).get(k as i64);
            let name = format!("{run}: loss of step {}", k + 1);
            assert_close(&name, &meter.read()?.loss.into(), &expected, 1e-5);
        }
        let mut largest = 0.0_f64;
        for (name, after) in state(&model)? {
            let expected = fixture.get(&format!("{run}.{name}"));
            assert_eq!(after.kind(), expected.kind(), "{name}");
            if after.kind() == Kind::Int64 {
                assert_eq!(after.int64_value(&[]), 5, "{name}: one count for each batch");
            }
            largest = largest.max(assert_close(&format!("{name} after {run}"), &after, expected, 1e-4));
        }
        let logits = model.logits(&fixture.batch(0)?)?;
        assert_close(
            "logits afterwards",
            &logits,
            fixture.get(&format!("{run}.logits")),
            1e-4,
        );
        println!("{case}: {run} {largest:.1e}");
    }
    Ok(())
}

#[test]
fn every_fixture_has_its_tests() -> TestResult {
    assert_all_tested("encoder", CASES)
}
