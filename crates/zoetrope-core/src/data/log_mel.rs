//! A recording as frames of log-mel energies.

use tch::{Device, Kind, Tensor};

use super::array::Array;
use super::mel::filter_bank;
use crate::error::{Error, Result};

/// How a recording is cut and measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogMel {
    /// Samples in a second.
    pub sample_rate: f64,
    /// Samples in a window, and in its Fourier transform.
    pub fft_size: i64,
    /// Samples from one window to the next.
    pub hop_length: i64,
    /// Mel bands.
    pub mels: i64,
    /// Where the lowest band begins, in Hz.
    pub min_frequency: f64,
    /// Where the highest band ends, in Hz: at most half the sample rate.
    pub max_frequency: f64,
    /// The least energy: smaller ones are raised to it before the logarithm. A normal float32.
    pub floor: f64,
}

const LARGEST: i64 = 1 << 20;
/// Weights of the filter bank, `mels * (fft_size / 2 + 1)`: 1 GiB.
const MOST_WEIGHTS: i64 = 1 << 28;
/// Samples of all windows together, which is time on the thread that others wait for.
const MOST_WINDOWED: i64 = 1 << 32;
/// Numbers of the result: 4 GiB.
const MOST_ENERGIES: i64 = 1 << 30;
/// Samples of the windows that are transformed at once: 64 MiB.
const MOST_AT_ONCE: i64 = 1 << 24;

impl LogMel {
    /// `[time, mels]` of a recording of `[channels, frames]`, whose channels are averaged; time is
    /// 1 + ⌊frames / hop length⌋.
    ///
    /// ln(max(floor, mel · |STFT|²)): the STFT with a periodic Hann window, each window centred on its sample and the
    /// recording continued by zeros, as `librosa.feature.melspectrogram(center=True, pad_mode='constant', power=2)`.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option; `ShapeMismatch` for an array without samples or of another length than its
    /// shape says.
    pub fn frames(&self, recording: &[f32], channels: i64) -> Result<Array> {
        self.validate()?;
        let len = recording.len() as i64;
        if channels < 1 || len == 0 || len % channels != 0 {
            return Err(Error::ShapeMismatch {
                what: "recording".to_owned(),
                expected: format!("[channels, frames] of {channels} channels, no axis empty"),
                actual: vec![len],
            });
        }
        crate::runtime::device::prepare_libtorch().as_ref().ok();
        let _guard = tch::no_grad_guard();
        let on_cpu = (Kind::Float, Device::Cpu);
        let channels = Tensor::f_from_slice(recording)?.f_view([channels, -1])?; //          [channels, frames]
        let mono = channels.f_mean_dim(0, false, Kind::Float)?; //                           [frames]
        let window = Tensor::f_hann_window(self.fft_size, on_cpu)?;
        let (size, hop) = (self.fft_size, self.hop_length);
        let padded = mono.f_constant_pad_nd([size / 2, size / 2])?; //                       [frames + fft_size]
        let frames = (padded.size()[0] - size) / hop + 1;
        self.check_frames(frames)?;
        let bank = self.bank()?; //                                                          [mels, bins]
        let at_once = (MOST_AT_ONCE / size.max(self.mels)).max(1);
        let mut energies = Vec::new();
        for first in (0..frames).step_by(at_once as usize) {
            let count = at_once.min(frames - first);
            let part = padded.f_narrow(0, first * hop, (count - 1) * hop + size)?;
            let spectrum = part.f_stft(size, hop, size, Some(&window), false, true, true, false)?;
            let power = spectrum.f_abs()?.f_square()?; //                                    [bins, frames at once]
            energies.push(bank.f_matmul(&power)?.f_transpose(0, 1)?); //                     [frames at once, mels]
        }
        let energies = Tensor::f_cat(&energies, 0)?; //                                      [time, mels]
        Array::from_tensor(&energies.f_clamp_min(self.floor)?.f_log()?)
    }

    fn bank(&self) -> Result<Tensor> {
        let (low, high) = (self.min_frequency, self.max_frequency);
        let bank = filter_bank(self.sample_rate, self.fft_size, self.mels, low, high)?;
        if bank.iter().any(|weight| !weight.is_finite()) {
            let expected = "frequencies far enough from `minFrequency` for bands whose weights float32 can hold";
            return Err(Error::invalid("maxFrequency", expected, high));
        }
        Ok(Tensor::f_from_slice(&bank)?.f_view([self.mels, -1])?)
    }

    fn check_frames(&self, frames: i64) -> Result<()> {
        let product = frames.saturating_mul(self.fft_size.max(self.mels));
        if product <= MOST_WINDOWED && frames.saturating_mul(self.mels) <= MOST_ENERGIES {
            return Ok(());
        }
        let expected = format!(
            "a longer hop: {frames} frames by `fftSize` may be {MOST_WINDOWED} samples at most, by `mels` \
             {MOST_ENERGIES} energies"
        );
        Err(Error::invalid("hopLength", expected, self.hop_length))
    }

    fn validate(&self) -> Result<()> {
        let check = |option: &str, is_right: bool, expected: String, value: f64| {
            if is_right {
                Ok(())
            } else {
                Err(Error::invalid(option, expected, value))
            }
        };
        let (rate, highest) = (self.sample_rate, self.sample_rate / 2.0);
        check(
            "sampleRate",
            rate.is_finite() && rate > 0.0,
            "a finite number above 0".to_owned(),
            rate,
        )?;
        let size = self.fft_size;
        let is_size = (2..=LARGEST).contains(&size) && size % 2 == 0;
        check(
            "fftSize",
            is_size,
            format!("an even integer from 2 to {LARGEST}"),
            size as f64,
        )?;
        for (option, value) in [("hopLength", self.hop_length), ("mels", self.mels)] {
            let expected = format!("an integer from 1 to {LARGEST}");
            check(option, (1..=LARGEST).contains(&value), expected, value as f64)?;
        }
        let (low, high) = (self.min_frequency, self.max_frequency);
        let expected = format!("a number above 0, at most {highest} (half the sample rate)");
        check("maxFrequency", high > 0.0 && high <= highest, expected, high)?;
        let expected = format!("a number from 0 to below {high} (`maxFrequency`)");
        check("minFrequency", (0.0..high).contains(&low), expected, low)?;
        let bins = size / 2 + 1;
        let expected = format!("at most {} with an `fftSize` of {size}", MOST_WEIGHTS / bins);
        check("mels", self.mels * bins <= MOST_WEIGHTS, expected, self.mels as f64)?;
        let is_floor = (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&self.floor);
        let expected = format!(
            "a number from {:e} to {:e}, as float32 holds them",
            f32::MIN_POSITIVE,
            f32::MAX
        );
        check("floor", is_floor, expected, self.floor)
    }
}
