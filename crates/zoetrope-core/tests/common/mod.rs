//! What the integration tests share: PyTorch's numbers, and how to compare with them.
//!
//! Every number comes from `python crates/zoetrope-core/tests/make_fixtures.py` with torch 2.11.0 (CPU, one thread);
//! what a fixture holds is said at the top of that script.

// Each test program uses its own part of this module.
#![allow(dead_code)]

pub mod draws;
pub mod fixture;
pub mod forecasts;
pub mod python;
pub mod safetensors_file;
pub mod sha256;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use zoetrope_core::{Batch, CnnLstm, Generator, Inputs, ModelConfig, NamedTensor, StateDict};

pub type TestResult<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// ‖actual − expected‖ / ‖expected‖; the bare distance where a zero tensor is expected.
pub fn relative_error(actual: &Tensor, expected: &Tensor) -> f64 {
    let [actual, expected] = [actual, expected].map(|tensor| tensor.to_device(Device::Cpu).to_kind(Kind::Double));
    let scale = expected.norm().double_value(&[]);
    (actual - expected).norm().double_value(&[]) / if scale == 0.0 { 1.0 } else { scale }
}

/// Fails where shapes differ or the relative error is above the tolerance (or NaN); returns the error.
#[track_caller]
pub fn assert_close(name: &str, actual: &Tensor, expected: &Tensor, tolerance: f64) -> f64 {
    assert_eq!(
        actual.size(),
        expected.size(),
        "shape of {name}: actual (left) is not as expected (right)"
    );
    let error = relative_error(actual, expected);
    assert!(
        error <= tolerance,
        "{name}: relative error {error:.2e} is above {tolerance:.0e}\n  actual   {}\n  expected {}",
        describe(actual),
        describe(expected),
    );
    error
}

/// Fails unless the tensors have the same shape, type and bits.
#[track_caller]
pub fn assert_same_bits(name: &str, actual: &Tensor, expected: &Tensor) {
    assert_eq!(actual.size(), expected.size(), "shape of {name}");
    assert_eq!(actual.kind(), expected.kind(), "type of {name}");
    assert!(
        safetensors_file::to_bytes(actual) == safetensors_file::to_bytes(expected),
        "{name} differs by {:.2e} (relative), expected the very same bits\n  actual   {}\n  expected {}",
        relative_error(actual, expected),
        describe(actual),
        describe(expected),
    );
}

/// The norm and the first values.
fn describe(tensor: &Tensor) -> String {
    let flat = tensor.to_device(Device::Cpu).to_kind(Kind::Double).flatten(0, -1);
    let first: Vec<f64> = (0..flat.size1().unwrap_or(0).min(6))
        .map(|i| flat.double_value(&[i]))
        .collect();
    format!("norm {:.6e}, first {first:.6?}", flat.norm().double_value(&[]))
}

/// A norm below which a gradient is rounding: that of a bias in front of a batch norm or a softmax, which cancels it.
pub const NOISE: f64 = 1e-6;

pub fn norm(tensor: &Tensor) -> f64 {
    tensor.norm().double_value(&[])
}

/// Fails unless every gradient is within 1e-4 of the expected one, or rounding where that is rounding; returns the largest
/// error.
#[track_caller]
pub fn assert_gradients(model: &CnnLstm, gradients: &[Tensor], expected: &BTreeMap<String, Tensor>) -> f64 {
    assert_eq!(gradients.len(), expected.len(), "one gradient for every parameter");
    let mut largest = 0.0_f64;
    for (parameter, gradient) in model.parameters().iter().zip(gradients) {
        let (name, expected) = (format!("gradient of {}", parameter.name), &expected[&parameter.name]);
        if norm(expected) < NOISE {
            assert!(norm(gradient) < NOISE, "{name}: norm {:e}", norm(gradient));
        } else {
            largest = largest.max(assert_close(&name, gradient, expected, 1e-4));
        }
    }
    largest
}

/// A model's parameters and buffers, by name.
pub fn state(model: &CnnLstm) -> TestResult<BTreeMap<String, Tensor>> {
    let entries = model.state_dict()?.into_iter();
    Ok(entries.map(|entry| (entry.name, entry.tensor)).collect())
}

/// Detached copies of a model's parameters, by name.
pub fn snapshot(model: &CnnLstm) -> BTreeMap<String, Tensor> {
    model
        .parameters()
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter.tensor.detach().copy()))
        .collect()
}

/// Fails unless two snapshots are the same, bit for bit.
#[track_caller]
pub fn assert_same_parameters(actual: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>) {
    assert!(
        actual.keys().eq(expected.keys()),
        "names: {:?}, expected {:?}",
        actual.keys(),
        expected.keys()
    );
    for (name, tensor) in actual {
        assert_same_bits(name, tensor, &expected[name]);
    }
}

/// True where any parameter has other bits.
pub fn any_differs(left: &BTreeMap<String, Tensor>, right: &BTreeMap<String, Tensor>) -> bool {
    left.iter()
        .any(|(name, tensor)| safetensors_file::to_bytes(tensor) != safetensors_file::to_bytes(&right[name]))
}

/// A model configuration from its JSON form.
pub fn config(json: Value) -> TestResult<ModelConfig> {
    Ok(serde_json::from_value(json)?)
}

/// A small model's configuration: 2 × 8 × 9 frames, three classes, two blocks of four channels.
pub fn small_config(lstm: &Value) -> TestResult<ModelConfig> {
    two_blocks(4, lstm)
}

/// The same with blocks of as many channels.
pub fn two_blocks(channels: i64, lstm: &Value) -> TestResult<ModelConfig> {
    let block = json!({
        "outChannels": channels, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": 2,
    });
    config(json!({
        "input": { "channels": 2, "height": 8, "width": 9 },
        "numClasses": 3,
        "classes": null,
        "cnn": [block.clone(), block],
        "lstm": lstm,
    }))
}

/// An LSTM of one layer and one direction.
pub fn plain_lstm() -> Value {
    json!({ "hiddenSize": 6, "numLayers": 1, "dropout": 0.0, "bidirectional": false })
}

/// A model on the CPU whose stream starts at `seed`.
pub fn seeded(config: &ModelConfig, seed: u64) -> TestResult<CnnLstm> {
    Ok(CnnLstm::new(config, Device::Cpu, &Generator::from_seed(seed)?)?)
}

/// A batch for [`small_config`]: values and targets depend on `seed` alone.
pub fn small_batch(seed: u64, batch: i64, time: Option<i64>) -> TestResult<Batch> {
    let shape: Vec<i64> = [batch].into_iter().chain(time).chain([2, 8, 9]).collect();
    let mut numbers = Numbers(seed);
    let inputs: Vec<f32> = (0..shape.iter().product())
        .map(|_: i64| (numbers.next_unit() * 2.0 - 1.0) as f32)
        .collect();
    let targets: Vec<i64> = (0..batch).map(|_| (numbers.next_unit() * 3.0) as i64).collect();
    Ok(Batch::new(Inputs::F32(&inputs), &shape, Some(&targets))?)
}

/// `SplitMix64`: test data without a stream of libtorch's.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number of [0, 1).
    pub fn next_unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Named tensors as core takes them.
pub fn state_of(tensors: BTreeMap<String, Tensor>) -> StateDict {
    tensors
        .into_iter()
        .map(|(name, tensor)| NamedTensor { name, tensor })
        .collect()
}

/// A batch with the inputs' and targets' values; uint8 inputs stay uint8.
pub fn batch_of(inputs: &Tensor, targets: Option<&Tensor>) -> TestResult<Batch> {
    let flat = inputs.flatten(0, -1);
    let targets: Option<Vec<i64>> = targets.map(Vec::try_from).transpose()?;
    let batch = if inputs.kind() == Kind::Uint8 {
        Batch::new(
            Inputs::U8(&Vec::<u8>::try_from(flat)?),
            &inputs.size(),
            targets.as_deref(),
        )
    } else {
        Batch::new(
            Inputs::F32(&Vec::<f32>::try_from(flat)?),
            &inputs.size(),
            targets.as_deref(),
        )
    };
    Ok(batch?)
}

/// A folder of one test's own, removed at its end.
pub struct TempFolder(PathBuf);

impl TempFolder {
    pub fn new(test: &str) -> TestResult<Self> {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of all files in it.
    pub fn names(&self) -> TestResult<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
