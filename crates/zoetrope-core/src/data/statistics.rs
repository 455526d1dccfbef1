//! Statistics of data: range, mean and deviation of each channel or feature, and the count of each class.

use std::collections::BTreeMap;

use tch::Kind;

use super::batch::Batch;
use super::inputs::Inputs;
use crate::config::Per;
use crate::error::{Error, Result};

/// Accumulates over batches. Padded frames do not count, and bytes count as 0…1.
#[derive(Debug, Default)]
pub struct DataStatistics {
    channels: Vec<ChannelStatistics>,
    classes: BTreeMap<i64, i64>,
    samples: i64,
}

/// One channel of a frame, or one feature of a vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChannelStatistics {
    /// Values seen that are finite.
    pub count: u64,
    /// Values that are NaN or infinite.
    pub not_finite: u64,
    /// The least.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
    /// Of the values before `recent`.
    moments: Moments,
    recent: Recent,
}

/// Number, mean, and sum of the squared differences from it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

/// A few values, by sums of their differences from the first: that keeps the digits of a small deviation, and values that
/// are all the same deviate by exactly 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Recent {
    count: u32,
    origin: f64,
    sum: f64,
    squares: f64,
}

/// So few that their sums lose no digits to one far value among them.
const MOST_RECENT: u32 = 4096;

/// Reads values as they count.
trait Value: Copy {
    fn value(self) -> f64;
}

impl Value for f32 {
    fn value(self) -> f64 {
        f64::from(self)
    }
}

impl Value for u8 {
    fn value(self) -> f64 {
        f64::from(self) / 255.0
    }
}

impl DataStatistics {
    /// Adds a batch as it came, without its random changes. Of targets per frame, those of valid frames count: padding
    /// may hold anything.
    ///
    /// # Errors
    /// `ShapeMismatch` where its frames have another size than those before.
    pub fn add(&mut self, batch: &Batch, per: Per) -> Result<()> {
        let frame = batch.input().as_frame();
        let channels = frame.channels as usize;
        if self.channels.is_empty() {
            self.channels = vec![ChannelStatistics::new(); channels];
        }
        if self.channels.len() != channels {
            return Err(Error::ShapeMismatch {
                what: "inputs".to_owned(),
                expected: format!("{} channels or features, as before", self.channels.len()),
                actual: batch.shape(),
            });
        }
        let inputs = batch.inputs()?.f_contiguous()?;
        let plane = (frame.height * frame.width) as usize;
        let time = batch.time() as usize;
        let lengths = batch.lengths();
        for sample in 0..batch.len() as usize {
            let length = lengths.as_ref().map_or(time, |lengths| lengths[sample] as usize);
            let frames = sample * time..sample * time + length;
            match Inputs::of(&inputs) {
                Inputs::F32(values) => self.add_frames(values, frames, plane),
                Inputs::U8(values) => self.add_frames(values, frames, plane),
            }
        }
        self.samples += batch.len();
        self.add_targets(batch, per)
    }

    fn add_frames<T: Value>(&mut self, values: &[T], frames: std::ops::Range<usize>, plane: usize) {
        let size = plane * self.channels.len();
        for frame in values[frames.start * size..frames.end * size].chunks_exact(size) {
            for (channel, values) in self.channels.iter_mut().zip(frame.chunks_exact(plane)) {
                for value in values {
                    channel.add(value.value());
                }
            }
        }
    }

    fn add_targets(&mut self, batch: &Batch, per: Per) -> Result<()> {
        let Some(targets) = batch.targets()?.filter(|targets| targets.kind() == Kind::Int64) else {
            return Ok(());
        };
        if batch.has_named_targets() {
            return Ok(()); //                         which class has which name, the model says
        }
        let (time, shape) = (batch.time() as usize, targets.size());
        let values = Vec::<i64>::try_from(targets.f_flatten(0, -1)?)?;
        if let Some(own) = batch.target_lengths() {
            let width = values.len() / own.len();
            let rows = values.chunks_exact(width.max(1)).zip(&own);
            rows.for_each(|(row, &own)| self.count(&row[..width / shape[1].max(1) as usize * own as usize]));
            return Ok(());
        }
        let lengths = batch.lengths().filter(|_| per == Per::Frame);
        let Some(lengths) = lengths else {
            self.count(&values);
            return Ok(());
        };
        if time > 1 && shape.get(1) != Some(&(time as i64)) {
            return Ok(()); //                         no targets of these frames: the model refuses them, and says so
        }
        for (sample, &length) in values.chunks_exact(values.len() / lengths.len()).zip(&lengths) {
            self.count(&sample[..sample.len() / time * length as usize]);
        }
        Ok(())
    }

    fn count(&mut self, targets: &[i64]) {
        for &target in targets {
            *self.classes.entry(target).or_default() += 1;
        }
    }

    /// One entry a channel or feature.
    #[must_use]
    pub fn channels(&self) -> &[ChannelStatistics] {
        &self.channels
    }

    /// How often each whole number came as a target, padding aside.
    #[must_use]
    pub fn classes(&self) -> &BTreeMap<i64, i64> {
        &self.classes
    }

    /// Samples seen.
    #[must_use]
    pub fn samples(&self) -> i64 {
        self.samples
    }
}

impl ChannelStatistics {
    fn new() -> Self {
        Self {
            count: 0,
            not_finite: 0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            moments: Moments::default(),
            recent: Recent::default(),
        }
    }

    fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.not_finite += 1;
            return;
        }
        self.count += 1;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        self.recent.add(value);
        if self.recent.count == MOST_RECENT {
            self.moments = self.moments();
            self.recent = Recent::default();
        }
    }

    fn moments(&self) -> Moments {
        self.moments.with(self.recent.moments())
    }

    /// Of the finite values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let Moments { count, mean, .. } = self.moments();
        if count > 0.0 { mean } else { f64::NAN }
    }

    /// Of the finite values; 0 where all are the same.
    #[must_use]
    pub fn std(&self) -> f64 {
        let Moments { count, squares, .. } = self.moments();
        if count > 0.0 {
            (squares / count).sqrt()
        } else {
            f64::NAN
        }
    }
}

impl Recent {
    fn add(&mut self, value: f64) {
        if self.count == 0 {
            self.origin = value;
        }
        let difference = value - self.origin;
        self.count += 1;
        self.sum += difference;
        self.squares += difference * difference;
    }

    fn moments(&self) -> Moments {
        if self.count == 0 {
            return Moments::default();
        }
        let count = f64::from(self.count);
        Moments {
            count,
            mean: self.origin + self.sum / count,
            squares: (self.squares - self.sum * (self.sum / count)).max(0.0),
        }
    }
}

impl Moments {
    /// Those of both together, as Chan and others (1979) merge them.
    fn with(self, other: Self) -> Self {
        let count = self.count + other.count;
        if other.count == 0.0 || self.count == 0.0 {
            return if self.count == 0.0 { other } else { self };
        }
        let apart = other.mean - self.mean;
        let share = other.count / count;
        Self {
            count,
            mean: self.mean + apart * share,
            squares: self.squares + other.squares + apart * apart * self.count * share,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::samples::Arrays;
    use crate::data::targets::{TargetValues, Targets};

    fn of(values: impl Iterator<Item = f64>) -> ChannelStatistics {
        let mut statistics = ChannelStatistics::new();
        values.for_each(|value| statistics.add(value));
        statistics
    }

    /// One far value first, as a recorder's "not measured yet", then ten million that deviate by 1 from 0.
    #[test]
    fn a_far_value_does_not_take_the_digits_of_the_others() {
        let count = 10_000_000;
        let wave = |at: i32| if at % 2 == 0 { 1.0 } else { -1.0 };
        let found = of(std::iter::once(-1e6).chain((0..count).map(wave)));
        let (total, far) = (f64::from(count + 1), -1e6_f64);
        let mean = far / total;
        let variance = (f64::from(count) + far * far) / total - mean * mean;
        assert!((found.mean() / mean - 1.0).abs() < 1e-12, "{}", found.mean());
        assert!((found.std() / variance.sqrt() - 1.0).abs() < 1e-12, "{}", found.std());
    }

    #[test]
    fn values_that_are_the_same_do_not_deviate() {
        for value in [0.1_f32, 1e-30, 16_777_217.0, -3.3e38] {
            let found = of(std::iter::repeat_n(f64::from(value), 10_001));
            assert!(
                (found.mean() - f64::from(value)).abs() == 0.0 && found.std() == 0.0,
                "{value}"
            );
        }
        assert!(of(std::iter::once(f64::NAN)).mean().is_nan());
    }

    #[test]
    fn targets_of_padded_frames_do_not_count() -> Result<()> {
        let batch = Batch::from_arrays(Arrays {
            inputs: Inputs::F32(&[0.0; 12]),
            shape: &[2, 3, 2],
            lengths: Some(&[2, 3]),
            targets: Some(Targets {
                values: TargetValues::Integers(&[1, 0, -100, 0, 1, 1]),
                shape: &[2, 3],
                ..Targets::default()
            }),
        })?;
        let classes = |per: Per| -> Result<Vec<(i64, i64)>> {
            let mut statistics = DataStatistics::default();
            statistics.add(&batch, per)?;
            Ok(statistics
                .classes()
                .iter()
                .map(|(&class, &count)| (class, count))
                .collect())
        };
        assert_eq!(classes(Per::Frame)?, [(0, 2), (1, 3)]);
        assert_eq!(classes(Per::Clip)?, [(-100, 1), (0, 2), (1, 3)]);
        Ok(())
    }
}
