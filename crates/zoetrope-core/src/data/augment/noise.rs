//! Noise of each value's own.

use super::clip::Clip;
use super::config::AugmentConfig;
use super::random::{Draws, Purpose};

/// Mean and deviation of the sum of four numbers that are evenly distributed over the integers below 2¹⁶.
const MEAN: f32 = 4.0 * 65535.0 / 2.0;
const DEVIATION: f32 = 37_837.2; // √(4 · (2³² − 1) / 12)

impl AugmentConfig {
    /// Adds noise of mean 0 and deviation `noise`. The sum of four even draws stands in for the normal distribution: it
    /// is within ±3.5 deviations.
    pub(super) fn add_noise(&self, clip: &mut Clip, unit: f32, draws: Draws) {
        if self.noise == 0.0 {
            return;
        }
        let mut stream = draws.stream(Purpose::Noise);
        let scale = self.noise as f32 * unit / DEVIATION;
        for value in &mut clip.values {
            let word = stream.next();
            let sum: u64 = [0, 16, 32, 48].iter().map(|shift| (word >> shift) & 0xffff).sum();
            *value += scale * (sum as f32 - MEAN);
        }
    }
}
