//! Beam search, of which the answer's score never falls with more beams.
//!
//! A plain beam search of width w keeps, step by step, the w most probable continuations of the strings that it has; of
//! those that end, it remembers the best. A wider search may lose the string that a narrower one has found. So a search
//! of `beams` runs the searches of every width from 1 to `beams` and answers with the best string of all. The searches
//! have most of their strings in common, and a string that several of them keep is continued once.
//!
//! The search of width 1 is greedy. A search whose width is the number of all strings is exhaustive.

use std::collections::HashMap;

use super::decoder::Decoder;
use super::memory::Memory;
use super::sampling::Written;
use super::scores::{self, best_first, log_softmax};
use crate::error::Result;

/// How strings are searched for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeamSearch {
    /// Strings that are kept at every step, at least 1.
    pub beams: usize,
    /// The exponent α of the length penalty ((5 + tokens) / 6)^α by which log-probabilities are divided, at least 0 (Wu et
    /// al., 2016); the end is a token.
    pub length_penalty: f64,
}

/// The beginning of a string.
struct Prefix {
    labels: Vec<i64>,
    log_probability: f64,
}

/// A prefix and the token after it.
struct Continuation {
    prefix: usize,
    token: usize,
    log_probability: f64,
}

/// What the searches have found.
struct Found {
    length_penalty: f64,
    best: Option<Written>,
}

impl Found {
    /// A log-probability over the penalty of so many tokens.
    fn score(&self, log_probability: f64, tokens: usize) -> f64 {
        log_probability / ((5 + tokens) as f64 / 6.0).powf(self.length_penalty)
    }

    fn offer(&mut self, prefix: &Prefix, log_probability: f64) {
        let score = self.score(log_probability, prefix.labels.len() + 1);
        if self.best.as_ref().is_none_or(|best| score > best.score) {
            let labels = prefix.labels.clone();
            self.best = Some(Written { labels, score });
        }
    }

    /// Whether no string that begins so, of at most so many tokens, can be better than the best.
    fn is_hopeless(&self, prefix: &Prefix, most_tokens: usize) -> bool {
        let bound = self.score(prefix.log_probability, most_tokens);
        self.best.as_ref().is_some_and(|best| bound <= best.score)
    }
}

/// The most probable string of the memory's one clip. `check` is asked before each step: an error ends the search.
pub(crate) fn search(
    decoder: &Decoder,
    memory: &Memory,
    options: BeamSearch,
    max_length: usize,
    check: &dyn Fn() -> Result<()>,
) -> Result<Written> {
    let boundary = decoder.boundary() as usize;
    let mut found = Found {
        length_penalty: options.length_penalty,
        best: None,
    };
    let mut prefixes = vec![Prefix {
        labels: Vec::new(),
        log_probability: 0.0,
    }];
    let mut state = memory.start().shallow_clone();
    // Of each width from 1 on, the prefixes that its search keeps, from the best on.
    let mut kept: Vec<Vec<usize>> = vec![vec![0]; options.beams];
    for length in 0..=max_length {
        check()?;
        let last = |prefix: &Prefix| prefix.labels.last().copied().unwrap_or(decoder.boundary());
        let tokens: Vec<i64> = prefixes.iter().map(last).collect();
        let (logits, states) = decoder.step(memory, &state, &decoder.tokens(&tokens)?)?;
        let rows: Vec<Vec<f64>> = scores::read(&logits)?.chunks(boundary + 1).map(log_softmax).collect();
        if rows.iter().flatten().any(|value| value.is_nan()) {
            return Ok(Written {
                labels: Vec::new(),
                score: f64::NAN,
            });
        }
        let best_tokens = |row: &Vec<f64>| {
            if length == max_length {
                vec![boundary]
            } else {
                best_first(row, options.beams)
            }
        };
        let best_tokens: Vec<Vec<usize>> = rows.iter().map(best_tokens).collect();
        let mut next = Vec::new();
        let mut known = HashMap::new();
        let mut parents = Vec::new();
        for (width, kept) in (1..).zip(&mut kept) {
            let continuations = best_continuations(width, kept, &prefixes, &rows, &best_tokens);
            kept.clear();
            for Continuation {
                prefix,
                token,
                log_probability,
            } in continuations
            {
                if token == boundary {
                    found.offer(&prefixes[prefix], log_probability);
                    continue;
                }
                kept.push(*known.entry((prefix, token)).or_insert_with(|| {
                    let labels = [prefixes[prefix].labels.as_slice(), &[token as i64]].concat();
                    next.push(Prefix {
                        labels,
                        log_probability,
                    });
                    parents.push(prefix as i64);
                    next.len() - 1
                }));
            }
        }
        // A search none of whose strings can become the best has no more to say.
        for kept in &mut kept {
            if kept
                .iter()
                .all(|&prefix| found.is_hopeless(&next[prefix], max_length + 1))
            {
                kept.clear();
            }
        }
        if kept.iter().all(Vec::is_empty) {
            break;
        }
        state = states.rows(&decoder.tokens(&parents)?)?;
        prefixes = next;
    }
    Ok(found.best.unwrap_or(Written {
        labels: Vec::new(),
        score: f64::NAN,
    }))
}

/// The best continuations of the prefixes that the search of that width keeps, as many as its width, from the best on.
fn best_continuations(
    width: usize,
    kept: &[usize],
    prefixes: &[Prefix],
    rows: &[Vec<f64>],
    best_tokens: &[Vec<usize>],
) -> Vec<Continuation> {
    let mut continuations = Vec::new();
    for &prefix in kept {
        for &token in best_tokens[prefix].iter().take(width) {
            let log_probability = prefixes[prefix].log_probability + rows[prefix][token];
            continuations.push(Continuation {
                prefix,
                token,
                log_probability,
            });
        }
    }
    // A stable sort: equal ones stay in an order that the narrower and wider searches have no part in.
    continuations.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
    continuations.truncate(width);
    continuations
}
