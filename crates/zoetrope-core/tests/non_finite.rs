//! A loss that is NaN or infinite stops training, names its step, and changes nothing.

#![allow(missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::{TestResult, assert_same_parameters, plain_lstm, seeded, small_batch, small_config, snapshot};
use tch::Tensor;
use zoetrope_core::{Batch, CnnLstm, Error, Inputs, Meter, Optimizer, OptimizerConfig, Rule};

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

/// Updates that float32 cannot hold although loss and gradients are finite, in the engine's path and in the reference.
#[test]
fn an_update_that_is_not_finite_changes_nothing() -> TestResult {
    let sgd = |learning_rate, momentum| Rule::Sgd {
        learning_rate,
        momentum,
        nesterov: false,
        weight_decay: 0.0,
    };
    let adam = |eps| Rule::Adam {
        learning_rate: 1e-3,
        betas: (0.9, 0.999),
        eps,
        weight_decay: 0.0,
    };
    let rms_prop = |learning_rate, eps, centered| Rule::RmsProp {
        learning_rate,
        alpha: 0.0,
        eps,
        weight_decay: 0.0,
        momentum: 0.0,
        centered,
    };
    // Frames of zeros give the weights of the first convolution no gradient: 0 / 0 where `eps` is 0.
    let dark = Batch::new(Inputs::F32(&[0.0; 3 * 2 * 8 * 9]), &[3, 2, 8, 9], Some(&[0, 1, 2]))?;
    let rules = [
        sgd(1e39, 0.0),
        sgd(1e39, 0.9),
        adam(0.0),
        rms_prop(1e-2, 0.0, true),
        rms_prop(1e39, 1e-8, false),
    ];
    for (rule, ema_decay) in rules.into_iter().flat_map(|rule| [(rule, None), (rule, Some(0.9))]) {
        let config = |rule| OptimizerConfig {
            ema_decay,
            ..OptimizerConfig::from(rule)
        };
        let train = |is_tried: bool| -> TestResult<BTreeMap<String, Tensor>> {
            let (mut model, mut meter) = (model()?, Meter::new());
            let mut optimizer = Optimizer::new(config(calm(rule)))?;
            model.train_step(&small_batch(1, 3, None)?, &mut optimizer, &mut meter)?;
            if is_tried {
                let before = snapshot(&model);
                optimizer.set_config(config(rule))?;
                let outcome = model.train_step(&dark, &mut optimizer, &mut meter);
                assert!(
                    matches!(outcome, Err(Error::NonFiniteUpdate { step: 2 })),
                    "{rule:?}, {ema_decay:?}: {outcome:?}"
                );
                assert_same_parameters(&snapshot(&model), &before);
                optimizer.set_config(config(calm(rule)))?;
            }
            let mut meter = Meter::new();
            model.train_step(&small_batch(2, 3, None)?, &mut optimizer, &mut meter)?;
            if ema_decay.is_some() {
                optimizer.copy_averages_to(&mut model)?;
            }
            Ok(snapshot(&model))
        };
        assert_same_parameters(&train(true)?, &train(false)?);
    }
    Ok(())
}

/// The same rule with numbers that nothing overflows by.
fn calm(rule: Rule) -> Rule {
    match rule {
        Rule::Sgd { momentum, .. } => Rule::Sgd {
            learning_rate: 1e-2,
            momentum,
            nesterov: false,
            weight_decay: 0.0,
        },
        Rule::RmsProp { centered, .. } => Rule::RmsProp {
            learning_rate: 1e-3,
            alpha: 0.9,
            eps: 1e-3,
            weight_decay: 0.0,
            momentum: 0.0,
            centered,
        },
        Rule::Adam { betas, .. } | Rule::AdamW { betas, .. } => Rule::Adam {
            learning_rate: 1e-3,
            betas,
            eps: 1e-8,
            weight_decay: 0.0,
        },
    }
}

/// Rounding makes the variance of a constant gradient a little less than 0, whose root is not a number.
#[test]
fn centered_rms_prop_takes_a_variance_of_zero_for_zero() -> TestResult {
    let rule = Rule::RmsProp {
        learning_rate: 1e-9,
        alpha: 0.0,
        eps: 1e-8,
        weight_decay: 0.0,
        momentum: 0.0,
        centered: true,
    };
    let (mut model, mut optimizer, mut meter) = (model()?, Optimizer::new(rule)?, Meter::new());
    for step in 0..5 {
        model.train_step(&small_batch(step, 3, None)?, &mut optimizer, &mut meter)?;
    }
    assert!(
        snapshot(&model)
            .values()
            .all(|tensor| tensor.isfinite().all().int64_value(&[]) == 1)
    );
    Ok(())
}
