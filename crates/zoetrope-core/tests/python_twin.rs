//! The other way round: a file of ours loads into the tutorial's own PyTorch classes and gives the same logits.
//!
//! Runs `load_into_pytorch.py` with `$ZOETROPE_PYTHON` (or `python3`), and is skipped where that has no torch 2.11.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use common::safetensors_file::write;
use common::{Fixture, TempFolder, TestResult, batch_of};
use zoetrope_core::Meter;

const CASES: [&str; 15] = [
    "images",
    "two_layers",
    "bidirectional_two_layers",
    "block_variants",
    "odd_size",
    "one_block",
    "uint8_clips",
    "dropout_three_layers",
    "encoder/dilation",
    "encoder/batch_norm",
    "encoder/residual_norms",
    "encoder/all",
    "sequence/vectors",
    "sequence/gru",
    "sequence/dropouts",
];

/// The Python to use, or why there is none.
fn python_with_torch() -> Result<OsString, String> {
    let python = env::var_os("ZOETROPE_PYTHON").unwrap_or_else(|| "python3".into());
    let name = python.to_string_lossy();
    let output = Command::new(&python)
        .args(["-c", "import torch; print(torch.__version__)"])
        .output()
        .map_err(|error| format!("{name} does not run ({error})"))?;
    if !output.status.success() {
        return Err(format!(
            "{name} has no torch; set ZOETROPE_PYTHON to one that has torch 2.11"
        ));
    }
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if version.starts_with("2.11.") {
        Ok(python)
    } else {
        Err(format!(
            "{name} has torch {version}, not 2.11; set ZOETROPE_PYTHON to one that has"
        ))
    }
}

#[test]
fn loads_our_files_strictly_and_agrees() -> TestResult {
    let python = match python_with_torch() {
        Ok(python) => python,
        Err(reason) => {
            println!("skipped: {reason}");
            return Ok(());
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/load_into_pytorch.py");
    let folder = TempFolder::new("python")?;
    let mut paths = Vec::new();
    for case in CASES {
        let fixture = Fixture::load(case)?;
        let mut model = fixture.model()?;
        let mut optimizer = fixture.optimizer("sgd")?;
        for batch in fixture.batches()? {
            model.train_step(&batch, &mut optimizer, &mut Meter::new())?; // so the weights are no longer the seed's
        }
        let name = case.replace('/', "-");
        let pair = [format!("{name}.safetensors"), format!("{name}-logits.safetensors")].map(|name| folder.join(&name));
        model.save(&pair[0])?;
        let inputs = fixture.get("inputs").get(0);
        let logits = model.logits(&batch_of(&inputs, None)?)?;
        write(&pair[1], &[("inputs", &inputs), ("logits", &logits)], &[])?;
        paths.extend(pair);
    }
    let output = Command::new(&python).arg("-B").arg(&script).args(&paths).output()?;
    let [said, complained] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{said}{complained}");
    assert_eq!(said.lines().count(), CASES.len(), "{said}");
    print!("{said}");
    Ok(())
}
