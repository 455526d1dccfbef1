//! Log-mel frames against `NumPy`: `python crates/zoetrope-core/tests/make_log_mel.py`, which with `--librosa` compares
//! the same formulas with librosa's.

#![allow(missing_docs)]

mod common;

use common::fixture::fixture_path;
use common::safetensors_file::SafetensorsFile;
use common::{TestResult, assert_close};
use serde_json::Value;
use tch::{Kind, Tensor};
use zoetrope_core::LogMel;

#[test]
fn frames_are_those_of_numpy() -> TestResult {
    let SafetensorsFile { tensors, metadata } = SafetensorsFile::read(&fixture_path("audio/log_mel.safetensors"))?;
    let cases: Value = serde_json::from_str(metadata["cases"].as_str().ok_or("no cases")?)?;
    for (name, case) in cases.as_object().ok_or("cases are no object")? {
        let integer = |key: &str| case[key].as_i64().ok_or_else(|| format!("no {key}"));
        let number = |key: &str| case[key].as_f64().ok_or_else(|| format!("no {key}"));
        let settings = LogMel {
            sample_rate: number("rate")?,
            fft_size: integer("fft")?,
            hop_length: integer("hop")?,
            mels: integer("mels")?,
            min_frequency: number("low")?,
            max_frequency: number("high")?,
            floor: 1e-10,
        };
        let recording = &tensors[&format!("{name}.recording")];
        let frames = settings.frames(&Vec::<f32>::try_from(recording.flatten(0, -1))?, integer("channels")?)?;
        let actual = Tensor::from_slice(&frames.data).view(frames.shape.as_slice());
        assert_close(name, &actual, &tensors[&format!("{name}.frames")], 1e-5);
    }
    Ok(())
}

/// Frame k shows a click at sample k · hop, and no other frame as much.
#[test]
fn windows_are_centred_on_their_samples() -> TestResult {
    let settings = LogMel {
        sample_rate: 8000.0,
        fft_size: 128,
        hop_length: 64,
        mels: 10,
        min_frequency: 0.0,
        max_frequency: 4000.0,
        floor: 1e-10,
    };
    for k in [0, 3, 10] {
        let mut recording = vec![0.0; 641];
        recording[k * 64] = 1.0;
        let frames = settings.frames(&recording, 1)?;
        let loudest = Tensor::from_slice(&frames.data)
            .view(frames.shape.as_slice())
            .sum_dim_intlist([1_i64].as_slice(), false, Kind::Float)
            .argmax(0, false);
        assert_eq!(loudest.int64_value(&[]), k as i64);
        assert_eq!(frames.shape, [11, 10]);
    }
    Ok(())
}
