//! Random changes of training clips: the same for all frames of a clip, and a pure function of (seed, epoch, index).
//!
//! A clip is copied to float32, changed, and stored in its own type: first its frames are chosen (`time_crop`,
//! `time_stretch`, `drop_frames`), then where each pixel comes from (`space`), then values (`colour`, `erase`, `noise`).
//! Each idea draws from a stream of its own, so that turning one on or off leaves the others as they were. Plain loops
//! on one helper thread (`helper.rs`): libtorch's thread pool stays with the model.

mod batch;
mod colour;
mod config;
mod drop_frames;
mod erase;
mod noise;
mod random;
mod space;
mod time_crop;
mod time_stretch;

pub(crate) use self::batch::{Changed, Clips};
pub use self::config::{AugmentConfig, Shift, Window};
pub(crate) use self::random::Draws;

/// What is to be done with the samples of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Augmentation {
    /// Which changes, and how strong.
    pub config: AugmentConfig,
    /// With epoch and index, says all draws.
    pub seed: u64,
    /// From 0.
    pub epoch: u64,
    /// Each sample's place in its dataset.
    pub indices: Vec<u64>,
}

/// The type in which values are stored.
pub(crate) trait Element: Copy {
    /// What 0…1 of an option means in this type: 255 for bytes.
    const UNIT: f32;
    fn load(self) -> f32;
    fn store(value: f32) -> Self;
}

impl Element for f32 {
    const UNIT: f32 = 1.0;

    fn load(self) -> f32 {
        self
    }

    fn store(value: f32) -> Self {
        value
    }
}

impl Element for u8 {
    const UNIT: f32 = 255.0;

    fn load(self) -> f32 {
        f32::from(self)
    }

    fn store(value: f32) -> Self {
        value.round().clamp(0.0, 255.0) as Self
    }
}

/// The sides of one frame: `[channels, height, width]`, or `[1, features, 1]` of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sides {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

/// A clip while it is changed: `[time, channels, height, width]`.
struct Clip {
    values: Vec<f32>,
    sides: Sides,
}

impl AugmentConfig {
    /// Changes one clip of `[time, channels, height, width]` and puts it at the start of `output`, whose rest stays.
    /// Returns the new time.
    pub(crate) fn apply<T: Element>(&self, clip: &[T], sides: Sides, draws: Draws, output: &mut [T]) -> usize {
        let size = sides.channels * sides.height * sides.width;
        let positions = self.positions(clip.len() / size, draws);
        let mut clip = Clip {
            values: frames_at(clip, size, &positions),
            sides,
        };
        self.place(&mut clip, draws);
        self.colour(&mut clip, T::UNIT, draws);
        self.erase(&mut clip, draws);
        self.add_noise(&mut clip, T::UNIT, draws);
        for (stored, value) in output.iter_mut().zip(clip.values) {
            *stored = T::store(value);
        }
        positions.len()
    }

    /// Where each frame of the new clip lies in the old one; between two frames they are blended.
    fn positions(&self, time: usize, draws: Draws) -> Vec<f32> {
        let mut positions = (0..time).map(|frame| frame as f32).collect();
        self.crop_time(&mut positions, draws);
        self.stretch_time(&mut positions, draws);
        self.drop_frames(&mut positions, draws);
        positions
    }
}

/// The frames of `size` values each at the given positions.
fn frames_at<T: Element>(clip: &[T], size: usize, positions: &[f32]) -> Vec<f32> {
    let mut values = Vec::with_capacity(positions.len() * size);
    for &position in positions {
        let below = position.floor();
        let weight = position - below;
        let at = |frame: usize| &clip[frame * size..(frame + 1) * size];
        let first = at(below as usize);
        if weight == 0.0 {
            values.extend(first.iter().map(|value| value.load()));
        } else {
            let blend = |(a, b): (&T, &T)| a.load() + weight * (b.load() - a.load());
            values.extend(first.iter().zip(at(below as usize + 1)).map(blend));
        }
    }
    values
}

impl Clip {
    fn mean(&self) -> f32 {
        let sum: f64 = self.values.iter().map(|&value| f64::from(value)).sum();
        (sum / self.values.len() as f64) as f32
    }
}
