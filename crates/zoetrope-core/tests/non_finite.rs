//! A loss that is NaN or infinite stops training, names its step, and changes nothing.

#![allow(missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::{TestResult, assert_same_parameters, plain_lstm, seeded, small_batch, small_config, snapshot};
use tch::Tensor;
use zoetrope_core::{Batch, CnnLstm, Error, Inputs, Meter, Optimizer, Rule};

const SGD: Rule = Rule::Sgd {
    learning_rate: 0.05,
    momentum: 0.9,
    nesterov: true,
    weight_decay: 0.01,
};

fn model() -> TestResult<CnnLstm> {
    seeded(&small_config(&plain_lstm())?, 1)
}

/// A batch of three images, one of whose values is not a number.
fn poisoned_batch() -> TestResult<Batch> {
    let mut inputs = vec![0.5; 3 * 2 * 8 * 9];
    inputs[200] = f32::NAN;
    Ok(Batch::new(Inputs::F32(&inputs), &[3, 2, 8, 9], Some(&[0, 1, 2]))?)
}

#[test]
fn names_the_step_and_keeps_the_parameters() -> TestResult {
    for config in [Rule::adam(), SGD] {
        let mut model = model()?;
        let (mut optimizer, mut meter) = (Optimizer::new(config)?, Meter::new());
        for step in 0..2 {
            model.train_step(&small_batch(step, 3, None)?, &mut optimizer, &mut meter)?;
        }
        let before = snapshot(&model);
        let outcome = model.train_step(&poisoned_batch()?, &mut optimizer, &mut meter);
        assert!(
            matches!(outcome, Err(Error::NonFiniteLoss { step: 3, loss }) if loss.is_nan()),
            "{outcome:?}"
        );
        assert_same_parameters(&snapshot(&model), &before);
        let outcome = meter.read();
        assert!(
            matches!(outcome, Err(Error::NonFiniteLoss { step: 3, .. })),
            "{outcome:?}"
        );
    }
    Ok(())
}

/// The optimizer's state is untouched too: training goes on as if the step had never been.
#[test]
fn training_goes_on_as_if_the_step_had_not_been() -> TestResult {
    for config in [Rule::adam(), SGD] {
        let run = |with_poison: bool| -> TestResult<BTreeMap<String, Tensor>> {
            let mut model = model()?;
            let mut optimizer = Optimizer::new(config)?;
            for step in 0..6 {
                if with_poison && step % 2 == 0 {
                    let outcome = model.train_step(&poisoned_batch()?, &mut optimizer, &mut Meter::new());
                    assert!(
                        matches!(outcome, Err(Error::NonFiniteLoss { step: 1, .. })),
                        "{outcome:?}"
                    );
                }
                model.train_step(&small_batch(step, 3, None)?, &mut optimizer, &mut Meter::new())?;
            }
            Ok(snapshot(&model))
        };
        assert_same_parameters(&run(true)?, &run(false)?);
    }
    Ok(())
}

/// A learning rate that throws the weights out of float32's range.
#[test]
fn a_diverged_model_says_so() -> TestResult {
    let mut model = model()?;
    let config = Rule::Sgd {
        learning_rate: 1e38,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    let (mut optimizer, mut meter) = (Optimizer::new(config)?, Meter::new());
    for step in 1..=3 {
        let before = snapshot(&model);
        match model.train_step(&small_batch(7, 3, None)?, &mut optimizer, &mut meter) {
            Err(Error::NonFiniteLoss { step: named, loss }) => {
                assert_eq!(named, step);
                assert!(!loss.is_finite());
                assert_same_parameters(&snapshot(&model), &before);
                return Ok(());
            }
            outcome => outcome?,
        }
    }
    Err("three steps with a learning rate of 1e38, and every loss was finite".into())
}
