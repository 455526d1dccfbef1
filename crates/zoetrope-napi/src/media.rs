//! Images and recordings of files, decoded on threads of their own.

use std::path::PathBuf;

use napi::bindgen_prelude::{Env, Float32Array, Object, Uint8Array};
use napi_derive::napi;
use zoetrope_core::threads;
use zoetrope_media::{Channels, Error, Filter, FrameOptions, Mode, Size, pool};

use crate::outcome::{NativeFailure, promise};
use crate::runtime::finish_at_exit;

/// How frames are made of images.
#[napi(object, object_to_js = false)]
pub struct NativeFrameOptions {
    /// Rows of a frame.
    pub height: u32,
    /// Columns of a frame.
    pub width: u32,
    /// 1 for grey, 3 for RGB.
    pub channels: u32,
    /// How a frame of another shape becomes one of this size; missing, it is refused.
    pub resize: Option<NativeResizeMode>,
    /// The filter that resizes.
    pub filter: NativeResizeFilter,
}

/// How a frame of another shape becomes one of the size.
#[napi(string_enum = "lowercase")]
pub enum NativeResizeMode {
    /// The whole frame, with black edges.
    Fit,
    /// Its middle.
    Fill,
    /// Distorted.
    Stretch,
}

/// The filter that resizes.
#[napi(string_enum = "lowercase")]
pub enum NativeResizeFilter {
    /// The nearest pixel.
    Nearest,
    /// The mean.
    Box,
    /// Linear.
    Bilinear,
    /// Cubic.
    Bicubic,
    /// Lanczos's.
    Lanczos,
}

/// What the header of an image says, turned upright.
#[napi(object, object_from_js = false)]
pub struct NativeImageSize {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// 1 for grey, 3 for colours.
    pub channels: u32,
}

/// A recording of `[channels, frames]`.
#[napi(object, object_from_js = false)]
pub struct NativeSound {
    /// One channel after the other.
    pub data: Float32Array,
    /// How many channels.
    pub channels: u32,
    /// Frames in a second.
    pub sample_rate: u32,
}

/// How long a recording is.
#[napi(object, object_from_js = false)]
pub struct NativeSoundLength {
    /// Samples of each channel.
    pub frames: f64,
    /// How many channels.
    pub channels: u32,
    /// Frames in a second.
    pub sample_rate: u32,
}

impl From<Error> for NativeFailure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let (code, details) = match error {
            Error::File { path, expected, actual } => {
                let details = serde_json::json!({ "path": path, "expected": expected, "actual": actual });
                ("ERR_DATA", details)
            }
            Error::OutOfMemory { path, .. } => ("ERR_OUT_OF_MEMORY", serde_json::json!({ "path": path })),
            Error::ThreadRefused { .. } => ("ERR_OUT_OF_MEMORY", serde_json::json!({})),
            Error::GivenUp => ("ERR_DISPOSED", serde_json::json!({})),
            Error::Internal { .. } => ("ERR_INTERNAL", serde_json::json!({})),
        };
        Self {
            code: code.to_owned(),
            message,
            details,
        }
    }
}

impl From<zoetrope_media::Sound> for NativeSound {
    fn from(sound: zoetrope_media::Sound) -> Self {
        Self {
            data: Float32Array::from(sound.data),
            channels: sound.channels as u32,
            sample_rate: sound.sample_rate,
        }
    }
}

impl From<&NativeFrameOptions> for FrameOptions {
    fn from(options: &NativeFrameOptions) -> Self {
        let mode = options.resize.as_ref().map(|mode| match mode {
            NativeResizeMode::Fit => Mode::Fit,
            NativeResizeMode::Fill => Mode::Fill,
            NativeResizeMode::Stretch => Mode::Stretch,
        });
        let filter = match options.filter {
            NativeResizeFilter::Nearest => Filter::Nearest,
            NativeResizeFilter::Box => Filter::Box,
            NativeResizeFilter::Bilinear => Filter::Bilinear,
            NativeResizeFilter::Bicubic => Filter::Bicubic,
            NativeResizeFilter::Lanczos => Filter::Lanczos,
        };
        Self {
            size: Size {
                height: options.height as usize,
                width: options.width as usize,
            },
            channels: if options.channels == 1 {
                Channels::Grey
            } else {
                Channels::Rgb
            },
            resize: mode.map(|mode| (mode, filter)),
        }
    }
}

/// Images as frames of `[time, channels, height, width]`.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<Uint8Array>>")]
pub fn decode_images<'env>(
    env: &'env Env,
    paths: Vec<String>,
    options: NativeFrameOptions,
) -> napi::Result<Object<'env>> {
    let options = FrameOptions::from(&options);
    let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
    let (settle, promise) = promise(env, |_env, clip: Vec<u8>| Ok(Uint8Array::from(clip)))?;
    run(env, move || zoetrope_media::frames(&paths, &options), settle)?;
    Ok(promise)
}

/// Size and channels of an image.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeImageSize>>")]
pub fn image_size(env: &Env, path: String) -> napi::Result<Object<'_>> {
    let (settle, promise) = promise(env, |_env, (size, channels): (Size, Channels)| {
        Ok(NativeImageSize {
            height: size.height as u32,
            width: size.width as u32,
            channels: channels.count() as u32,
        })
    })?;
    run(env, move || zoetrope_media::image_size(&PathBuf::from(path)), settle)?;
    Ok(promise)
}

/// What tells whether the files right in a folder have changed.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<string>>")]
pub fn folder_stamp(env: &Env, path: String) -> napi::Result<Object<'_>> {
    let (settle, promise) = promise(env, |_env, stamp: u64| Ok(format!("{stamp:x}")))?;
    run(env, move || zoetrope_media::folder_stamp(&PathBuf::from(path)), settle)?;
    Ok(promise)
}

/// A recording of FLAC, MP3, or Vorbis in Ogg.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeSound>>")]
pub fn read_sound(env: &Env, path: String) -> napi::Result<Object<'_>> {
    let (settle, promise) = promise(env, |_env, sound: zoetrope_media::Sound| Ok(NativeSound::from(sound)))?;
    run(env, move || zoetrope_media::read_sound(&PathBuf::from(path)), settle)?;
    Ok(promise)
}

/// A recording of `[channels, frames]` at another sample rate. `path` is for messages.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeSound>>")]
pub fn resample_sound<'env>(
    env: &'env Env,
    path: String,
    data: Float32Array,
    channels: u32,
    sample_rate: u32,
    wanted: u32,
) -> napi::Result<Object<'env>> {
    let sound = zoetrope_media::Sound {
        data: data.to_vec(), //                copied before JavaScript can change it
        channels: channels.max(1) as usize,
        sample_rate,
    };
    let (settle, promise) = promise(env, |_env, sound: zoetrope_media::Sound| Ok(NativeSound::from(sound)))?;
    let work = move || zoetrope_media::resample(&PathBuf::from(path), sound, wanted);
    run(env, work, settle)?;
    Ok(promise)
}

/// Frames of a recording at another sample rate.
#[napi(catch_unwind)]
#[must_use]
pub fn resampled_frames(frames: f64, sample_rate: u32, wanted: u32) -> f64 {
    zoetrope_media::resampled_frames(frames.max(0.0) as u64, sample_rate, wanted) as f64
}

/// The length of such a recording.
#[napi(catch_unwind, ts_return_type = "Promise<Outcome<NativeSoundLength>>")]
pub fn sound_length(env: &Env, path: String) -> napi::Result<Object<'_>> {
    let (settle, promise) = promise(env, |_env, length: zoetrope_media::SoundLength| {
        Ok(NativeSoundLength {
            frames: length.frames as f64,
            channels: length.channels as u32,
            sample_rate: length.sample_rate,
        })
    })?;
    run(env, move || zoetrope_media::sound_length(&PathBuf::from(path)), settle)?;
    Ok(promise)
}

/// On as many threads as one operation of a model may use. What waits is given up when the environment ends.
fn run<T: Send + 'static>(
    env: &Env,
    work: impl FnOnce() -> zoetrope_media::Result<T> + Send + 'static,
    settle: impl FnOnce(zoetrope_media::Result<T>) + Send + 'static,
) -> napi::Result<()> {
    finish_at_exit(env)?;
    pool::run(threads::num_threads().max(1) as usize, work, settle);
    Ok(())
}
