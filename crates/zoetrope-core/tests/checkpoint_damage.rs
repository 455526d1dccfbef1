//! Headers and configurations as nobody should write them: each loads or is `Checkpoint`, quickly and in little memory.

#![allow(clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::path::Path;

use common::{
    Numbers, TempFolder, TestResult, assert_same_bits, config, plain_lstm, seeded, small_batch, small_config,
};
use serde_json::{Value, json};
use tch::Device;
use zoetrope_core::{CnnLstm, Error, Names, StateDictMismatch};

const CONFIG_KEY: &str = "zoetrope.config";

/// A saved model whose header and configuration can be changed.
struct Parts {
    header: Value,
    config: Value,
    data: Vec<u8>,
}

impl Parts {
    fn of(model: &CnnLstm, path: &Path) -> TestResult<Self> {
        model.save(path)?;
        let content = fs::read(path)?;
        let end = 8 + u64::from_le_bytes(content[..8].try_into()?) as usize;
        let header: Value = serde_json::from_slice(&content[8..end])?;
        let text = header["__metadata__"][CONFIG_KEY].as_str().ok_or("no configuration")?;
        let config = serde_json::from_str(text)?;
        let data = content[end..].to_vec();
        Ok(Self { header, config, data })
    }

    fn write(&self, path: &Path) -> TestResult {
        self.write_text(path, &self.config.to_string())
    }

    fn write_text(&self, path: &Path, config: &str) -> TestResult {
        let mut header = self.header.clone();
        if let Some(metadata) = header.get_mut("__metadata__").and_then(Value::as_object_mut) {
            metadata.insert(CONFIG_KEY.to_owned(), json!(config));
        }
        write(path, &header.to_string(), &self.data)
    }
}

fn write(path: &Path, header: &str, data: &[u8]) -> TestResult {
    let content = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat();
    Ok(fs::write(path, content)?)
}

#[track_caller]
fn refused<T>(what: &str, outcome: zoetrope_core::Result<T>) -> (String, StateDictMismatch) {
    match outcome {
        Err(Error::Checkpoint { reason, mismatch, .. }) => {
            assert!(reason.len() < 64 << 10, "{what}: a message of {} bytes", reason.len());
            (reason, *mismatch)
        }
        Err(other) => panic!("{what}: expected Error::Checkpoint, received {other:?}"),
        Ok(_) => panic!("{what}: expected Error::Checkpoint, received no error"),
    }
}

#[test]
fn a_configuration_of_a_million_layers_is_refused_before_anything_is_built() -> TestResult {
    let folder = TempFolder::new("layers")?;
    let path = folder.join("model.safetensors");
    let good = Parts::of(&seeded(&small_config(&plain_lstm())?, 1)?, &path)?;
    for (pointer, value) in [
        ("/lstm/numLayers", json!(1 << 20)),
        ("/cnn", json!(vec![good.config["cnn"][0].clone(); 2])),
    ] {
        let mut parts = Parts::of(&seeded(&small_config(&plain_lstm())?, 1)?, &path)?;
        *parts.config.pointer_mut(pointer).ok_or("no such option")? = value;
        parts.config["lstm"]["hiddenSize"] = json!(1);
        parts.write(&path)?;
        refused(pointer, CnnLstm::load(&path, Device::Cpu));
    }
    let mut parts = good;
    parts.config["lstm"]["numLayers"] = json!(1 << 20);
    parts.config["lstm"]["hiddenSize"] = json!(1);
    parts.write(&path)?;
    let (reason, _) = refused("layers", CnnLstm::load(&path, Device::Cpu));
    assert!(reason.contains("asks for 4194310 tensors, and it holds 10"), "{reason}");
    Ok(())
}

#[test]
fn long_lists_of_names_are_cut_and_counted() -> TestResult {
    let folder = TempFolder::new("lists")?;
    let path = folder.join("model.safetensors");
    let mut model = seeded(&small_config(&plain_lstm())?, 1)?;
    let long = "n".repeat(1 << 20);
    let mut header: serde_json::Map<String, Value> = (0..100_000)
        .map(|k| {
            (
                format!("extra{k}"),
                json!({ "dtype": "F32", "shape": [0], "data_offsets": [0, 0] }),
            )
        })
        .collect();
    header.insert(long, json!({ "dtype": "F32", "shape": [0], "data_offsets": [0, 0] }));
    write(&path, &Value::Object(header).to_string(), &[])?;
    let (reason, mismatch) = refused("names", model.load_state_dict_file(&path));
    assert_eq!(mismatch.unexpected.listed.len(), Names::LISTED);
    assert_eq!(mismatch.unexpected.omitted, 100_001 - Names::LISTED);
    assert!(
        reason.contains(&format!("and {} more", 100_001 - Names::LISTED)),
        "{reason}"
    );
    assert_eq!(mismatch.missing.listed.len(), 10);
    Ok(())
}

#[test]
fn the_bound_on_layers_counts_as_many_tensors_as_a_model_has() -> TestResult {
    let block = |norm: Value, residual: bool| {
        json!({
            "outChannels": 4, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu", "maxPool": null,
            "norm": norm, "residual": residual,
        })
    };
    let blocks = json!([
        block(json!("batch"), true),
        block(json!("layer"), true),
        block(Value::Null, false)
    ]);
    for (cnn, projection, cell, bidirectional, pooling) in [
        (json!([]), json!(null), "lstm", false, "last"),
        (blocks.clone(), json!(3), "gru", true, "attention"),
        (blocks, json!(null), "lstm", true, "mean"),
    ] {
        let config = config(json!({
            "input": { "channels": 2, "height": 8, "width": 9 },
            "numClasses": 3,
            "cnn": cnn,
            "projection": projection,
            "lstm": {
                "cell": cell, "hiddenSize": 4, "numLayers": 3, "dropout": 0.0, "bidirectional": bidirectional,
            },
            "pooling": pooling,
        }))?;
        let state = seeded(&config, 1)?.state_dict()?;
        let counts = state.iter().filter(|entry| entry.name.ends_with("num_batches_tracked"));
        assert_eq!(config.num_parameter_tensors(), state.len() - counts.count());
    }
    Ok(())
}

/// A name is looked up, not searched: 32,000 tensors took half a minute.
#[test]
fn a_model_of_many_layers_saves_and_loads() -> TestResult {
    let folder = TempFolder::new("many-layers")?;
    let path = folder.join("model.safetensors");
    let config = config(json!({
        "input": { "features": 2 },
        "numClasses": 2,
        "cnn": [],
        "lstm": { "hiddenSize": 1, "numLayers": 8000, "dropout": 0.0, "bidirectional": false },
    }))?;
    let model = seeded(&config, 1)?;
    model.save(&path)?;
    let mut again = CnnLstm::load(&path, Device::Cpu)?;
    again.load_state_dict(&model.state_dict()?)?;
    again.load_state_dict_file(&path)?;
    assert_eq!(again.parameters().len(), 32_002);
    let last = "lstm.lstm.bias_hh_l7999";
    let parameter = |model: &CnnLstm| model.parameter(last).map(|tensor| tensor.detach().copy());
    assert_same_bits(last, &parameter(&again).ok_or(last)?, &parameter(&model).ok_or(last)?);
    Ok(())
}

#[test]
fn headers_that_lie_are_refused() -> TestResult {
    let folder = TempFolder::new("headers")?;
    let path = folder.join("model.safetensors");
    let mut model = seeded(&small_config(&plain_lstm())?, 1)?;
    let good = Parts::of(&model, &path)?;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let entry = |dtype: &str, shape: &str, begin: usize, end: usize| {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    let headers = [
        ("deep nesting", format!(r#"{{"a":{}}}"#, nested(100_000))),
        ("nested for ever", "[".repeat(1_000_000)),
        (
            "overlapping",
            format!(
                r#"{{"a":{},"b":{}}}"#,
                entry("F32", "[8]", 0, 32),
                entry("F32", "[12]", 16, 64)
            ),
        ),
        (
            "a hole",
            format!(
                r#"{{"a":{},"b":{}}}"#,
                entry("F32", "[4]", 0, 16),
                entry("F32", "[8]", 32, 64)
            ),
        ),
        (
            "a key twice",
            format!(
                r#"{{"a":{},"a":{}}}"#,
                entry("F32", "[8]", 0, 32),
                entry("F32", "[8]", 32, 64)
            ),
        ),
        ("metadata twice", r#"{"__metadata__":{},"__metadata__":{}}"#.to_owned()),
        ("metadata of numbers", r#"{"__metadata__":{"format":3}}"#.to_owned()),
        (
            "a size of 2⁶³ beside one of 0",
            format!(
                r#"{{"fc.bias":{},"a":{}}}"#,
                entry("F32", "[9223372036854775808,0]", 0, 0),
                entry("F32", "[16]", 0, 64)
            ),
        ),
        (
            "a size of 2⁶⁴",
            format!(r#"{{"fc.bias":{}}}"#, entry("F32", "[18446744073709551616,0]", 0, 64)),
        ),
        (
            "an overflowing product",
            format!(r#"{{"fc.bias":{}}}"#, entry("F32", "[4294967296,4294967296,2]", 0, 64)),
        ),
        (
            "a thousand axes",
            format!(
                r#"{{"fc.bias":{}}}"#,
                entry("F32", &format!("[{}16]", "1,".repeat(1000)), 0, 64)
            ),
        ),
        (
            "offsets beyond",
            format!(r#"{{"fc.bias":{}}}"#, entry("F32", "[16]", 0, usize::MAX)),
        ),
        (
            "eight-bit floats",
            format!(r#"{{"fc.bias":{}}}"#, entry("F8_E4M3", "[64]", 0, 64)),
        ),
        (
            "four-bit floats",
            format!(r#"{{"fc.bias":{}}}"#, entry("F4", "[128]", 0, 64)),
        ),
    ];
    for (what, header) in headers {
        write(&path, &header, &[0; 64])?;
        refused(what, CnnLstm::load(&path, Device::Cpu));
        refused(what, model.load_state_dict_file(&path));
    }
    for dtype in ["I64", "I32", "U32", "F8_E5M2", "BOOL", "F64", "C64"] {
        let mut parts = Parts::of(&model, &path)?;
        parts.header["fc.bias"]["dtype"] = json!(dtype);
        parts.write(&path)?;
        refused(dtype, CnnLstm::load(&path, Device::Cpu));
    }
    for text in [
        nested(100_000),
        "{".repeat(100_000),
        format!(r#"{{"{}":1}}"#, "x".repeat(1 << 20)),
        good.config
            .to_string()
            .replacen("\"numClasses\"", "\"numClasses\":3,\"numClasses\"", 1),
        good.config.to_string() + "}",
    ] {
        good.write_text(&path, &text)?;
        refused(&text[..20], CnnLstm::load(&path, Device::Cpu));
    }
    Ok(())
}

/// Half precision is what many checkpoints are kept in.
#[test]
fn half_precision_is_widened() -> TestResult {
    let folder = TempFolder::new("half")?;
    let path = folder.join("half.safetensors");
    let mut model = seeded(&small_config(&plain_lstm())?, 1)?;
    let state = seeded(&small_config(&plain_lstm())?, 2)?.state_dict()?;
    for (dtype, kind) in [("F16", tch::Kind::Half), ("BF16", tch::Kind::BFloat16)] {
        let mut header = serde_json::Map::new();
        let mut data = Vec::new();
        for entry in &state {
            let begin = data.len();
            data.extend(common::safetensors_file::to_bytes(&entry.tensor.to_kind(kind)));
            header.insert(
                entry.name.clone(),
                json!({ "dtype": dtype, "shape": entry.tensor.size(), "data_offsets": [begin, data.len()] }),
            );
        }
        write(&path, &Value::Object(header).to_string(), &data)?;
        model.load_state_dict_file(&path)?;
        for entry in &state {
            let widened = entry.tensor.to_kind(kind).to_kind(tch::Kind::Float);
            let parameter = model.parameter(&entry.name).ok_or("no such parameter")?;
            assert_same_bits(&entry.name, &parameter.detach(), &widened);
        }
    }
    let batch = small_batch(5, 3, Some(2))?;
    assert_eq!(model.logits(&batch)?.size(), [3, 3]);
    Ok(())
}

/// Mutates a random place of the header or the configuration, a seeded number of times.
#[test]
fn random_damage_never_does_worse_than_an_error() -> TestResult {
    let folder = TempFolder::new("random")?;
    let path = folder.join("model.safetensors");
    let mut model = seeded(&small_config(&plain_lstm())?, 1)?;
    let mut numbers = Numbers(7);
    for round in 0..1500 {
        let mut parts = Parts::of(&model, &path)?;
        let mut below = |limit: usize| (numbers.next_unit() * limit as f64) as usize;
        for _ in 0..=below(2) {
            let root = if below(2) == 0 {
                &mut parts.header
            } else {
                &mut parts.config
            };
            mutate(root, &mut below);
        }
        parts.write(&path)?;
        let what = format!("round {round}: {} {}", parts.header, parts.config);
        for error in [
            CnnLstm::load(&path, Device::Cpu).err(),
            model.load_state_dict_file(&path).err(),
        ] {
            assert!(
                matches!(error, None | Some(Error::Checkpoint { .. })),
                "{what}: {error:?}"
            );
        }
    }
    Ok(())
}

/// Replaces, removes or doubles one value somewhere inside.
fn mutate(value: &mut Value, below: &mut impl FnMut(usize) -> usize) {
    let mut place = value;
    loop {
        let count = match place {
            Value::Object(map) => map.len(),
            Value::Array(list) => list.len(),
            _ => 0,
        };
        if count == 0 || below(4) == 0 {
            break;
        }
        let at = below(count);
        let next = match place {
            Value::Object(map) => map.values_mut().nth(at),
            Value::Array(list) => list.get_mut(at),
            _ => None,
        };
        match next {
            Some(next) => place = next,
            None => return,
        }
    }
    match (place, below(3)) {
        (Value::Array(list), 0) => {
            if let Some(first) = list.first().cloned() {
                list.push(first);
            }
        }
        (Value::Object(map), 0) => {
            let key = map.keys().nth(below(map.len().max(1))).cloned();
            if let Some(key) = key {
                map.remove(&key);
            }
        }
        (place, _) => {
            let hostile = [
                json!(null),
                json!(-1),
                json!(0),
                json!(1),
                json!(2),
                json!(3),
                json!(1 << 20),
                json!(i64::MAX),
                json!(u64::MAX),
                json!(1e300),
                json!(0.5),
                json!(""),
                json!("F16"),
                json!("I64"),
                json!(true),
                json!([]),
                json!({}),
                json!([0, 0]),
                json!([1_u64 << 40, 1_u64 << 40]),
            ];
            *place = hostile[below(hostile.len())].clone();
        }
    }
}
