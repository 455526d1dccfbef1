//! One token after the other: the most probable one, or one drawn at random.

use super::cell::State;
use super::decoder::Decoder;
use super::memory::Memory;
use super::scores::{self, log_softmax};
use crate::error::Result;
use crate::runtime::stream::Stream;

/// How tokens are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it: below 1 the probable becomes more probable, above 1 less; above 0.
    pub temperature: f64,
    /// Only so many most probable tokens may be drawn; none: all.
    pub top_k: Option<usize>,
    /// Only the most probable tokens may be drawn that together just reach this probability; above 0, at most 1.
    pub top_p: f64,
    /// Begins the stream of draws, with the values of the clip.
    pub seed: u64,
}

/// A string that is being written, for one clip.
pub struct Writing {
    memory: Memory,
    state: State,
    /// How tokens are drawn; without, the most probable one is taken.
    draws: Option<(Sampling, Stream)>,
    max_length: usize,
    labels: Vec<i64>,
    log_probability: f64,
    is_done: bool,
}

/// A string that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Indices of classes, without the end.
    pub labels: Vec<i64>,
    /// The logarithm of the string's probability, its end included, over the penalty of its length where there is one;
    /// NaN, of no labels, where the model's outputs are not numbers.
    pub score: f64,
}

impl Writing {
    /// Of the memory of one clip.
    pub(crate) fn new(memory: Memory, draws: Option<(Sampling, Stream)>, max_length: usize) -> Self {
        Self {
            state: memory.start.shallow_clone(),
            memory,
            draws,
            max_length,
            labels: Vec::new(),
            log_probability: 0.0,
            is_done: false,
        }
    }

    /// Writes the next label; none where the string has ended.
    pub(crate) fn next(&mut self, decoder: &Decoder) -> Result<Option<i64>> {
        if self.is_done {
            return Ok(None);
        }
        let last = self.labels.last().copied().unwrap_or(decoder.boundary());
        let (logits, state) = decoder.step(&self.memory, &self.state, &decoder.tokens(&[last])?)?;
        self.state = state;
        let log_probabilities = log_softmax(&scores::read(&logits)?);
        let boundary = decoder.boundary() as usize;
        if log_probabilities.iter().any(|value| value.is_nan()) {
            (self.is_done, self.log_probability) = (true, f64::NAN);
            self.labels.clear();
            return Ok(None);
        }
        let token = if self.labels.len() == self.max_length {
            boundary
        } else {
            match &mut self.draws {
                Some((sampling, stream)) => draw(&log_probabilities, sampling, stream.unit()),
                None => scores::best(&log_probabilities),
            }
        };
        self.log_probability += log_probabilities[token];
        if token == boundary {
            self.is_done = true;
            return Ok(None);
        }
        self.labels.push(token as i64);
        Ok(Some(token as i64))
    }

    /// The string so far.
    #[must_use]
    pub fn written(&self) -> Written {
        Written {
            labels: self.labels.clone(),
            score: self.log_probability,
        }
    }
}

/// The token that the number of [0, 1) falls on, where tokens lie side by side from the most probable on, each as wide as
/// it is probable among those that may be drawn.
fn draw(log_probabilities: &[f64], sampling: &Sampling, unit: f64) -> usize {
    let order = scores::best_first(log_probabilities, sampling.top_k.unwrap_or(usize::MAX));
    let largest = log_probabilities[order[0]];
    let weight = |token: &usize| ((log_probabilities[*token] - largest) / sampling.temperature).exp();
    let weights: Vec<f64> = order.iter().map(weight).collect();
    let reached = sampling.top_p * weights.iter().sum::<f64>();
    let mut sum = 0.0;
    let kept = weights.iter().position(|weight| {
        sum += weight;
        sum >= reached
    });
    let kept = kept.map_or(weights.len(), |last| last + 1);
    let mut rest = unit * weights[..kept].iter().sum::<f64>();
    for (token, weight) in order.iter().zip(&weights[..kept]) {
        if rest < *weight {
            return *token;
        }
        rest -= weight;
    }
    order[kept - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(temperature: f64, top_k: Option<usize>, top_p: f64) -> Sampling {
        Sampling {
            temperature,
            top_k,
            top_p,
            seed: 0,
        }
    }

    /// The share of each token among evenly spread numbers.
    fn shares(probabilities: &[f64], sampling: &Sampling) -> Vec<f64> {
        const DRAWS: usize = 10_000;
        let logs: Vec<f64> = probabilities.iter().map(|value| value.ln()).collect();
        let mut shares = vec![0.0; logs.len()];
        for index in 0..DRAWS {
            shares[draw(&logs, sampling, (index as f64 + 0.5) / DRAWS as f64)] += 1.0 / DRAWS as f64;
        }
        shares
    }

    fn assert_near(actual: &[f64], expected: &[f64]) {
        let is_near = actual.iter().zip(expected).all(|(a, e)| (a - e).abs() < 2e-4);
        assert!(is_near, "{actual:?}, expected {expected:?}");
    }

    #[test]
    fn every_token_is_drawn_as_often_as_it_is_probable() {
        let plain = sampling(1.0, None, 1.0);
        assert_near(&shares(&[0.2, 0.5, 0.3], &plain), &[0.2, 0.5, 0.3]);
    }

    #[test]
    fn temperature_is_an_exponent_of_the_probabilities() {
        let squared = [0.04 / 0.38, 0.25 / 0.38, 0.09 / 0.38];
        assert_near(&shares(&[0.2, 0.5, 0.3], &sampling(0.5, None, 1.0)), &squared);
    }

    #[test]
    fn top_k_keeps_the_most_probable_and_the_first_of_equal_ones() {
        assert_near(
            &shares(&[0.2, 0.5, 0.3], &sampling(1.0, Some(2), 1.0)),
            &[0.0, 0.625, 0.375],
        );
        assert_near(
            &shares(&[0.25, 0.25, 0.5], &sampling(1.0, Some(2), 1.0)),
            &[1.0 / 3.0, 0.0, 2.0 / 3.0],
        );
    }

    #[test]
    fn top_p_keeps_the_fewest_that_reach_it() {
        assert_near(
            &shares(&[0.2, 0.5, 0.3], &sampling(1.0, None, 0.6)),
            &[0.0, 0.625, 0.375],
        );
        assert_near(&shares(&[0.2, 0.5, 0.3], &sampling(1.0, None, 0.4)), &[0.0, 1.0, 0.0]);
    }
}
