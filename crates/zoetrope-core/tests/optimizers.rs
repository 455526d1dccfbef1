//! Equal to PyTorch: every optimizer with groups, clipping, accumulation and averages of the weights.
//!
//! Numbers from `python crates/zoetrope-core/tests/make_training_fixtures.py` with torch 2.11.0 (CPU, one thread).
//! `-- --nocapture` prints the errors; `ZOETROPE_ENGINE=reference` tests libtorch's own operations.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::fixture::rule;
use common::safetensors_file::SafetensorsFile;
use common::{
    TestResult, assert_close, assert_same_parameters, batch_of, plain_lstm, seeded, small_batch, small_config,
    snapshot, state_of,
};
use serde_json::{Map, Value, json};
use tch::Tensor;
use zoetrope_core::{
    Batch, CnnLstm, Error, Group, Inputs, LossOptions, Meter, ModelConfig, Optimizer, OptimizerConfig, Rule,
};

struct Fixture {
    config: ModelConfig,
    runs: Map<String, Value>,
    batches: Vec<i64>,
    tensors: BTreeMap<String, Tensor>,
}

impl Fixture {
    fn load() -> TestResult<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/training_fixtures/optimizers.safetensors");
        let SafetensorsFile { tensors, metadata } = SafetensorsFile::read(&path)?;
        let text = |key: &str| metadata[key].as_str().ok_or_else(|| format!("no `{key}`"));
        Ok(Self {
            config: serde_json::from_str(text("config")?)?,
            runs: serde_json::from_str(text("runs")?)?,
            batches: serde_json::from_str(text("batches")?)?,
            tensors,
        })
    }

    fn group(&self, group: &str) -> BTreeMap<String, Tensor> {
        let within = |name: &String| name.strip_prefix(group)?.strip_prefix('.').map(str::to_owned);
        let tensors = self.tensors.iter();
        tensors
            .filter_map(|(name, tensor)| Some((within(name)?, tensor.shallow_clone())))
            .collect()
    }

    fn model(&self) -> TestResult<CnnLstm> {
        let mut model = seeded(&self.config, 0)?;
        model.load_state_dict(&state_of(self.group("param")))?;
        Ok(model)
    }

    fn batches(&self) -> TestResult<Vec<Batch>> {
        let mut start = 0;
        let mut cut = |&length: &i64| {
            let [inputs, targets] = ["inputs", "targets"].map(|name| self.tensors[name].narrow(0, start, length));
            start += length;
            batch_of(&inputs, Some(&targets))
        };
        self.batches.iter().map(&mut cut).collect()
    }
}

fn config(settings: &Value) -> TestResult<OptimizerConfig> {
    let mut config = OptimizerConfig::from(rule(&settings["rule"])?);
    for group in settings["groups"].as_array().into_iter().flatten() {
        let mut own = settings["rule"].clone();
        for (key, value) in group.as_object().into_iter().flatten() {
            own[key] = value.clone();
        }
        config.groups.push(Group {
            prefix: own["prefix"].as_str().ok_or("prefix")?.to_owned(),
            rule: rule(&own)?,
        });
    }
    config.clip_norm = settings["clipNorm"].as_f64();
    config.clip_value = settings["clipValue"].as_f64();
    config.ema_decay = settings["emaDecay"].as_f64();
    Ok(config)
}

/// Of parameters after some steps: 1e-5, or three times what float32 costs PyTorch itself where that is more. It is for
/// plain RMSprop (5.9e-6), which divides every gradient by its own size: of one as small as eps, rounding shows.
fn tolerance(expected: &BTreeMap<String, Tensor>) -> f64 {
    (3.0 * expected["rounding"].double_value(&[0])).max(1e-5)
}

#[test]
fn every_run_ends_where_pytorch_ends() -> TestResult {
    let fixture = Fixture::load()?;
    let before = fixture.group("param");
    for (run, settings) in &fixture.runs {
        let mut model = fixture.model()?;
        let mut optimizer = Optimizer::new(config(settings)?)?;
        let mut meter = Meter::new();
        let mut norms = Vec::new();
        let accumulate = settings["accumulate"].as_u64().unwrap_or(1) as usize;
        for group in fixture.batches()?.chunks(accumulate) {
            for batch in group {
                model.accumulate(&LossOptions::default(), batch, &mut meter)?;
            }
            model.update(&mut optimizer, &mut meter)?;
            norms.extend(meter.read()?.gradient_norm);
        }
        let expected = fixture.group(run);
        let norm = assert_close(
            &format!("{run}: norms"),
            &Tensor::from_slice(&norms),
            &expected["norms"],
            1e-5,
        );
        let allowed = tolerance(&expected);
        let mut largest = 0.0_f64;
        let mut compare = |what: &str, after: &Tensor, expected: &Tensor, name: &str| {
            let moved = (expected - &before[name]).norm().double_value(&[]);
            let name = format!("{what}{name} after {run}");
            largest = largest.max(assert_close(&name, after, expected, allowed));
            if moved > 0.0 {
                let off = (after - expected).norm().double_value(&[]) / moved;
                assert!(off <= 1e-3, "{name}: its movement is off by {off:.1e}");
            } else {
                assert!(after.equal(expected), "{name} moved");
            }
        };
        for (name, after) in snapshot(&model) {
            compare("", &after, &expected[&name], &name);
        }
        let averages = fixture.group(&format!("{run}.ema"));
        if !averages.is_empty() {
            optimizer.copy_averages_to(&mut model)?;
            for (name, after) in snapshot(&model) {
                compare("average of ", &after, &averages[&name], &name);
            }
        }
        println!("{run}: {largest:.1e}, norms {norm:.1e}");
    }
    Ok(())
}

/// Features near the end of float32's range behind tiny weights, and large weights in the head: the loss is finite, the
/// gradient of the tiny weights is not.
#[test]
fn a_gradient_that_is_not_finite_changes_nothing_and_names_the_step() -> TestResult {
    let scaled = |model: &CnnLstm, name: &str, factor: f64| {
        let _guard = tch::no_grad_guard();
        model
            .parameter(name)
            .map(|weight| weight.shallow_clone().f_mul_scalar_(factor))
    };
    let inputs = vec![1e36_f32; 3 * 2 * 8 * 9];
    let huge = Batch::new(Inputs::F32(&inputs), &[3, 2, 8, 9], Some(&[0, 1, 2]))?;
    let sgd = rule(&json!({ "kind": "sgd", "learningRate": 0.1, "momentum": 0.9, "weightDecay": 0.0 }))?;
    for rule in [Rule::adam(), sgd] {
        let run = |with_bad_step: bool| -> TestResult<BTreeMap<String, Tensor>> {
            let mut model = seeded(&small_config(&plain_lstm())?, 1)?;
            let _ = scaled(&model, "lstm.lstm.weight_ih_l0", 1e-36).ok_or("no weight_ih")??;
            let _ = scaled(&model, "fc.weight", 1e5).ok_or("no fc.weight")??;
            let (mut optimizer, mut meter) = (Optimizer::new(rule)?, Meter::new());
            if with_bad_step {
                let before = snapshot(&model);
                let outcome = model.train_step(&huge, &mut optimizer, &mut meter);
                let is_named = matches!(outcome, Err(Error::NonFiniteGradient { step: 1, norm }) if !norm.is_finite());
                assert!(is_named, "{outcome:?}");
                assert_same_parameters(&snapshot(&model), &before);
                let outcome = meter.read();
                assert!(
                    matches!(outcome, Err(Error::NonFiniteGradient { step: 1, .. })),
                    "{outcome:?}"
                );
            }
            for step in 0..2 {
                model.train_step(&small_batch(step, 3, None)?, &mut optimizer, &mut Meter::new())?;
            }
            Ok(snapshot(&model))
        };
        assert_same_parameters(&run(true)?, &run(false)?);
    }
    Ok(())
}

#[test]
fn a_group_without_parameters_is_refused_by_name() -> TestResult {
    let mut model = seeded(&small_config(&plain_lstm())?, 1)?;
    let mut config = OptimizerConfig::adam();
    for prefix in ["cnn.", "encoder."] {
        config.groups.push(Group {
            prefix: prefix.to_owned(),
            rule: Rule::adam(),
        });
    }
    let before = snapshot(&model);
    let outcome = model.train_step(
        &small_batch(0, 3, None)?,
        &mut Optimizer::new(config)?,
        &mut Meter::new(),
    );
    match outcome {
        Err(Error::InvalidConfig {
            option,
            expected,
            received,
        }) => {
            assert_eq!((option.as_str(), received.as_str()), ("groups[1].prefix", "encoder."));
            assert!(expected.contains("cnn.conv1.weight"), "{expected}");
        }
        other => other?,
    }
    assert_same_parameters(&snapshot(&model), &before);
    Ok(())
}

/// An error in the middle of a group forgets the group: what comes after is not mixed with it.
#[test]
fn a_failed_batch_forgets_its_group() -> TestResult {
    let mut bad = vec![0.5; 3 * 2 * 8 * 9];
    bad[7] = f32::NAN;
    let bad = Batch::new(Inputs::F32(&bad), &[3, 2, 8, 9], Some(&[0, 1, 2]))?;
    let run = |with_bad_group: bool| -> TestResult<BTreeMap<String, Tensor>> {
        let mut model = seeded(&small_config(&plain_lstm())?, 1)?;
        let mut optimizer = Optimizer::new(OptimizerConfig::adam())?;
        let mut meter = Meter::new();
        if with_bad_group {
            model.accumulate(&LossOptions::default(), &small_batch(5, 3, None)?, &mut meter)?;
            assert!(matches!(
                model.accumulate(&LossOptions::default(), &bad, &mut meter),
                Err(Error::NonFiniteLoss { step: 2, .. })
            ));
            model.update(&mut optimizer, &mut meter)?; // nothing is left of it
        }
        let mut meter = Meter::new();
        model.accumulate(&LossOptions::default(), &small_batch(0, 3, None)?, &mut meter)?;
        model.accumulate(&LossOptions::default(), &small_batch(1, 2, None)?, &mut meter)?;
        model.update(&mut optimizer, &mut meter)?;
        Ok(snapshot(&model))
    };
    assert_same_parameters(&run(true)?, &run(false)?);
    Ok(())
}

#[test]
fn bad_numbers_are_refused_by_name() {
    let refused = |config: OptimizerConfig| match Optimizer::new(config) {
        Err(Error::InvalidConfig { option, .. }) => option,
        _ => "nothing".to_owned(),
    };
    let adam = OptimizerConfig::adam();
    let with = |change: fn(&mut OptimizerConfig)| {
        let mut config = adam.clone();
        change(&mut config);
        config
    };
    assert_eq!(refused(with(|config| config.clip_norm = Some(f64::NAN))), "clipNorm");
    assert_eq!(refused(with(|config| config.clip_value = Some(-1.0))), "clipValue");
    assert_eq!(refused(with(|config| config.ema_decay = Some(1.0))), "ema.decay");
    let group = with(|config| {
        let rule = Rule::RmsProp {
            learning_rate: 0.1,
            alpha: 1.0,
            eps: 0.0,
            weight_decay: 0.0,
            momentum: 0.0,
            centered: false,
        };
        config.groups.push(Group {
            prefix: "cnn.".to_owned(),
            rule,
        });
    });
    assert_eq!(refused(group), "groups[0].alpha");
}
