//! Images and sound of files into the arrays that a model takes.
//!
//! Files are read, decoded and resized on the threads of [`pool`], which are not libtorch's and not Node's. Nothing here
//! knows JavaScript or libtorch.

mod error;
mod file;
mod frames;
mod image;
mod jpeg;
mod orientation;
mod png;
pub mod pool;
mod resample;
mod resize;
mod sound;
mod stamp;

pub use error::{Error, Result};
pub use frames::{FrameOptions, frames, image_size};
pub use image::Channels;
pub use resample::{resample, resampled_frames};
pub use resize::{Filter, Mode, Size};
pub use sound::{Sound, SoundLength, read_sound, sound_length};
pub use stamp::folder_stamp;
