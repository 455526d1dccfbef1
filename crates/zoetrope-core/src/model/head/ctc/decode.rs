//! From the outputs of a clip's frames to a label string.

use std::collections::HashSet;

use super::align::{Span, spans};
use super::beam::{Watch, search};
use super::trie::Trie;
use crate::error::{Error, Result};
use crate::model::head::scored::Reading;

/// How label strings are found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoding {
    /// Strings that are followed at a time; 0 and 1 read the best path.
    pub beams: usize,
    /// The only strings that may be answers, as classes.
    pub lexicon: Option<Vec<Vec<i64>>>,
    /// Strings that no answer may begin with, as classes; only a search of several beams knows them.
    pub forbidden: Vec<Vec<i64>>,
    /// Whether [`LabelString::visited`] is wanted.
    pub keeps_visited: bool,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelString {
    /// Classes; none where outputs are not numbers, or no allowed string fits into the frames.
    pub labels: Option<Vec<i64>>,
    /// The frames of each label on its likeliest path.
    pub spans: Vec<Span>,
    /// The probability of the string: the sum over all paths that read as it.
    pub probability: f64,
    /// Every string that was among the best at any frame.
    pub visited: Vec<Vec<i64>>,
}

impl Decoding {
    /// Checks the options for a model of so many classes.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn validate(&self, num_classes: i64) -> Result<()> {
        let strings = self.lexicon.iter().flatten().chain(&self.forbidden);
        match strings.flatten().find(|label| !(0..num_classes).contains(*label)) {
            Some(label) => {
                let expected = format!("classes below {num_classes}");
                Err(Error::invalid("decode", expected, label))
            }
            None => Ok(()),
        }
    }
}

/// The string of one clip, of log-probabilities of `[frames, outputs]`. `check` is asked now and then: an error ends it.
pub(crate) fn decode(
    rows: &[f64],
    outputs: usize,
    decoding: &Decoding,
    check: &dyn Fn() -> Result<()>,
) -> Result<LabelString> {
    check()?;
    let mut trie = Trie::new();
    let Some(greedy) = best_path(rows, outputs) else {
        return Ok(none(f64::NAN));
    };
    let strings = match &decoding.lexicon {
        Some(lexicon) => lexicon.iter().map(|string| trie.insert(string)).collect(),
        None => candidates(&mut trie, greedy, (rows, outputs), decoding, check)?,
    };
    let scores = trie.log_probabilities(&strings, rows, outputs);
    // Of equal ones the first.
    let best = (0..strings.len()).fold(None, |best: Option<usize>, at| match best {
        Some(best) if scores[best] >= scores[at] => Some(best),
        _ if scores[at] > f64::NEG_INFINITY => Some(at),
        best => best,
    });
    let visited = if decoding.keeps_visited {
        trie.strings()
    } else {
        Vec::new()
    };
    let Some(best) = best else {
        return Ok(LabelString { visited, ..none(0.0) });
    };
    let labels = trie.labels(strings[best]);
    Ok(LabelString {
        spans: spans(&labels, rows, outputs)?,
        labels: Some(labels),
        probability: scores[best].exp(),
        visited,
    })
}

fn none(probability: f64) -> LabelString {
    LabelString {
        labels: None,
        spans: Vec::new(),
        probability,
        visited: Vec::new(),
    }
}

/// The best path's string, and those that searches of 2, 4, … up to so many beams end with: what a narrower search has
/// found, a wider one does not lose.
fn candidates(
    trie: &mut Trie,
    greedy: Vec<i64>,
    (rows, outputs): (&[f64], usize),
    decoding: &Decoding,
    check: &dyn Fn() -> Result<()>,
) -> Result<Vec<u32>> {
    let mut forbidden = Trie::new();
    let ends: HashSet<u32> = decoding
        .forbidden
        .iter()
        .map(|string| forbidden.insert(string))
        .collect();
    let is_forbidden = |trie: &Trie, node: u32, output: u32| {
        let mut labels = trie.labels(node);
        labels.push(i64::from(output) - 1);
        let mut at = Some(super::trie::ROOT);
        labels.iter().any(|&label| {
            at = at.and_then(|node| forbidden.find(node, label as u32 + 1));
            at.is_some_and(|node| ends.contains(&node))
        })
    };
    let watch = Watch {
        is_allowed: &|trie, node, output| ends.is_empty() || !is_forbidden(trie, node, output),
        allows_all: ends.is_empty(),
        check,
    };
    let mut strings = Vec::new();
    let node = trie.insert(&greedy);
    let is_allowed = |trie: &Trie, node: u32| {
        node == super::trie::ROOT || (watch.is_allowed)(trie, trie.parent(node), trie.output(node))
    };
    if is_allowed(trie, node) {
        strings.push(node);
    }
    let mut width = 2;
    while width <= decoding.beams {
        strings.extend(search(trie, rows, outputs, width, &watch)?);
        width *= 2;
    }
    if strings.is_empty() {
        strings = search(trie, rows, outputs, 1, &watch)?;
    }
    Ok(strings)
}

/// What the likeliest output of each frame reads as; of equal ones the first. None where outputs are not numbers.
fn best_path(rows: &[f64], outputs: usize) -> Option<Vec<i64>> {
    let token = |row: &[f64]| -> i64 {
        if row.iter().any(|value| value.is_nan()) {
            return -1;
        }
        let best = (0..row.len()).fold(0, |best, at| if row[at] > row[best] { at } else { best });
        best as i64
    };
    let tokens: Vec<i64> = rows.chunks_exact(outputs).map(token).collect();
    Reading::Path.labels(&tokens)
}
