//! Where each pixel comes from: crop, shift and flip as one map for each axis, applied to every frame.

use super::clip::Clip;
use super::config::AugmentConfig;
use super::random::{Draws, Purpose};

/// For each pixel along an axis the pixel it comes from, and the weight of the one after that.
struct AxisMap {
    sources: Vec<(usize, f32)>,
}

impl AugmentConfig {
    /// Cuts out a window between `crop` and the whole frame, of about the frame's proportions, from anywhere, and scales
    /// it back bilinearly; moves by up to `shift` whole pixels, the edge repeated; mirrors with probability `flip`.
    pub(super) fn place(&self, clip: &mut Clip, draws: Draws) {
        let (height, width) = (clip.sides.height, clip.sides.width);
        let mut space = draws.stream(Purpose::Space);
        let zoom = space.unit();
        let mut axis = |side: usize, window: Option<i64>, shift: i64| {
            let side = side as f64;
            let smallest = window.map_or(side, |window| window as f64);
            let window = side - zoom * (side - smallest);
            let start = space.unit() * (side - window);
            let moved = space.integer(-shift, shift) as f64;
            (window / side, start - moved)
        };
        let rows = axis(height, self.crop.map(|window| window.height), self.shift.y);
        let columns = axis(width, self.crop.map(|window| window.width), self.shift.x);
        let is_flipped = draws.stream(Purpose::Flip).unit() < self.flip;
        let rows = AxisMap::new(height, rows, false);
        let columns = AxisMap::new(width, columns, is_flipped);
        if rows.is_identity() && columns.is_identity() {
            return;
        }
        let mut placed = Vec::with_capacity(clip.values.len());
        for plane in clip.values.chunks_exact(height * width) {
            for &(row, below) in &rows.sources {
                let at = |row: usize| &plane[row * width..(row + 1) * width];
                let upper = at(row);
                if below == 0.0 {
                    placed.extend(columns.sources.iter().map(|&source| along(upper, source)));
                } else {
                    let lower = at(row + 1);
                    placed.extend(columns.sources.iter().map(|&source| {
                        let (a, b) = (along(upper, source), along(lower, source));
                        a + below * (b - a)
                    }));
                }
            }
        }
        clip.values = placed;
    }
}

impl AxisMap {
    /// Pixel centres lie at i + ½; what lies outside is the pixel at the edge.
    fn new(side: usize, (scale, start): (f64, f64), is_flipped: bool) -> Self {
        let last = (side - 1) as f64;
        let source = |pixel: usize| {
            let pixel = if is_flipped { side - 1 - pixel } else { pixel };
            let place = (start + (pixel as f64 + 0.5) * scale - 0.5).clamp(0.0, last);
            let below = place.floor();
            (below as usize, (place - below) as f32)
        };
        Self {
            sources: (0..side).map(source).collect(),
        }
    }

    fn is_identity(&self) -> bool {
        self.sources
            .iter()
            .enumerate()
            .all(|(pixel, &source)| source == (pixel, 0.0))
    }
}

fn along(row: &[f32], (column, right): (usize, f32)) -> f32 {
    let value = row[column];
    if right == 0.0 {
        return value;
    }
    value + right * (row[column + 1] - value)
}
