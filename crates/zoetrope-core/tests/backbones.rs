//! Backbones against torchvision: initial weights, answers, gradients of every parameter, statistics of every norm.
//!
//! Numbers from `python crates/zoetrope-core/tests/backbone_fixtures.py` with torch 2.11.0 and torchvision 0.26.0 (CPU, one
//! thread); what a file holds is said at the top of that script.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::collections::BTreeMap;

use common::fixture::{Fixture, assert_all_tested, fixture_path};
use common::safetensors_file::{SafetensorsFile, to_bytes};
use common::sha256::sha256;
use common::{
    NOISE, TempFolder, TestResult, assert_close, assert_same_bits, relative_error, seeded, small_batch, state,
};
use serde_json::json;
use tch::{Device, Kind, Tensor};
use zoetrope_core::{CnnLstm, Meter, ModelConfig, Optimizer, Rule};

/// Makes the tests of every backbone, and the list of them.
macro_rules! backbones {
    ($($name:ident),* $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(mod $name {
            use super::{TestResult, check_initial_state, check_training_and_answers};

            #[test]
            fn initial_state_bit_for_bit() -> TestResult {
                check_initial_state(stringify!($name))
            }

            #[test]
            fn gradients_statistics_and_answers() -> TestResult {
                check_training_and_answers(stringify!($name))
            }
        })*
    };
}

backbones! { resnet18, resnet34, mobilenet_v2, mobilenet_v3_small }

/// Of loss, statistics and answers: up to 34 layers of float32, with batch norms whose batches are small.
const TOLERANCE: f64 = 1e-4;
/// Values of a tensor in a fixture: as many, evenly spread.
const SAMPLES: i64 = 24;

fn load(name: &str) -> TestResult<Fixture> {
    Fixture::load(&format!("backbone/{name}"))
}

/// An optimizer whose steps change nothing but the statistics.
fn standing() -> TestResult<Optimizer> {
    Ok(Optimizer::new(Rule::Sgd {
        learning_rate: 0.0,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    })?)
}

/// Names and order are torchvision's, and weights those of `torch.manual_seed`, its classifier's draws included.
fn check_initial_state(name: &str) -> TestResult {
    let fixture = load(name)?;
    let file = SafetensorsFile::read(&fixture_path(&format!("backbone/{name}.safetensors")))?;
    let model = seeded(&fixture.config, fixture.seed)?;
    let state = model.state_dict()?;
    let bytes: Vec<u8> = state.iter().flat_map(|entry| to_bytes(&entry.tensor)).collect();
    assert_eq!(sha256(&bytes), file.metadata["state"].as_str().unwrap_or_default());
    let tensors = fixture.config.num_parameter_tensors();
    let counts = state.iter().filter(|entry| entry.tensor.kind() == Kind::Int64).count();
    assert_eq!(tensors + counts, state.len());
    let values: i64 = model.parameters().iter().map(|entry| entry.tensor.numel() as i64).sum();
    let layers = fixture.config.layers();
    assert_eq!(layers.iter().map(|layer| layer.parameters).sum::<i64>(), values);
    Ok(())
}

fn check_training_and_answers(name: &str) -> TestResult {
    let fixture = load(name)?;
    let batch = fixture.batch(0)?;
    let mut model = seeded(&fixture.config, fixture.seed)?;
    let (loss, gradients) = model.loss_and_gradients(&batch)?;
    assert_close("training loss", &loss.into(), fixture.get("train_loss"), TOLERANCE);
    let file = SafetensorsFile::read(&fixture_path(&format!("backbone/{name}.safetensors")))?;
    let noise: f64 = file.metadata["noise"].as_str().unwrap_or_default().parse()?;
    // These networks amplify rounding a thousand times and more. PyTorch's own error in float32 is in the fixture, and
    // Winograd's products round ten times as coarsely and more. What the networks are shows in float64, below.
    let tolerance = (100.0 * noise).clamp(1e-4, 1e-2);
    let worst = assert_samples(&named(&model, &gradients), &fixture.group("grad"), tolerance);
    println!("{name}: gradients {worst:.1e}, PyTorch {noise:.1e}");
    let mut exact = seeded(&fixture.config, fixture.seed)?;
    exact.to_double()?;
    let (_, gradients) = exact.loss_and_gradients(&batch)?;
    let worst = assert_samples(&named(&exact, &gradients), &fixture.group("grad"), 1e-5);
    println!("{name}: gradients in float64 {worst:.1e}");

    model.train_step(&batch, &mut standing()?, &mut Meter::new())?;
    let mut statistics = state(&model)?;
    let expected = fixture.group("stat");
    statistics.retain(|name, _| expected.contains_key(name));
    let worst = assert_samples(&statistics, &expected, TOLERANCE);
    println!("{name}: statistics {worst:.1e}");
    let first = model.logits(&batch)?;
    let worst = assert_close("logits", &first, fixture.get("logits"), TOLERANCE);
    println!("{name}: logits {worst:.1e}");
    assert_close(
        "logits by packed weights",
        &model.logits(&batch)?,
        fixture.get("logits"),
        TOLERANCE,
    );
    Ok(())
}

/// Gradients by the names of their parameters.
fn named(model: &CnnLstm, gradients: &[Tensor]) -> BTreeMap<String, Tensor> {
    let pairs = model.parameters().iter().zip(gradients);
    pairs
        .map(|(parameter, gradient)| (parameter.name.clone(), gradient.shallow_clone()))
        .collect()
}

/// Compares samples and norms of tensors; the largest error, relative to the norm that so many values have on average.
fn assert_samples(actual: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>, tolerance: f64) -> f64 {
    assert!(actual.keys().eq(expected.keys()), "the names differ");
    let mut worst = 0.0_f64;
    for (name, tensor) in actual {
        let flat = tensor.detach().flatten(0, -1).to_kind(Kind::Double); // a norm of a million values in float32 has 3e-5
        let step = (flat.size()[0] / SAMPLES).max(1);
        let sampled = flat
            .slice(0, 0, None, step)
            .slice(0, 0, SAMPLES, 1)
            .to_kind(Kind::Float);
        let expected = &expected[name];
        let count = sampled.size()[0];
        assert_eq!(expected.size(), [count + 1], "{name}");
        let norm = expected.double_value(&[-1]);
        if norm < NOISE {
            assert!(
                flat.norm().double_value(&[]) < tolerance,
                "{name} is rounding, and nothing else"
            );
            continue;
        }
        worst = worst.max(assert_close(
            &format!("norm of {name}"),
            &flat.norm().to_kind(Kind::Float),
            &expected.get(-1),
            tolerance,
        ));
        let error = (&sampled - expected.narrow(0, 0, count)).norm().double_value(&[]);
        let share = (count as f64 / flat.size()[0] as f64).sqrt();
        assert!(
            error <= tolerance * norm * share,
            "{name}: {error:.2e} beside a norm of {norm:.2e}"
        );
        worst = worst.max(error / (norm * share));
    }
    worst
}

#[test]
fn every_fixture_is_tested() -> TestResult {
    assert_all_tested("backbone", NAMES)
}

fn grey(name: &str) -> TestResult<ModelConfig> {
    Ok(serde_json::from_value(json!({
        "input": { "channels": 2, "height": 8, "width": 9 },
        "numClasses": 3,
        "cnn": name,
        "globalPool": "average",
        "lstm": { "hiddenSize": 6, "numLayers": 1, "dropout": 0.0, "bidirectional": false },
    }))?)
}

/// Frames of other channels and of fewer pixels than the network halves them.
#[test]
fn a_step_learns_and_a_file_keeps_it() -> TestResult {
    let folder = TempFolder::new("backbones")?;
    for name in NAMES {
        let mut model = seeded(&grey(name)?, 1)?;
        let batch = small_batch(1, 3, Some(2))?;
        let mut optimizer = Optimizer::new(Rule::Adam {
            learning_rate: 1e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
        })?;
        let before = model.logits(&batch)?;
        for _ in 0..2 {
            model.train_step(&batch, &mut optimizer, &mut Meter::new())?;
        }
        let after = model.logits(&batch)?;
        assert!(relative_error(&after, &before) > 1e-3, "{name}");
        let path = folder.join(&format!("{name}.safetensors"));
        model.save(&path)?;
        let loaded = CnnLstm::load(&path, Device::Cpu)?;
        assert_eq!(loaded.config(), model.config());
        assert_same_bits(name, &loaded.logits(&batch)?, &after);
    }
    Ok(())
}

/// A frozen backbone normalises by its statistics and keeps them.
#[test]
fn a_frozen_backbone_stays_as_it_is() -> TestResult {
    let mut model = seeded(&grey("resnet18")?, 1)?;
    model.set_frozen("cnn.", true)?;
    let before = state(&model)?;
    let mut optimizer = Optimizer::new(Rule::Sgd {
        learning_rate: 0.1,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    })?;
    model.train_step(&small_batch(1, 3, Some(2))?, &mut optimizer, &mut Meter::new())?;
    for (name, tensor) in state(&model)? {
        if name.starts_with("cnn.") {
            assert_same_bits(&name, &tensor, &before[&name]);
        } else {
            assert!(relative_error(&tensor, &before[&name]) > 0.0, "{name}");
        }
    }
    Ok(())
}

#[test]
fn what_a_backbone_cannot_be_is_an_error_with_a_name() -> TestResult {
    let config = grey("resnet18")?;
    let mut vectors = config.clone();
    vectors.input = serde_json::from_value(json!({ "features": 4 }))?;
    vectors.global_pool = zoetrope_core::GlobalPool::None;
    let message = vectors
        .validate()
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(message.contains("cnn") && message.contains("resnet18"), "{message}");
    let mut forecast = config.clone();
    forecast.num_classes = 0;
    forecast.head = serde_json::from_value(json!({
        "kind": "forecast",
        "forecast": { "horizon": 2, "mode": "direct" },
    }))?;
    let message = forecast
        .validate()
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(message.contains("mirrors"), "{message}");
    let text = serde_json::to_string(&config)?;
    assert!(text.contains(r#""cnn":"resnet18""#), "{text}");
    let unknown = grey("resnet19")
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(unknown.contains("resnet19"), "{unknown}");
    Ok(())
}
