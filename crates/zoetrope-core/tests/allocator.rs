//! Memory that is freed is used again, also by tensors of other sizes, as batches of ever other lengths have them.

#![allow(missing_docs)]

mod common;

use common::{TestResult, config, seeded};
use serde_json::json;
use tch::{Device, Kind, Tensor};

fn zeros(count: i64) -> Tensor {
    Tensor::zeros([count], (Kind::Float, Device::Cpu))
}

#[test]
fn a_freed_block_serves_requests_down_to_a_quarter_of_its_size() -> TestResult {
    let tiny = config(json!({
        "input": { "features": 2 }, "cnn": [], "numClasses": 2,
        "lstm": { "hiddenSize": 2, "numLayers": 1, "dropout": 0.0, "bidirectional": false },
    }))?;
    drop(seeded(&tiny, 0)?); //     with the first model comes the allocator
    let address = zeros(1 << 20).data_ptr();
    for count in [1 << 20, 1 << 19, 1 << 18] {
        assert_eq!(zeros(count).data_ptr(), address, "{count} values");
    }
    let (first, second) = (zeros(1 << 20), zeros(1 << 18));
    let kept = [first.data_ptr(), second.data_ptr()];
    assert_ne!(kept[0], kept[1], "two that live");
    drop((first, second));
    assert!(
        !kept.contains(&zeros(1 << 15).data_ptr()),
        "an eighth of the smaller one"
    );
    Ok(())
}
