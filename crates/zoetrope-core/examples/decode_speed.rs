//! How long decoding takes: 1,000 frames of 100 classes, on one core.
//!
//!     cargo run --release -p zoetrope-core --example decode_speed

#![allow(clippy::print_stdout)]

use std::time::Instant;

use zoetrope_core::{Decoding, Result, decode};

const FRAMES: usize = 1000;
const OUTPUTS: usize = 101;
const RUNS: usize = 9;

fn main() -> Result<()> {
    println!(
        "{FRAMES} frames, {} classes and the blank; median of {RUNS} runs, ms",
        OUTPUTS - 1
    );
    for (name, scale) in [("noise", 1.0), ("unsure", 5.0), ("sure", 12.0)] {
        let rows = rows(scale);
        for beams in [1, 16, 64] {
            let decoding = Decoding {
                beams,
                ..Decoding::default()
            };
            let mut seconds = Vec::new();
            let mut labels = 0;
            for _ in 0..RUNS {
                let began = Instant::now();
                let found = decode(&rows, OUTPUTS, &decoding, &|| Ok(()))?;
                seconds.push(began.elapsed().as_secs_f64());
                labels = found.labels.map_or(0, |labels| labels.len());
            }
            seconds.sort_by(f64::total_cmp);
            println!(
                "{name:>7} {beams:>3} beams: {:7.2} ({labels} labels)",
                seconds[RUNS / 2] * 1e3
            );
        }
    }
    Ok(())
}

/// Log-probabilities of random scores; every third frame is mostly blank.
fn rows(scale: f64) -> Vec<f64> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let mut rows: Vec<f64> = (0..FRAMES * OUTPUTS).map(|_| scale * next()).collect();
    for (frame, row) in rows.chunks_exact_mut(OUTPUTS).enumerate() {
        if frame % 3 == 0 {
            row[0] += scale;
        }
        let sum: f64 = row.iter().map(|score| score.exp()).sum();
        for score in row {
            *score -= sum.ln();
        }
    }
    rows
}
