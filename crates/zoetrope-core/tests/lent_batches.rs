//! A batch over memory that stays where it is trains as a copied one does, and lets go of the memory.

#![allow(missing_docs)]

mod common;

use std::sync::Arc;

use common::{Numbers, TestResult, assert_same_parameters, plain_lstm, seeded, small_config, snapshot};
use zoetrope_core::{
    Arrays, Batch, CnnLstm, Error, Inputs, Meter, Optimizer, OptimizerConfig, Result, TargetValues, Targets,
};

const SHAPE: [i64; 5] = [4, 3, 2, 8, 9];
const LENGTHS: [i64; 4] = [3, 1, 2, 3];

fn arrays(inputs: Inputs<'_>) -> Arrays<'_> {
    let targets = Targets {
        values: TargetValues::Integers(&[0, 1, 2, 1]),
        shape: &[4],
        ..Targets::default()
    };
    Arrays {
        inputs,
        shape: &SHAPE,
        lengths: Some(&LENGTHS),
        targets: Some(targets),
    }
}

fn lent_floats(values: &Arc<Vec<f32>>) -> Result<Batch> {
    // SAFETY: the batch holds the vector, which nobody writes to.
    unsafe { Batch::lent(arrays(Inputs::F32(values)), Box::new(Arc::clone(values))) }
}

fn lent_bytes(values: &Arc<Vec<u8>>) -> Result<Batch> {
    // SAFETY: as above.
    unsafe { Batch::lent(arrays(Inputs::U8(values)), Box::new(Arc::clone(values))) }
}

fn trained(batch: &Batch) -> TestResult<CnnLstm> {
    let mut model = seeded(&small_config(&plain_lstm())?, 0)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adam())?;
    for _ in 0..3 {
        model.train_step(batch, &mut optimizer, &mut Meter::new())?;
    }
    Ok(model)
}

#[test]
fn it_trains_bit_for_bit_as_a_copied_one_and_lets_go() -> TestResult {
    let mut numbers = Numbers(1);
    let count = SHAPE.iter().product::<i64>();
    let floats: Arc<Vec<f32>> = Arc::new((0..count).map(|_| numbers.next_unit() as f32).collect());
    let bytes: Arc<Vec<u8>> = Arc::new((0..count).map(|_| (numbers.next_unit() * 256.0) as u8).collect());
    let mut models = Vec::new();
    for (lent, copied) in [
        (lent_floats(&floats)?, Batch::from_arrays(arrays(Inputs::F32(&floats)))?),
        (lent_bytes(&bytes)?, Batch::from_arrays(arrays(Inputs::U8(&bytes)))?),
    ] {
        models.push(trained(&lent)?);
        drop(lent);
        models.push(trained(&copied)?);
    }
    for pair in models.chunks(2) {
        assert_same_parameters(&snapshot(&pair[0]), &snapshot(&pair[1]));
    }
    let holders = [Arc::strong_count(&floats), Arc::strong_count(&bytes)];
    assert_eq!(holders, [1, 1], "the models live on and hold no batch");
    Ok(())
}

#[test]
fn values_that_do_not_fit_the_shape_are_refused_and_let_go() {
    let values = Arc::new(vec![0.0; 7]);
    assert!(matches!(lent_floats(&values), Err(Error::ShapeMismatch { .. })));
    assert_eq!(Arc::strong_count(&values), 1);
}

/// Clips that are all of one length within a longer time axis: a view of the batch, whose frames do not lie side by side.
#[test]
fn bytes_with_the_same_padding_train_as_those_without() -> TestResult {
    let mut numbers = Numbers(2);
    for length in 1..3 {
        let [padded, cut] = [SHAPE[1], length].map(|time| [SHAPE[0], time, SHAPE[2], SHAPE[3], SHAPE[4]]);
        let frame = SHAPE[2..].iter().product::<i64>() as usize;
        let bytes: Vec<u8> = (0..padded.iter().product::<i64>())
            .map(|_| (numbers.next_unit() * 256.0) as u8)
            .collect();
        let kept: Vec<u8> = bytes
            .chunks(frame * padded[1] as usize)
            .flat_map(|clip| clip[..frame * length as usize].to_vec())
            .collect();
        let lengths = [length; 4];
        let with_padding = Batch::from_arrays(Arrays {
            shape: &padded,
            lengths: Some(&lengths),
            ..arrays(Inputs::U8(&bytes))
        })?;
        let without = Batch::from_arrays(Arrays {
            shape: &cut,
            lengths: None,
            ..arrays(Inputs::U8(&kept))
        })?;
        let models = [trained(&with_padding)?, trained(&without)?];
        assert_same_parameters(&snapshot(&models[0]), &snapshot(&models[1]));
        let logits = [models[0].logits(&with_padding)?, models[1].logits(&without)?];
        assert!(logits[0].equal(&logits[1]), "clips of {length}");
    }
    Ok(())
}
