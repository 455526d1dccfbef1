//! Random changes of training clips: the same for all frames of a clip, and a pure function of (seed, epoch, index).
//!
//! A clip is copied to float32, changed, and stored in its own type: first its frames are chosen (`time_crop`,
//! `time_stretch`, `drop_frames`), then where each pixel comes from (`space`), then values (`colour`, `erase`, `noise`).
//! Each purpose draws from a stream of its own, so that turning one on or off leaves the others as they were. Plain loops
//! on one helper thread (`runtime/helper.rs`): libtorch's thread pool stays with the model.

mod apply;
pub(crate) mod batch;
pub(crate) mod clip;
mod colour;
pub(crate) mod config;
mod drop_frames;
mod erase;
mod noise;
mod random;
mod space;
mod time_crop;
mod time_stretch;
