//! Equal to PyTorch: logits, loss, every gradient, five steps of every optimizer.
//!
//! Numbers from `python crates/zoetrope-core/tests/make_fixtures.py` with torch 2.11.0 (CPU, one thread), which runs
//! the tutorial's own classes (`twin.py`). `cargo test -p zoetrope-core --test parity -- --nocapture` prints the errors.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use common::fixture::{Fixture, RUNS, assert_all_tested};
use common::{TestResult, assert_close, assert_gradients};
use zoetrope_core::Meter;

/// Makes the tests of every case, and the list of cases.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        const CASES: &[&str] = &[$(stringify!($case)),*];
        $(mod $case {
            use super::{TestResult, check_forward, check_gradients, check_steps};

            const CASE: &str = stringify!($case);

            #[test]
            fn logits_and_loss() -> TestResult {
                check_forward(CASE)
            }

            #[test]
            fn every_gradient() -> TestResult {
                check_gradients(CASE)
            }

            #[test]
            fn five_steps_of_every_optimizer() -> TestResult {
                check_steps(CASE)
            }
        })*
    };
}

cases! {
    images,
    clips,
    two_layers,
    bidirectional,
    bidirectional_two_layers,
    odd_size,
    one_channel,
    block_variants,
    one_block,
    uint8_images,
    uint8_clips,
}

fn check_forward(case: &str) -> TestResult {
    let fixture = Fixture::load(case)?;
    let model = fixture.model()?;
    let batch = fixture.batch(0)?;
    let logits = assert_close("logits", &model.logits(&batch)?, fixture.get("logits"), 1e-5);
    let mut meter = Meter::new();
    model.evaluate_batch(&batch, &mut meter)?;
    let loss = assert_close("evaluation loss", &meter.read()?.loss.into(), fixture.get("loss"), 1e-5);
    println!("{case}: logits {logits:.1e}, loss {loss:.1e}");
    Ok(())
}

fn check_gradients(case: &str) -> TestResult {
    let fixture = Fixture::load(case)?;
    let model = fixture.model()?;
    let (loss, gradients) = model.loss_and_gradients(&fixture.batch(0)?)?;
    assert_close("training loss", &loss.into(), fixture.get("loss"), 1e-5);
    let largest = assert_gradients(&model, &gradients, &fixture.group("grad"));
    println!("{case}: gradients {largest:.1e}");
    Ok(())
}

/// The parameters themselves, and how far they have moved: a step is small beside a weight.
fn check_steps(case: &str) -> TestResult {
    let fixture = Fixture::load(case)?;
    let before = fixture.group("param");
    for run in RUNS {
        let mut model = fixture.model()?;
        let mut optimizer = fixture.optimizer(run)?;
        for (k, batch) in fixture.batches()?.iter().enumerate() {
            let mut meter = Meter::new();
            model.train_step(batch, &mut optimizer, &mut meter)?;
            let expected = fixture.get(&format!("{run}.losses")).get(k as i64);
            assert_close(
                &format!("{run}: loss of step {}", k + 1),
                &meter.read()?.loss.into(),
                &expected,
                1e-5,
            );
        }
        let (mut largest, mut largest_move) = (0.0_f64, 0.0_f64);
        for parameter in model.parameters() {
            let (name, after) = (&parameter.name, parameter.tensor.detach());
            let expected = fixture.get(&format!("{run}.{name}"));
            largest = largest.max(assert_close(&format!("{name} after {run}"), &after, expected, 1e-4));
            let [moved, expected_move] = [&after, expected].map(|tensor| tensor - &before[name]);
            let label = format!("movement of {name} by {run}");
            largest_move = largest_move.max(assert_close(&label, &moved, &expected_move, 1e-3));
        }
        println!("{case}: {run} {largest:.1e}, movement {largest_move:.1e}");
    }
    Ok(())
}

#[test]
fn every_fixture_has_its_tests() -> TestResult {
    let elsewhere: &[&str] = &["dropout", "dropout_images", "dropout_three_layers"]; // in dropout.rs
    assert_all_tested("", &[CASES, elsewhere].concat())
}
