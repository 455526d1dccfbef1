//! The other way round: a file of ours loads into the tutorial's own PyTorch classes and gives the same logits.
//!
//! Runs `load_into_pytorch.py` with `$ZOETROPE_PYTHON` (or `python3`), and is skipped where that has no torch 2.11.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use common::fixture::Fixture;
use common::python::{python_with_torch, run};
use common::safetensors_file::write;
use common::{TempFolder, TestResult, batch_of};
use zoetrope_core::Meter;

const CASES: [&str; 16] = [
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
    "sequence/ctc",
];

#[test]
fn loads_our_files_strictly_and_agrees() -> TestResult {
    let Some(python) = python_with_torch() else {
        return Ok(());
    };
    let folder = TempFolder::new("python")?;
    let mut paths = Vec::new();
    for case in CASES {
        let fixture = Fixture::load(case)?;
        let mut model = fixture.model()?;
        let mut optimizer = fixture.optimizer("sgd")?;
        let has_strings = fixture.has("target_lengths"); // these keep the seed's weights
        for batch in if has_strings { Vec::new() } else { fixture.batches()? } {
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
    let said = run(&python, "load_into_pytorch.py", &paths)?;
    assert_eq!(said.lines().count(), CASES.len(), "{said}");
    print!("{said}");
    Ok(())
}
