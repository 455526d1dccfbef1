//! `seed: s` is `torch.manual_seed(s)`: the same initial weights, bit for bit.
//!
//! Digests from `python crates/zoetrope-core/tests/make_fixtures.py` with torch 2.11.0 (CPU).

#![allow(missing_docs)]

mod common;

use std::fs;

use common::fixture::{Fixture, fixture_path};
use common::safetensors_file::to_bytes;
use common::sha256::sha256;
use common::{TestResult, assert_same_parameters, seeded, snapshot};
use serde::Deserialize;
use tch::Kind;
use zoetrope_core::ModelConfig;

#[derive(Deserialize)]
struct ExpectedModel {
    config: ModelConfig,
    seed: u64,
    parameters: Vec<ExpectedParameter>,
}

#[derive(Deserialize)]
struct ExpectedParameter {
    name: String,
    shape: Vec<i64>,
    sha256: String,
    first: Vec<f32>,
}

/// Names in PyTorch's order, shapes, first values (for people) and the digest of all bytes.
#[test]
fn equal_pytorch_bit_for_bit() -> TestResult {
    let text = fs::read_to_string(fixture_path("initial_weights.json"))?;
    let models: Vec<ExpectedModel> = serde_json::from_str(&text)?;
    assert!(models.len() >= 15, "{} models", models.len());
    for expected in models {
        let model = seeded(&expected.config, expected.seed)?;
        let names: Vec<&str> = model
            .parameters()
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        let expected_names: Vec<&str> = expected
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        assert_eq!(names, expected_names);
        for (parameter, expected_parameter) in model.parameters().iter().zip(&expected.parameters) {
            let (seed, name, tensor) = (expected.seed, &parameter.name, parameter.tensor.detach());
            assert_eq!(tensor.size(), expected_parameter.shape, "seed {seed}: {name}");
            assert_eq!(tensor.kind(), Kind::Float, "seed {seed}: {name}");
            let values = Vec::<f32>::try_from(tensor.flatten(0, -1))?;
            assert!(
                values.starts_with(&expected_parameter.first),
                "seed {seed}: {name} begins with {:?}",
                &values[..1]
            );
            assert_eq!(
                sha256(&to_bytes(&tensor)),
                expected_parameter.sha256,
                "seed {seed}: digest of {name}"
            );
        }
    }
    Ok(())
}

/// The same against whole tensors, which say where they differ if they do.
#[test]
fn equal_the_parity_fixtures_weights() -> TestResult {
    for case in [
        "images",
        "two_layers",
        "bidirectional_two_layers",
        "block_variants",
        "dropout",
    ] {
        let fixture = Fixture::load(case)?;
        assert_same_parameters(
            &snapshot(&seeded(&fixture.config, fixture.seed)?),
            &fixture.group("param"),
        );
    }
    Ok(())
}

/// The digest itself, on the standard's own example.
#[test]
fn sha256_of_abc() {
    assert_eq!(
        sha256(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
