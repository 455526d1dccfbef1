//! Strings that a decoder writes, clip by clip.
//!
//! A clip is encoded and answered by itself, without its padding. So neither the other clips of a batch, nor its own place
//! there, nor the padding can change an answer; and a call can be ended between any two steps.

use tch::{Device, Kind, Tensor};

use crate::data::batch::Batch;
use crate::data::samples::Clips;
use crate::error::{Error, Result};
use crate::model::cnn_lstm::CnnLstm;
use crate::model::head::sequence::memory::Memory;
use crate::model::head::sequence::sampling::{Sampling, Writing, Written};
use crate::model::head::sequence::search::{BeamSearch, search};
use crate::runtime::stream::{Stream, absorb};

/// How strings are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Generation {
    /// How each token is chosen.
    pub strategy: Strategy,
    /// Most labels of a string; those of the head where nothing is said.
    pub max_length: Option<usize>,
}

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Strategy {
    /// The most probable token after the most probable token.
    Greedy,
    /// Drawn at random. The stream of draws begins with the seed and the values of the clip.
    Sample(Sampling),
    /// The most probable string that is found.
    Beam(BeamSearch),
}

impl CnnLstm {
    /// The string of each clip. `check` is asked before each step, with the model's other work: an error ends the call.
    ///
    /// # Errors
    /// `ShapeMismatch` for a batch that does not fit; `InvalidConfig` for a model with another head; those of `check`.
    pub fn generate(
        &self,
        batch: &Batch,
        options: &Generation,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<Written>> {
        let _guard = tch::no_grad_guard();
        let clips = batch.to_device(self.config(), self.device())?.clips;
        let counts = clips.layout().counts();
        let mut all = Vec::with_capacity(counts.len());
        for (index, &frames) in (0..).zip(&counts) {
            check()?;
            let clip = clips
                .inputs
                .f_narrow(0, index, 1)?
                .f_narrow(1, 0, frames)?
                .f_contiguous()?;
            all.push(self.write(clip, options, check)?);
        }
        Ok(all)
    }

    /// Begins the string of a batch of one clip, which [`Self::write_next`] goes on with. A beam search has no beginning: it
    /// is refused.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn begin_writing(&self, batch: &Batch, options: &Generation) -> Result<Writing> {
        let _guard = tch::no_grad_guard();
        let clips = batch.to_device(self.config(), self.device())?.clips;
        let frames = match clips.layout().counts().as_slice() {
            &[frames] => frames,
            counts => {
                let reason = format!("Expected one clip, received {}", counts.len());
                return Err(Error::Data { reason });
            }
        };
        self.writing(clips.inputs.f_narrow(1, 0, frames)?.f_contiguous()?, options)
    }

    /// Writes the next label; none where the string has ended.
    ///
    /// # Errors
    /// `InvalidConfig` for a model with another head.
    pub fn write_next(&self, writing: &mut Writing) -> Result<Option<i64>> {
        let _guard = tch::no_grad_guard();
        writing.next(self.decoder()?)
    }

    fn write(&self, clip: Tensor, options: &Generation, check: &dyn Fn() -> Result<()>) -> Result<Written> {
        if let Strategy::Beam(beam) = options.strategy {
            return search(
                self.decoder()?,
                &self.memory(clip)?,
                beam,
                self.max_length(options),
                check,
            );
        }
        let mut writing = self.writing(clip, options)?;
        while writing.next(self.decoder()?)?.is_some() {
            check()?;
        }
        Ok(writing.written())
    }

    fn writing(&self, clip: Tensor, options: &Generation) -> Result<Writing> {
        let draws = match options.strategy {
            Strategy::Greedy => None,
            Strategy::Sample(sampling) => Some((sampling, Stream::of(hash(sampling.seed, &clip)?))),
            Strategy::Beam(_) => {
                return Err(Error::invalid(
                    "strategy",
                    "greedy or sample for a string label by label",
                    "beam",
                ));
            }
        };
        Ok(Writing::new(self.memory(clip)?, draws, self.max_length(options)))
    }

    /// What the decoder keeps of one clip, `[1, frames, …]`.
    fn memory(&self, clip: Tensor) -> Result<Memory> {
        let decoder = self.decoder()?;
        let clip = Clips {
            inputs: clip,
            lengths: None,
            kept: None,
        };
        decoder.remember(&self.states_t(&clip, false)?, &clip.layout())
    }

    fn max_length(&self, options: &Generation) -> usize {
        let of_head = || {
            self.config()
                .head
                .sequence
                .map_or(0, |sequence| sequence.max_length as usize)
        };
        options.max_length.unwrap_or_else(of_head)
    }
}

/// A hash of a seed and of a clip's values, as they came.
fn hash(seed: u64, clip: &Tensor) -> Result<u64> {
    let flat = clip.f_to_device(Device::Cpu)?.f_flatten(0, -1)?;
    if flat.kind() == Kind::Uint8 {
        let bytes = Vec::<u8>::try_from(flat)?;
        return Ok(bytes.into_iter().map(u64::from).fold(absorb(0, seed), absorb));
    }
    let values = Vec::<f32>::try_from(flat)?;
    let words = values.into_iter().map(|value| u64::from(value.to_bits()));
    Ok(words.fold(absorb(0, seed), absorb))
}
