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
