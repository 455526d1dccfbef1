//! Slaney's mel scale and its filter bank, as librosa's `filters.mel` makes them by default.
//!
//! Malcolm Slaney, Auditory Toolbox, version 2, 1998: linear below 1000 Hz (200/3 Hz a mel), logarithmic above (27 mels
//! for each factor of 6.4). Each filter is a triangle from the centre of the one below to that of the one above, with
//! an area of 1 (`norm='slaney'`).

use super::array::reserved;
use crate::error::Result;

const HZ_PER_MEL: f64 = 200.0 / 3.0;
const LOG_FROM_HZ: f64 = 1000.0;
const LOG_FROM_MEL: f64 = LOG_FROM_HZ / HZ_PER_MEL;
const MELS_PER_FACTOR: f64 = 27.0;
const FACTOR: f64 = 6.4;

fn hz_to_mel(hz: f64) -> f64 {
    if hz < LOG_FROM_HZ {
        return hz / HZ_PER_MEL;
    }
    LOG_FROM_MEL + (hz / LOG_FROM_HZ).ln() * MELS_PER_FACTOR / FACTOR.ln()
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < LOG_FROM_MEL {
        return mel * HZ_PER_MEL;
    }
    LOG_FROM_HZ * ((mel - LOG_FROM_MEL) * FACTOR.ln() / MELS_PER_FACTOR).exp()
}

/// Weights of `[mels, fft_size / 2 + 1]`: how much of each frequency's power goes into each mel band.
///
/// # Errors
/// `OutOfMemory`.
pub(super) fn filter_bank(sample_rate: f64, fft_size: i64, mels: i64, lowest: f64, highest: f64) -> Result<Vec<f32>> {
    let (from, to) = (hz_to_mel(lowest), hz_to_mel(highest));
    let step = (to - from) / (mels + 1) as f64;
    let corners: Vec<f64> = (0..mels + 2)
        .map(|corner| mel_to_hz(from + corner as f64 * step))
        .collect();
    let bins = fft_size / 2 + 1;
    let mut weights = reserved((mels * bins) as usize)?;
    for corner in corners.windows(3) {
        let [low, centre, high] = [corner[0], corner[1], corner[2]];
        let area = 2.0 / (high - low);
        weights.extend((0..bins).map(|bin| {
            let hz = bin as f64 * sample_rate / fft_size as f64;
            let rising = (hz - low) / (centre - low);
            let falling = (high - hz) / (high - centre);
            (area * rising.min(falling).max(0.0)) as f32
        }));
    }
    Ok(weights)
}
