//! Training steps in a plain Rust loop: what the benchmark holds an epoch through TypeScript against.
//!
//! Reads one job as a line of JSON on standard input (`benchmark/README.md` describes it), says that it is ready, and makes
//! a sweep over all batches for each further line, whose milliseconds it prints.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use zoetrope_core::{
    Arrays, Batch, CnnLstm, Inputs, Meter, Optimizer, OptimizerConfig, TargetValues, Targets, TensorDataset, threads,
};

const WARM_UP_STEPS: i64 = 3;

#[derive(Deserialize)]
struct Job {
    threads: i32,
    weights: PathBuf,
    /// float32, little-endian.
    inputs: PathBuf,
    /// int32, little-endian.
    targets: PathBuf,
    shape: Shape,
    /// Batches of a sweep.
    batches: i64,
}

/// Clips of `[batch, time, 3, size, size]`.
#[derive(Deserialize)]
struct Shape {
    batch: i64,
    time: i64,
    size: i64,
}

#[allow(clippy::print_stdout)] // its purpose
fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = std::io::stdin().lines();
    let job: Job = serde_json::from_str(&lines.next().ok_or("expected a job")??)?;
    threads::set_num_threads(job.threads);
    threads::apply()?;
    let mut model = CnnLstm::load(&job.weights, tch::Device::Cpu)?;
    let mut optimizer = Optimizer::new(OptimizerConfig::adam())?;
    let dataset = Arc::new(read_dataset(&job)?);

    let mut sweep = |batches: i64| -> zoetrope_core::Result<Duration> {
        let begin = Instant::now();
        let mut meter = Meter::new();
        for step in 0..batches {
            let first = step % job.batches * job.shape.batch;
            let batch = Batch::gathered(Arc::clone(&dataset), (first..first + job.shape.batch).collect())?;
            model.train_step(&batch, &mut optimizer, &mut meter)?;
        }
        meter.read()?;
        Ok(begin.elapsed())
    };
    sweep(WARM_UP_STEPS)?;
    println!("true");
    for line in lines {
        line?;
        println!("{{\"ms\": {}}}", sweep(job.batches)?.as_secs_f64() * 1000.0);
    }
    Ok(())
}

/// The first `batches` batches of the pool, one sample after the other.
fn read_dataset(job: &Job) -> Result<TensorDataset, Box<dyn Error>> {
    let Shape { batch, time, size } = job.shape;
    let samples = batch * job.batches;
    let shape = if time == 1 {
        vec![samples, 3, size, size]
    } else {
        vec![samples, time, 3, size, size]
    };
    let inputs = read(&job.inputs, shape.iter().product(), f32::from_le_bytes)?;
    let targets = read(&job.targets, samples, |bytes| i64::from(i32::from_le_bytes(bytes)))?;
    let targets = Targets {
        values: TargetValues::Integers(&targets),
        shape: &[samples],
        ..Targets::default()
    };
    Ok(TensorDataset::new(Arrays {
        inputs: Inputs::F32(&inputs),
        shape: &shape,
        lengths: None,
        targets: Some(targets),
    })?)
}

fn read<T>(path: &Path, count: i64, parse: impl Fn([u8; 4]) -> T) -> std::io::Result<Vec<T>> {
    let bytes = std::fs::read(path)?;
    let (words, _rest) = bytes.as_chunks::<4>();
    Ok(words.iter().take(count as usize).map(|&word| parse(word)).collect())
}
