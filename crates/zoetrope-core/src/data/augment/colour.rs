//! Contrast, then brightness.

use super::clip::Clip;
use super::config::AugmentConfig;
use super::random::{Draws, Purpose};

impl AugmentConfig {
    /// mean + (1 ± `contrast`) · (value − mean) ± `brightness`, with the mean over the whole clip.
    pub(super) fn colour(&self, clip: &mut Clip, unit: f32, draws: Draws) {
        if self.contrast == 0.0 && self.brightness == 0.0 {
            return;
        }
        let mut stream = draws.stream(Purpose::Colour);
        let scale = 1.0 + stream.between(-self.contrast, self.contrast) as f32;
        let added = stream.between(-self.brightness, self.brightness) as f32 * unit;
        let mean = clip.mean();
        for value in &mut clip.values {
            *value = mean + scale * (*value - mean) + added;
        }
    }
}
