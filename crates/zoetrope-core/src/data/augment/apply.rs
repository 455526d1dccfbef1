//! All changes of one clip, one after the other.

use super::clip::{Clip, Element, Sides};
use super::config::AugmentConfig;
use super::random::Draws;

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
