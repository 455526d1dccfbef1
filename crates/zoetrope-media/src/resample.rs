//! Recordings at another sample rate: band-limited interpolation with a windowed sinc.
//!
//! The filter is torchaudio's `resample` with the parameters that it calls *kaiser best*: 64 zero crossings on each side, a
//! roll-off of .9476 of half the lower rate, a Kaiser window of β 14.77. Only taps within the window are kept, so that
//! rates without a common divisor cost no more than others.

use std::f64::consts::PI;
use std::path::Path;

use crate::error::{Error, Result, reserve};
use crate::sound::Sound;

/// Zero crossings of the sinc on each side.
const CROSSINGS: f64 = 64.0;
/// The filter's cut-off, as a share of half the lower rate.
const ROLL_OFF: f64 = 0.947_593_716_739_959_6;
/// The shape of the Kaiser window.
const BETA: f64 = 14.769_656_459_379_492;
/// The most taps of all phases: 256 MiB. Two rates below 248 kHz never have as many.
const MOST_TAPS: usize = 1 << 26;

/// How many frames a recording of `frames` has at another rate: as many as fit into the time that it takes, the last one
/// rounded up.
#[must_use]
pub fn resampled_frames(frames: u64, from: u32, to: u32) -> u64 {
    let divisor = u128::from(common_divisor(from, to).max(1));
    let [old, new] = [from, to].map(|rate| u128::from(rate) / divisor);
    let frames = (u128::from(frames) * new).div_ceil(old.max(1));
    u64::try_from(frames).unwrap_or(u64::MAX)
}

/// A recording at `sample_rate`. `path` is for messages.
///
/// # Errors
/// `File` for rates that have too many phases; `OutOfMemory`.
pub fn resample(path: &Path, sound: Sound, sample_rate: u32) -> Result<Sound> {
    if sound.sample_rate == sample_rate {
        return Ok(sound);
    }
    let Sound { data, channels, .. } = sound;
    let filter = Filter::new(path, sound.sample_rate, sample_rate)?;
    let frames = data.len() / channels.max(1);
    let wanted = resampled_frames(frames as u64, sound.sample_rate, sample_rate) as usize;
    let mut resampled = Vec::new();
    reserve(path, &mut resampled, wanted.saturating_mul(channels))?;
    if frames > 0 {
        for channel in data.chunks_exact(frames) {
            resampled.extend((0..wanted).map(|frame| filter.at(channel, frame)));
        }
    }
    Ok(Sound {
        data: resampled,
        channels,
        sample_rate,
    })
}

/// The taps of every phase: of each place that a new sample has between two old ones.
struct Filter {
    /// Of old samples in one period of the phases.
    old: usize,
    /// Of new samples there: the number of phases.
    new: usize,
    phases: Vec<Phase>,
}

struct Phase {
    /// The old sample under the first tap, counted from the period's begin.
    first: i64,
    taps: Vec<f32>,
}

impl Filter {
    fn new(path: &Path, from: u32, to: u32) -> Result<Self> {
        let divisor = common_divisor(from, to).max(1);
        let [old, new] = [from / divisor, to / divisor];
        let cutoff = f64::from(old.min(new)) * ROLL_OFF;
        let reach = CROSSINGS * f64::from(old) / cutoff; //           old samples on each side
        let most = (2.0 * reach + 1.0) * f64::from(new);
        if most > MOST_TAPS as f64 {
            let expected = format!("a sample rate that {to} Hz can be made of");
            return Err(Error::file(path, expected, format!("{from} Hz")));
        }
        let at_zero = bessel_i0(BETA);
        let phase = |phase: u32| {
            let centre = f64::from(phase) * f64::from(old) / f64::from(new);
            let [first, last] = [(centre - reach).ceil(), (centre + reach).floor()].map(|place| place as i64);
            let tap = |sample: i64| {
                let crossings = (sample as f64 - centre) / f64::from(old) * cutoff;
                let share = crossings / CROSSINGS;
                let window = bessel_i0(BETA * (1.0 - share * share).max(0.0).sqrt()) / at_zero;
                (sinc(crossings) * window * cutoff / f64::from(old)) as f32
            };
            Phase {
                first,
                taps: (first..=last).map(tap).collect(),
            }
        };
        Ok(Self {
            old: old as usize,
            new: new as usize,
            phases: (0..new).map(phase).collect(),
        })
    }

    /// The new sample at `frame`. Outside of the recording there are zeros.
    fn at(&self, channel: &[f32], frame: usize) -> f32 {
        let Phase { first, taps } = &self.phases[frame % self.new];
        let first = (frame / self.new * self.old) as i64 + first;
        let skipped = usize::try_from(-first).unwrap_or(0).min(taps.len());
        let begin = usize::try_from(first).unwrap_or(0).min(channel.len());
        dot(&taps[skipped..], &channel[begin..])
    }
}

/// Σ x · y over as many as both have, in sums side by side, which a processor adds at once.
fn dot(x: &[f32], y: &[f32]) -> f32 {
    const LANES: usize = 8;
    let len = x.len().min(y.len());
    let (x, y) = (x[..len].as_chunks::<LANES>(), y[..len].as_chunks::<LANES>());
    let mut sums = [0.0_f32; LANES];
    for (x, y) in x.0.iter().zip(y.0) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    let rest: f32 = x.1.iter().zip(y.1).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

/// sin(πx) / πx.
fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The modified Bessel function of the first kind, of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1.. {
        term *= quarter / f64::from(k * k);
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of scipy.special.i0 1.17.1.
    #[test]
    fn bessel_function() {
        let known = [
            (0.0, 1.0),
            (1.0, 1.266_065_877_752_008_2),
            (BETA, 271_903.640_681_456_6),
        ];
        for (x, expected) in known {
            let relative = (bessel_i0(x) - expected).abs() / expected;
            assert!(relative < 1e-14, "{x}: {relative:e}");
        }
    }

    #[test]
    fn frames_are_those_of_the_same_time() {
        assert_eq!(resampled_frames(44_100, 44_100, 8000), 8000);
        assert_eq!(resampled_frames(44_101, 44_100, 8000), 8001);
        assert_eq!(resampled_frames(1, 8000, 44_100), 6);
        assert_eq!(resampled_frames(0, 8000, 44_100), 0);
        assert_eq!(resampled_frames(u64::MAX, 1, 2), u64::MAX);
    }
}
