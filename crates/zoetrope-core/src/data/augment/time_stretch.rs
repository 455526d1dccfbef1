//! Faster or slower.

use super::config::AugmentConfig;
use super::random::{Draws, Purpose};

impl AugmentConfig {
    /// Runs the clip at a speed of 1 ± `time_stretch`. Slower, its time shows a part of it, from anywhere. Faster, it
    /// ends early: in a clip that keeps its length its first and last frame are repeated in front of it and behind it.
    pub(super) fn stretch_time(&self, positions: &mut Vec<f32>, draws: Draws) {
        let time = positions.len();
        if self.time_stretch == 0.0 || time < 2 {
            return;
        }
        let mut stream = draws.stream(Purpose::TimeStretch);
        let speed = stream.between(1.0 - self.time_stretch, 1.0 + self.time_stretch);
        let last = (time - 1) as f64;
        let start = stream.unit() * last * (1.0 - speed);
        let (time, start) = if self.shorten && speed > 1.0 {
            ((last / speed).round() as usize + 1, 0.0)
        } else {
            (time, start)
        };
        let at = |frame: usize| blended(positions, (start + frame as f64 * speed).clamp(0.0, last));
        *positions = (0..time).map(at).collect();
    }
}

/// The position at a place between two of them.
fn blended(positions: &[f32], place: f64) -> f32 {
    let below = place.floor();
    let first = positions[below as usize];
    match positions.get(below as usize + 1) {
        Some(second) => first + (place - below) as f32 * (second - first),
        None => first,
    }
}
