//! Clips cut in two: what a forecast reads, and the steps that follow it. Every cut is inside a clip's valid frames.

use tch::Tensor;

use super::lengths::Lengths;
use super::samples::Clips;
use crate::error::Result;

impl Clips {
    /// Number of valid frames of each clip.
    pub(crate) fn counts(&self) -> Result<Vec<i64>> {
        match &self.lengths {
            Some(lengths) => lengths.to_vec(),
            None => Ok(vec![self.inputs.size()[1]; self.inputs.size()[0] as usize]),
        }
    }

    /// The clips without the last `steps` valid frames of each; every clip must have more than that.
    pub(crate) fn without_last(&self, steps: i64) -> Result<Self> {
        let counts: Vec<i64> = self.counts()?.iter().map(|count| count - steps).collect();
        self.first(&counts)
    }

    /// The first frames of each clip, as many as `counts` says, which must be at least one.
    fn first(&self, counts: &[i64]) -> Result<Self> {
        let longest = counts.iter().copied().max().unwrap_or(0);
        let inputs = self.inputs.f_narrow(1, 0, longest)?;
        if counts.iter().all(|&count| count == longest) {
            let inputs = inputs.f_contiguous()?; //           frames that nothing packs
            return Ok(Self {
                inputs,
                lengths: None,
                kept: None,
            });
        }
        let lengths = Some(Lengths::new(counts, longest, inputs.device())?);
        Ok(Self {
            inputs,
            lengths,
            kept: None,
        })
    }

    /// The frames at the places `(clip, step)`, `[places, …step]`, as they came.
    pub(crate) fn frames_at(&self, places: impl Iterator<Item = (i64, i64)>) -> Result<Tensor> {
        let time = self.inputs.size()[1];
        let rows: Vec<i64> = places.map(|(clip, step)| clip * time + step).collect();
        let rows = Tensor::f_from_slice(&rows)?.f_to_device(self.inputs.device())?;
        Ok(self.inputs.f_flatten(0, 1)?.f_index_select(0, &rows)?)
    }

    /// Each clip with more steps behind its valid frames: `steps` of `[batch, steps, …step]`, in the clips' kind.
    pub(crate) fn with_behind(&self, steps: &Tensor) -> Result<Self> {
        let counts = self.counts()?;
        let added = steps.size()[1];
        let time = self.inputs.size()[1] + added;
        let mut shape = self.inputs.size();
        shape[1] = time;
        let longer = self
            .inputs
            .f_new_zeros(shape.as_slice(), (steps.kind(), steps.device()))?;
        longer.f_narrow(1, 0, time - added)?.f_copy_(&self.inputs)?;
        let rows: Vec<i64> = (0..)
            .zip(&counts)
            .flat_map(|(clip, count)| (0..added).map(move |step| clip * time + count + step))
            .collect();
        let rows = Tensor::f_from_slice(&rows)?.f_to_device(steps.device())?;
        let inputs = longer
            .f_flatten(0, 1)?
            .f_index_copy(0, &rows, &steps.f_flatten(0, 1)?)?;
        let counts: Vec<i64> = counts.iter().map(|count| count + added).collect();
        Self {
            inputs: inputs.f_view(shape.as_slice())?,
            lengths: None,
            kept: None,
        }
        .first(&counts)
    }
}
