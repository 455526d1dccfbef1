//! The decoder: an LSTM that writes label after label and looks at the frames.

use tch::Tensor;

use super::attention::Attention;
use super::cell::{Cell, State};
use super::memory::Memory;
use super::tokens::Tokens;
use crate::config::{ModelConfig, SequenceConfig};
use crate::data::lengths::Layout;
use crate::error::Result;
use crate::model::initializer::Initializer;
use crate::model::linear::Linear;
use crate::runtime::random::Generator;

/// An LSTM decoder with its embedding, attention and output layer.
pub(crate) struct Decoder {
    /// The numbers of one direction of the encoder's recurrent part, and whether there are two.
    encoder: (i64, bool),
    classes: i64,
    embedding: Tensor,
    bridge: Linear,
    cell: Cell,
    attention: Option<Attention>,
    fc: Linear,
    generator: Generator,
}

impl Decoder {
    /// Draws `decoder.embedding`, `decoder.bridge`, `decoder.lstm`, `decoder.attention.*` and `fc`, in this order.
    pub(in crate::model) fn new(
        config: &ModelConfig,
        sequence: &SequenceConfig,
        generator: Generator,
        init: &mut Initializer<'_>,
    ) -> Result<Self> {
        let (encoded, classes) = (config.lstm.output_size(), config.num_classes);
        let (hidden, embedded) = (sequence.hidden_size, sequence.embedding_size);
        let embedding = init.normal("decoder.embedding.weight".to_owned(), &[classes + 1, embedded], 1.0)?;
        let bridge = Linear::new("decoder.bridge", encoded, 2 * hidden, init)?;
        let cell = Cell::new(embedded, hidden, init)?;
        let attention = if sequence.attention {
            Some(Attention::new(encoded, hidden, init)?)
        } else {
            None
        };
        let fc = Linear::new("fc", sequence.output_features(encoded), classes + 1, init)?;
        Ok(Self {
            encoder: (config.lstm.hidden_size, config.lstm.bidirectional),
            classes,
            embedding,
            bridge,
            cell,
            attention,
            fc,
            generator,
        })
    }

    /// The index that begins a string where it is read and ends one where it is written.
    pub(crate) fn boundary(&self) -> i64 {
        self.classes
    }

    /// int64 of `[rows]`, on the model's device.
    pub(crate) fn tokens(&self, tokens: &[i64]) -> Result<Tensor> {
        Ok(Tensor::f_from_slice(tokens)?.f_to_device(self.embedding.device())?)
    }

    /// What is kept of clips while their strings are written: `outputs` are the recurrent part's, `[frames, encoded]`.
    pub(crate) fn remember(&self, outputs: &Tensor, layout: &Layout<'_>) -> Result<Memory> {
        let values = layout.unpack(outputs)?; //                     [batch, time, encoded]
        let last = layout.last(&values)?; //                         [batch, encoded]
        let (hidden, is_bidirectional) = self.encoder;
        let ends = if is_bidirectional {
            let first = values.f_select(1, 0)?; //                   where the backward direction ends
            Tensor::f_cat(&[last.f_narrow(1, 0, hidden)?, first.f_narrow(1, hidden, hidden)?], 1)?
        } else {
            last
        };
        let start = self.bridge.forward_rows(&ends)?.f_tanh()?.f_chunk(2, 1)?; // two of [batch, hidden]
        let frames = match &self.attention {
            Some(attention) => Some(attention.frames(outputs, values, layout)?),
            None => None,
        };
        Ok(Memory {
            start: State {
                hidden: start[0].f_contiguous()?,
                cell: start[1].f_contiguous()?,
            },
            frames,
        })
    }

    /// The logits of every label of the strings and of their ends, `[tokens, classes + 1]`, string after string.
    ///
    /// Each step reads the label before it, or with the probability `1 - share` the most probable one that the step
    /// before has written.
    pub(crate) fn forward(&self, memory: &Memory, tokens: &Tokens, share: f64) -> Result<Tensor> {
        let features = if share < 1.0 {
            self.some_forced(memory, tokens, share)?
        } else {
            self.all_forced(memory, tokens)?
        }; //                                                        [batch, steps, hidden (+ encoded)]
        self.fc.forward(&tokens.pack(&features)?)
    }

    /// One step of several strings: the logits after the tokens that each has read, `[rows, classes + 1]`, and the states.
    ///
    /// The rows are the memory's clips; of a memory of one clip there may be any number of them. Without gradients, on the
    /// engine, a row of one clip is the same bit for bit whichever rows stand beside it.
    pub(crate) fn step(&self, memory: &Memory, state: &State, tokens: &Tensor) -> Result<(Tensor, State)> {
        let (features, state) = self.step_features(memory, state, tokens)?;
        Ok((self.fc.forward_rows(&features)?, state))
    }

    /// All steps at once: what they read is known.
    fn all_forced(&self, memory: &Memory, tokens: &Tokens) -> Result<Tensor> {
        let embedded = self.embed(&tokens.inputs)?; //              [batch, steps, embedding_size]
        let states = self.cell.sequence(&embedded, &memory.start)?; // [batch, steps, hidden]
        self.look(&states, memory)
    }

    /// Step by step: what a step reads may be what the step before has written.
    fn some_forced(&self, memory: &Memory, tokens: &Tokens, share: f64) -> Result<Tensor> {
        let [batch, steps] = [tokens.inputs.size()[0], tokens.inputs.size()[1]];
        let device = tokens.inputs.device();
        let is_forced = self.generator.bernoulli(&[batch, steps], share)?.f_to_device(device)?;
        let is_forced = is_forced.f_gt(0.5)?;
        let mut state = memory.start.shallow_clone();
        let mut read = tokens.inputs.f_select(1, 0)?; //            [batch], the boundary
        let mut all = Vec::new();
        for step in 0..steps {
            let (features, next) = self.step_features(memory, &state, &read)?;
            state = next;
            if step + 1 < steps {
                let written = self.fc.forward(&features.f_detach()?)?.f_argmax(1, false)?;
                let forced = tokens.inputs.f_select(1, step + 1)?;
                read = forced.f_where_self(&is_forced.f_select(1, step + 1)?, &written)?;
            }
            all.push(features);
        }
        Ok(Tensor::f_stack(&all, 1)?)
    }

    /// What the output layer reads, `[rows, hidden (+ encoded)]`, and the new states.
    fn step_features(&self, memory: &Memory, state: &State, tokens: &Tensor) -> Result<(Tensor, State)> {
        let state = self.cell.step(&self.embed(tokens)?, state)?;
        let rows = tokens.size()[0];
        // The rows of one clip stand on its axis of steps.
        let by_clip = match memory.clips() {
            1 => [1, rows, -1],
            clips => [clips, 1, -1],
        };
        let features = self.look(&state.hidden.f_view(by_clip)?, memory)?;
        Ok((features.f_view([rows, -1])?, state))
    }

    /// `[…, embedding_size]` of tokens of any shape.
    fn embed(&self, tokens: &Tensor) -> Result<Tensor> {
        Ok(Tensor::f_embedding(&self.embedding, tokens, -1, false, false)?)
    }

    /// States of `[batch, steps, hidden]` beside what they see of their clip's frames, `[batch, steps, hidden + encoded]`;
    /// without attention the states alone.
    fn look(&self, states: &Tensor, memory: &Memory) -> Result<Tensor> {
        match (&self.attention, &memory.frames) {
            (Some(attention), Some(frames)) => Ok(Tensor::f_cat(&[states, &attention.forward(states, frames)?], -1)?),
            _ => Ok(states.shallow_clone()),
        }
    }
}
