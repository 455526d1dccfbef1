//! One clip while it is changed, and the types that it comes in.

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
pub(super) struct Clip {
    pub(super) values: Vec<f32>,
    pub(super) sides: Sides,
}

impl Clip {
    pub(super) fn mean(&self) -> f32 {
        let sum: f64 = self.values.iter().map(|&value| f64::from(value)).sum();
        (sum / self.values.len() as f64) as f32
    }
}
