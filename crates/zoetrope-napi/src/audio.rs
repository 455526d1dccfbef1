//! Recordings into frames.

use napi::bindgen_prelude::{Env, Float32Array, Object};
use napi_derive::napi;
use zoetrope_core::{LogMel, run_beside};

use crate::model::NativeArray;
use crate::outcome::promise;

/// How a recording is cut and measured.
#[napi(object, object_to_js = false)]
pub struct NativeLogMel {
    /// Samples in a second.
    pub sample_rate: f64,
    /// Samples in a window.
    pub fft_size: i64,
    /// Samples from one window to the next.
    pub hop_length: i64,
    /// Mel bands.
    pub mels: i64,
    /// In Hz.
    pub min_frequency: f64,
    /// In Hz.
    pub max_frequency: f64,
    /// The least energy.
    pub floor: f64,
}

/// Log-mel energies of `[time, mels]` of a recording of `[channels, frames]`, made by a thread beside the models'.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeArray>>")]
pub fn log_mel<'env>(
    env: &'env Env,
    recording: Float32Array,
    channels: i64,
    options: NativeLogMel,
) -> napi::Result<Object<'env>> {
    let recording = recording.to_vec(); //      copied before JavaScript can change it
    let settings = LogMel {
        sample_rate: options.sample_rate,
        fft_size: options.fft_size,
        hop_length: options.hop_length,
        mels: options.mels,
        min_frequency: options.min_frequency,
        max_frequency: options.max_frequency,
        floor: options.floor,
    };
    let (settle, promise) = promise(env, |_env, frames| Ok(NativeArray::from(frames)))?;
    run_beside(move || settings.frames(&recording, channels), settle);
    Ok(promise)
}
