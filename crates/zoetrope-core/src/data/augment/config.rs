//! Which changes, and how strong: all off by default.

use serde::Deserialize;

use super::clip::Sides;
use crate::error::{Error, Result};

/// Strengths of the random changes; 0 and `None` are off. Values count in the range 0…1 for bytes, as they are for
/// floats.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// The smallest window that is cut out and scaled back to the frame's size.
    pub crop: Option<Window>,
    /// The largest move in each direction.
    pub shift: Shift,
    /// Probability of a mirrored clip, left to right.
    pub flip: f64,
    /// The largest amount that is added to all values.
    pub brightness: f64,
    /// The largest share by which differences from the clip's mean grow or shrink.
    pub contrast: f64,
    /// Deviation of the noise that is added to each value.
    pub noise: f64,
    /// The largest side of the rectangle that is erased, as a share of the frame's.
    pub erase: f64,
    /// The largest share of the frames that is cut off.
    pub time_crop: f64,
    /// The largest share by which the clip runs faster or slower.
    pub time_stretch: f64,
    /// Probability of each frame to be left out.
    pub drop_frames: f64,
    /// Whether clips become shorter where frames go; else each keeps its length.
    pub shorten: bool,
}

/// A window in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// In pixels.
    pub height: i64,
    /// In pixels.
    pub width: i64,
}

/// A move within a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shift {
    /// Across, in pixels.
    pub x: i64,
    /// Up or down, in pixels.
    pub y: i64,
}

impl AugmentConfig {
    /// Checks every number, and that windows and moves stay within the frame.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub(crate) fn check_fits(&self, frame: Sides) -> Result<()> {
        for (name, value) in [("flip", self.flip), ("erase", self.erase)] {
            check(name, (0.0..=1.0).contains(&value), "a number from 0 to 1", value)?;
        }
        for (name, value) in [
            ("timeCrop", self.time_crop),
            ("timeStretch", self.time_stretch),
            ("dropFrames", self.drop_frames),
        ] {
            check(name, (0.0..1.0).contains(&value), "a number in [0, 1)", value)?;
        }
        for (name, value) in [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("noise", self.noise),
        ] {
            let is_amount = value.is_finite() && value >= 0.0;
            check(name, is_amount, "a finite number of at least 0", value)?;
        }
        let (height, width) = (frame.height as i64, frame.width as i64);
        for (name, value, side) in [("shift.x", self.shift.x, width), ("shift.y", self.shift.y, height)] {
            let expected = format!("an integer from 0 to {} (the frame has {side} pixels)", side - 1);
            check(name, (0..side).contains(&value), expected, value)?;
        }
        let Some(window) = self.crop else { return Ok(()) };
        for (name, value, side) in [
            ("crop.height", window.height, height),
            ("crop.width", window.width, width),
        ] {
            let expected = format!("an integer from 1 to {side}, the frame's pixels");
            check(name, (1..=side).contains(&value), expected, value)?;
        }
        Ok(())
    }
}

fn check(name: &str, is_right: bool, expected: impl Into<String>, value: impl std::fmt::Display) -> Result<()> {
    if is_right {
        return Ok(());
    }
    Err(Error::invalid(format!("augment.{name}"), expected, value))
}
