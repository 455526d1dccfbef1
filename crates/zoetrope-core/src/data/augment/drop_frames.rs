//! Frames that go missing.

use super::config::AugmentConfig;
use super::random::{Draws, Purpose};

impl AugmentConfig {
    /// Leaves each frame but the first out with probability `drop_frames`; in a clip that keeps its length the frame
    /// before it stands in.
    pub(super) fn drop_frames(&self, positions: &mut Vec<f32>, draws: Draws) {
        if self.drop_frames == 0.0 {
            return;
        }
        let mut stream = draws.stream(Purpose::DropFrames);
        let mut kept: Vec<f32> = Vec::with_capacity(positions.len());
        for &position in positions.iter() {
            match kept.last() {
                Some(&before) if stream.unit() < self.drop_frames => {
                    if !self.shorten {
                        kept.push(before);
                    }
                }
                _ => kept.push(position),
            }
        }
        *positions = kept;
    }
}
