//! Only a stretch of the clip.

use super::config::AugmentConfig;
use super::random::{Draws, Purpose};

impl AugmentConfig {
    /// Keeps a stretch of at least 1 − `time_crop` of the frames, from anywhere. In a clip that keeps its length it may
    /// begin at any frame for which there is room; its first and last frame are repeated in front of it and behind it.
    pub(super) fn crop_time(&self, positions: &mut Vec<f32>, draws: Draws) {
        let time = positions.len() as i64;
        let most = (self.time_crop * time as f64).floor() as i64;
        if most < 1 || time < 2 {
            return;
        }
        let mut stream = draws.stream(Purpose::TimeCrop);
        let kept = time - stream.integer(0, most.min(time - 1));
        let start = stream.integer(0, time - kept);
        let first = stream.integer(0, time - kept);
        let source = |frame: i64| positions[(start + (frame - first).clamp(0, kept - 1)) as usize];
        *positions = if self.shorten {
            (first..first + kept).map(source).collect()
        } else {
            (0..time).map(source).collect()
        };
    }
}
