//! A long recording or a wide image as overlapping windows.

use super::inputs::{Inputs, Values};
use crate::error::{Error, Result};

/// How an array is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Entries of a window along the axis.
    pub size: i64,
    /// Entries from one window to the next.
    pub step: i64,
    /// The axis that is cut.
    pub axis: usize,
    /// Whether a last window that is not full is filled up with zeros; else what is left is dropped.
    pub pad: bool,
}

impl Windows {
    /// `[windows, …]`: the axes of the array behind the windows, the axis that is cut as long as a window.
    ///
    /// # Errors
    /// `ShapeMismatch` where shape and values do not fit, or the axis is shorter than a window; `InvalidConfig`;
    /// `OutOfMemory`.
    pub fn cut(&self, values: Inputs<'_>, shape: &[i64]) -> Result<(Values, Vec<i64>)> {
        values.check_fits(shape)?;
        for (option, value) in [("size", self.size), ("step", self.step)] {
            if value < 1 {
                return Err(Error::invalid(option, "a positive integer", value));
            }
        }
        let Some(&length) = shape.get(self.axis) else {
            let expected = format!("one of {} axes", shape.len());
            return Err(Error::invalid("axis", expected, self.axis));
        };
        let count = self.count(length);
        if count == 0 {
            return Err(Error::ShapeMismatch {
                what: "array".to_owned(),
                expected: format!("at least {} entries along axis {} (or `pad`)", self.size, self.axis),
                actual: shape.to_vec(),
            });
        }
        let mut cut = vec![count];
        cut.extend(shape);
        cut[self.axis + 1] = self.size;
        let values = match values {
            Inputs::F32(values) => Values::F32(self.copy(values, shape, &cut)?),
            Inputs::U8(values) => Values::U8(self.copy(values, shape, &cut)?),
        };
        Ok((values, cut))
    }

    /// Windows of an axis.
    fn count(&self, length: i64) -> i64 {
        if self.pad {
            1 + ((length - self.size).max(0) + self.step - 1) / self.step
        } else if length < self.size {
            0
        } else {
            1 + (length - self.size) / self.step
        }
    }

    fn copy<T: Copy + Default>(&self, values: &[T], shape: &[i64], cut: &[i64]) -> Result<Vec<T>> {
        let inner = shape[self.axis + 1..].iter().product::<i64>();
        let outer = shape[..self.axis].iter().product::<i64>();
        let length = shape[self.axis];
        let refused = |reason: String| Error::OutOfMemory { reason };
        let total = cut
            .iter()
            .try_fold(1_usize, |total, &size| total.checked_mul(size as usize));
        let total = total.ok_or_else(|| refused("more values than memory has addresses".to_owned()))?;
        let mut copied: Vec<T> = Vec::new();
        copied
            .try_reserve_exact(total)
            .map_err(|error| refused(format!("windows of {total} values: {error}")))?;
        for window in 0..cut[0] {
            let begin = window * self.step;
            let own = (length - begin).clamp(0, self.size);
            for row in 0..outer {
                let from = ((row * length + begin) * inner) as usize;
                copied.extend_from_slice(&values[from..from + (own * inner) as usize]);
                copied.resize(copied.len() + ((self.size - own) * inner) as usize, T::default());
            }
        }
        Ok(copied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(values: &[f32], shape: &[i64], windows: Windows) -> Option<(Values, Vec<i64>)> {
        windows.cut(Inputs::F32(values), shape).ok()
    }

    #[test]
    fn a_wide_image_becomes_overlapping_frames() {
        let image: Vec<f32> = (0..10_u8).map(f32::from).collect(); //       [1, 2, 5]
        let windows = Windows {
            size: 2,
            step: 2,
            axis: 2,
            pad: false,
        };
        let expected = vec![0.0, 1.0, 5.0, 6.0, 2.0, 3.0, 7.0, 8.0];
        assert_eq!(
            cut(&image, &[1, 2, 5], windows),
            Some((Values::F32(expected), vec![2, 1, 2, 2]))
        );
        let padded = Windows { pad: true, ..windows };
        let expected = vec![0.0, 1.0, 5.0, 6.0, 2.0, 3.0, 7.0, 8.0, 4.0, 0.0, 9.0, 0.0];
        assert_eq!(
            cut(&image, &[1, 2, 5], padded),
            Some((Values::F32(expected), vec![3, 1, 2, 2]))
        );
    }

    #[test]
    fn an_axis_shorter_than_a_window_is_refused_or_padded() {
        let windows = Windows {
            size: 4,
            step: 9,
            axis: 0,
            pad: false,
        };
        assert_eq!(cut(&[1.0, 2.0, 3.0], &[3], windows), None);
        let expected = Values::F32(vec![1.0, 2.0, 3.0, 0.0]);
        let padded = Windows { pad: true, ..windows };
        assert_eq!(cut(&[1.0, 2.0, 3.0], &[3], padded), Some((expected, vec![1, 4])));
        assert_eq!(cut(&[1.0], &[1], Windows { axis: 1, ..windows }), None);
    }
}
