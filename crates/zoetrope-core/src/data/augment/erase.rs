//! A part that cannot be seen.

use super::clip::Clip;
use super::config::AugmentConfig;
use super::random::{Draws, Purpose};

impl AugmentConfig {
    /// Fills a rectangle, the same in all frames and channels, with the clip's mean. Each side is drawn from 0 to
    /// `erase` times the frame's; a side that is 1 pixel long counts whole, and frames of
    /// one pixel have nothing to erase.
    pub(super) fn erase(&self, clip: &mut Clip, draws: Draws) {
        if self.erase == 0.0 {
            return;
        }
        if clip.sides.height * clip.sides.width == 1 {
            return;
        }
        let (height, width) = (clip.sides.height, clip.sides.width);
        let mut stream = draws.stream(Purpose::Erase);
        let mut part = |side: usize| {
            let length = match side {
                1 => 1,
                _ => (stream.unit() * (self.erase * side as f64 + 1.0)) as i64,
            };
            let start = stream.integer(0, side as i64 - length.min(side as i64));
            start as usize..(start + length).min(side as i64) as usize
        };
        let (rows, columns) = (part(height), part(width));
        let mean = clip.mean();
        for plane in clip.values.chunks_exact_mut(height * width) {
            for row in rows.clone() {
                plane[row * width..(row + 1) * width][columns.clone()].fill(mean);
            }
        }
    }
}
