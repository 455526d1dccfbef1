//! Clips of different lengths in one batch: which frames count, and how to get at them.
//!
//! A padded batch is `[batch, time, …]`; of clip `b` only the first `lengths[b]` frames are valid. Packed, the valid
//! frames lie clip after clip: `[frames, …]` with `frames` the sum of the lengths. What the padding holds reaches
//! nothing: packing leaves it out, unpacking writes zeros.

use tch::{Device, Tensor};

use crate::error::{Error, Result};
use crate::kernels::Rows;

/// The lengths of a batch's clips, and the indices that follow from them.
pub(crate) struct Lengths {
    each: Vec<i64>,
    batch: i64,
    time: i64,
    /// int64 of `[frames]`: the row of each valid frame in `[batch * time, …]`.
    valid: Tensor,
    /// int64 of `[batch * time]`: a row for each row, such that each clip's valid frames change places end for end.
    reversed: Tensor,
    /// int64 of `[batch]`: the row of each clip's last valid frame in `[batch * time, …]`.
    last: Tensor,
    /// int64 of `[batch + 1]` on the CPU: where each clip begins in `[frames, …]`, last their number.
    offsets: Tensor,
    /// int64 of `[batch, 1]`: the number of each clip's valid frames.
    counts: Tensor,
}

/// How the frames of a batch lie: `[batch, time, …]`, all of them valid or as many as the lengths say.
pub(crate) struct Layout<'a> {
    pub(crate) batch: i64,
    pub(crate) time: i64,
    pub(crate) lengths: Option<&'a Lengths>,
}

impl Layout<'_> {
    /// The valid frames of `[batch, time, …]`, `[frames, …]`.
    pub(crate) fn pack(&self, padded: &Tensor) -> Result<Tensor> {
        match self.lengths {
            Some(lengths) => lengths.pack(padded),
            None => Ok(padded.f_flatten(0, 1)?),
        }
    }

    /// `[frames, …]` as `[batch, time, …]`, the padding zero.
    pub(crate) fn unpack(&self, packed: &Tensor) -> Result<Tensor> {
        match self.lengths {
            Some(lengths) => lengths.unpack(packed),
            None => Ok(packed.f_view([&[self.batch, self.time], &packed.size()[1..]].concat().as_slice())?),
        }
    }

    /// Each clip's last valid frame of `[batch, time, features]`, `[batch, features]`.
    pub(crate) fn last(&self, padded: &Tensor) -> Result<Tensor> {
        match self.lengths {
            Some(lengths) => Ok(padded.f_flatten(0, 1)?.f_index_select(0, &lengths.last)?),
            None => Ok(padded.f_select(1, -1)?),
        }
    }

    /// Each clip's last frame of `[frames, features]` on the CPU, `[batch, features]`.
    pub(crate) fn last_frames(&self, packed: &Tensor) -> Result<Tensor> {
        match self.lengths {
            Some(lengths) => {
                let ends = lengths.offsets.f_narrow(0, 1, self.batch)?;
                Ok(packed.f_index_select(0, &ends.f_sub_scalar(1)?)?)
            }
            None => Ok(self.last(&self.unpack(packed)?)?.f_contiguous()?),
        }
    }

    /// Number of valid frames of each clip.
    pub(crate) fn counts(&self) -> Vec<i64> {
        match self.lengths {
            Some(lengths) => lengths.each.clone(),
            None => vec![self.time; self.batch as usize],
        }
    }

    /// The row of each clip's first frame in `[frames, …]`.
    pub(crate) fn begins(&self) -> Vec<i64> {
        let mut end = 0;
        let counts = self.counts().into_iter();
        let begins = counts.map(|count| {
            end += count;
            end - count
        });
        begins.collect()
    }

    /// The rows that the first `frames[clip]` frames of each clip have in `[frames, …]`, int64.
    pub(crate) fn rows_of_first(&self, frames: &[i64], device: Device) -> Result<Tensor> {
        let begins = self.begins().into_iter().zip(frames);
        let rows: Vec<i64> = begins.flat_map(|(begin, frames)| begin..begin + frames).collect();
        Ok(Tensor::f_from_slice(&rows)?.f_to_device(device)?)
    }

    /// Which of the packed rows belong to which clip.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows {
            time: self.time,
            offsets: self.lengths.map(|lengths| &lengths.offsets),
        }
    }
}

impl Lengths {
    /// Every length must be from 1 to `time`.
    pub(crate) fn new(lengths: &[i64], time: i64, device: Device) -> Result<Self> {
        let batch = lengths.len() as i64;
        let (mut valid, mut reversed, mut last, mut offsets) = (Vec::new(), Vec::new(), Vec::new(), vec![0]);
        for (clip, &length) in (0..).zip(lengths) {
            let begin = clip * time;
            let end = begin + length;
            valid.extend(begin..end);
            reversed.extend((begin..end).rev().chain(end..begin + time));
            last.push(end - 1);
            offsets.push(valid.len() as i64);
        }
        let indices = |rows: &[i64]| Ok::<_, Error>(Tensor::f_from_slice(rows)?.f_to_device(device)?);
        Ok(Self {
            each: lengths.to_vec(),
            batch,
            time,
            valid: indices(&valid)?,
            reversed: indices(&reversed)?,
            last: indices(&last)?,
            offsets: Tensor::f_from_slice(&offsets)?,
            counts: indices(lengths)?.f_view([batch, 1])?,
        })
    }

    /// The valid frames of `[batch, time, …]`, `[frames, …]`.
    pub(crate) fn pack(&self, padded: &Tensor) -> Result<Tensor> {
        Ok(padded.f_flatten(0, 1)?.f_index_select(0, &self.valid)?)
    }

    /// `[frames, …]` as `[batch, time, …]`, the padding zero.
    pub(crate) fn unpack(&self, packed: &Tensor) -> Result<Tensor> {
        let rest = &packed.size()[1..];
        let rows = [&[self.batch * self.time], rest].concat();
        let zeros = Tensor::f_zeros(rows, (packed.kind(), packed.device()))?;
        let shape = [&[self.batch, self.time], rest].concat();
        Ok(zeros.f_index_copy(0, &self.valid, packed)?.f_view(shape.as_slice())?)
    }

    /// Each clip's valid frames of `[batch, time, features]` in the opposite order; the padding stays where it is.
    /// Twice is the identity.
    pub(crate) fn reverse(&self, sequence: &Tensor) -> Result<Tensor> {
        let rows = sequence.f_flatten(0, 1)?.f_index_select(0, &self.reversed)?;
        Ok(rows.f_view([self.batch, self.time, -1])?)
    }

    /// True where `[batch, time]` is padding.
    pub(crate) fn is_padding(&self) -> Result<Tensor> {
        let steps = Tensor::f_arange(self.time, (tch::Kind::Int64, self.counts.device()))?;
        Ok(steps.f_ge_tensor(&self.counts)?)
    }

    /// Number of valid frames of each clip.
    pub(crate) fn to_vec(&self) -> Result<Vec<i64>> {
        let offsets = Vec::<i64>::try_from(&self.offsets)?;
        Ok(offsets.windows(2).map(|pair| pair[1] - pair[0]).collect())
    }

    /// Number of valid frames of each clip, int64 of `[batch, 1]`.
    pub(crate) fn counts(&self) -> &Tensor {
        &self.counts
    }
}
