//! A string of labels that a decoder writes: token after token, with a look at all frames.
//!
//! Labels have their classes' indices, `0 … classes - 1`. The index `classes` is the boundary: read, it begins a string;
//! written, it ends one. So the embedding and the outputs have `classes + 1` rows each.

mod attention;
mod cell;
pub(crate) mod decoder;
pub(crate) mod memory;
pub(crate) mod sampling;
mod scores;
pub(crate) mod search;
pub(crate) mod tokens;

use tch::{Kind, Tensor};

use self::decoder::Decoder;
use self::memory::Memory;
use self::tokens::Tokens;
use super::options::LossOptions;
use super::rows;
use super::scored::{Answers, Reading, Scored, Strings};
use crate::data::label_strings::LabelStrings;
use crate::data::lengths::Layout;
use crate::error::Result;

/// The loss of every label and end of the targets, and the strings that are written: in training those of the very steps
/// that the loss is of, in evaluation the most probable token after the most probable token.
///
/// A string is right in both cases under the same condition: each of its steps, with what should stand before it, finds
/// its token the most probable.
pub(super) fn score(
    decoder: &Decoder,
    states: &Tensor,
    layout: &Layout<'_>,
    targets: &LabelStrings,
    max_length: i64,
    options: Option<&LossOptions>,
) -> Result<Scored> {
    let memory = decoder.remember(states, layout)?;
    let tokens = Tokens::new(&targets.labels, &targets.counts, decoder.boundary(), states.device())?;
    let share = options.map_or(1.0, |options| options.teacher_forcing);
    let outputs = decoder.forward(&memory, &tokens, share)?; //      [tokens, classes + 1]
    let (loss, written, counts) = if let Some(options) = options {
        let weights = options.class_weights.as_deref().map(with_end);
        let loss = rows::cross_entropy(&outputs, &tokens.targets, weights.as_deref(), options.label_smoothing)?;
        (loss, most_probable(&outputs.f_detach()?)?, tokens.counts)
    } else {
        let loss = rows::summed_cross_entropy(&outputs, &tokens.targets)?;
        let (written, counts) = greedy(decoder, &memory, layout.batch, max_length)?;
        (loss, written, counts)
    };
    let answers = Answers::Strings(Strings {
        tokens: written,
        counts,
        reading: Reading::UpTo(decoder.boundary()),
        targets: targets.clone(),
    });
    Ok(Scored { loss, answers })
}

/// The weights of the classes and of the end, which counts 1.
fn with_end(weights: &[f64]) -> Vec<f64> {
    [weights, &[1.0]].concat()
}

/// The most probable tokens of logits of `[rows, classes + 1]`, int64 of `[rows]`: of equal ones the first, -1 where they
/// are not numbers.
fn most_probable(logits: &Tensor) -> Result<Tensor> {
    let is_number = logits.f_amax([1].as_slice(), false)?.f_isfinite()?;
    Ok(logits.f_argmax(1, false)?.f_where_scalarother(&is_number, -1)?)
}

/// The logits of so many steps, each after the most probable tokens of those before it, also after the end of a string:
/// `[clips, steps, classes + 1]`. Where logits are no numbers, token 0 follows.
pub(crate) fn greedy_logits(decoder: &Decoder, memory: &Memory, clips: i64, steps: i64) -> Result<Tensor> {
    let mut state = memory.start().shallow_clone();
    let mut read = decoder.tokens(&vec![decoder.boundary(); clips as usize])?;
    let mut all = Vec::new();
    for _ in 0..steps {
        let (logits, next) = decoder.step(memory, &state, &read)?;
        state = next;
        read = most_probable(&logits)?.f_clamp_min(0)?;
        all.push(logits);
    }
    Ok(Tensor::f_stack(&all, 1)?)
}

/// The strings of all clips at once, up to `max_length` labels each: tokens of `[batch * steps]`, and the steps of each.
fn greedy(decoder: &Decoder, memory: &Memory, clips: i64, max_length: i64) -> Result<(Tensor, Vec<i64>)> {
    let boundary = decoder.boundary();
    let mut state = memory.start().shallow_clone();
    let mut read = decoder.tokens(&vec![boundary; clips as usize])?;
    let mut has_ended = read.f_ne(boundary)?;
    let mut written = Vec::new();
    for _ in 0..max_length {
        let (logits, next) = decoder.step(memory, &state, &read)?;
        state = next;
        let tokens = most_probable(&logits)?;
        has_ended = has_ended
            .f_logical_or(&tokens.f_eq(boundary)?)?
            .f_logical_or(&tokens.f_lt(0)?)?;
        read = tokens.f_clamp_min(0)?;
        written.push(tokens);
        if has_ended.f_all()?.f_int64_value(&[])? == 1 {
            break;
        }
    }
    let steps = written.len() as i64;
    let written = if written.is_empty() {
        Tensor::f_zeros([0], (Kind::Int64, read.device()))?
    } else {
        Tensor::f_stack(&written, 1)?.f_flatten(0, -1)? //           [batch * steps]
    };
    Ok((written, vec![steps; clips as usize]))
}
