//! From the outputs of a clip's frames to a label string.

use std::collections::HashSet;

use super::align::{Span, spans};
use super::beam::{Frames, Watch, search};
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
    /// Strings that no answer may begin with, as classes; only a search knows them.
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

/// The string of one clip, of log-probabilities of `[frames, outputs]`, the blank first. `check` is asked now and then.
///
/// # Errors
/// Those of `check`; `OutOfMemory`.
pub fn decode(
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
        None => candidates(&mut trie, &greedy, (rows, outputs), decoding, check)?,
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
    greedy: &[i64],
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
    let node = trie.insert(greedy);
    let is_allowed = |trie: &Trie, node: u32| {
        node == super::trie::ROOT || (watch.is_allowed)(trie, trie.parent(node), trie.output(node))
    };
    if is_allowed(trie, node) {
        strings.push(node);
    }
    if decoding.beams < 2 && !strings.is_empty() {
        return Ok(strings);
    }
    let frames = Frames::new(rows, outputs, decoding.beams.max(1), watch.allows_all);
    let mut width = 2;
    while width <= decoding.beams {
        strings.extend(search(trie, &frames, width, &watch)?);
        width *= 2;
    }
    if strings.is_empty() {
        strings = search(trie, &frames, 1, &watch)?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// `SplitMix64`, below 1.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.0;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// Log-probabilities of `[frames, outputs]`; larger scales are surer.
    fn rows(seed: u64, frames: usize, outputs: usize, scale: f64) -> Vec<f64> {
        let mut numbers = Numbers(seed);
        let mut rows: Vec<f64> = (0..frames * outputs).map(|_| scale * numbers.next()).collect();
        for row in rows.chunks_exact_mut(outputs) {
            let sum: f64 = row.iter().map(|value| value.exp()).sum();
            for value in row {
                *value -= sum.ln();
            }
        }
        rows
    }

    fn decoded(rows: &[f64], outputs: usize, decoding: &Decoding) -> Result<LabelString> {
        decode(rows, outputs, decoding, &|| Ok(()))
    }

    fn beams(beams: usize) -> Decoding {
        Decoding {
            beams,
            ..Decoding::default()
        }
    }

    /// The probability of every string, from all paths one by one.
    fn exhaustive(rows: &[f64], outputs: usize) -> BTreeMap<Vec<i64>, f64> {
        let frames = rows.len() / outputs;
        let mut strings: BTreeMap<Vec<i64>, f64> = BTreeMap::new();
        for path in 0..outputs.pow(frames as u32) {
            let tokens: Vec<i64> = (0..frames as u32)
                .map(|frame| (path / outputs.pow(frame) % outputs) as i64)
                .collect();
            let scores = tokens
                .iter()
                .enumerate()
                .map(|(frame, &token)| rows[frame * outputs + token as usize]);
            let labels = Reading::Path.labels(&tokens).unwrap_or_default();
            *strings.entry(labels).or_default() += scores.sum::<f64>().exp();
        }
        strings
    }

    #[test]
    fn a_wide_beam_finds_what_trying_all_paths_finds() -> Result<()> {
        for seed in 0..60 {
            let (frames, outputs) = (1 + seed as usize % 6, 2 + seed as usize % 3);
            let rows = rows(seed, frames, outputs, 1.0 + (seed % 5) as f64);
            let strings = exhaustive(&rows, outputs);
            let best = strings.values().copied().fold(0.0, f64::max);
            let found = decoded(&rows, outputs, &beams(1024))?;
            assert!(
                (found.probability / best - 1.0).abs() < 1e-9,
                "{seed}: {} of {best}",
                found.probability
            );
            let own = strings[&found.labels.unwrap_or_default()];
            assert!((found.probability / own - 1.0).abs() < 1e-9, "{seed}");
        }
        Ok(())
    }

    #[test]
    fn a_lexicon_allows_its_strings_only_and_is_searched_exactly() -> Result<()> {
        for seed in 0..40 {
            let rows = rows(seed, 5, 4, 3.0);
            let strings = exhaustive(&rows, 4);
            let lexicon: Vec<Vec<i64>> = strings.keys().filter(|string| string.len() == 2).cloned().collect();
            let best = lexicon.iter().map(|string| strings[string]).fold(0.0, f64::max);
            let decoding = Decoding {
                lexicon: Some(lexicon),
                ..beams(2)
            };
            let found = decoded(&rows, 4, &decoding)?;
            assert_eq!(found.labels.map(|labels| labels.len()), Some(2));
            assert!((found.probability / best - 1.0).abs() < 1e-9);
        }
        let long = Decoding {
            lexicon: Some(vec![vec![0; 9]]),
            ..beams(1)
        };
        let found = decoded(&rows(1, 5, 4, 1.0), 4, &long)?;
        assert!(found.labels.is_none() && found.probability == 0.0);
        Ok(())
    }

    #[test]
    fn one_beam_is_the_best_path_and_more_never_find_less() -> Result<()> {
        for seed in 0..40 {
            let rows = rows(seed, 30, 6, 1.0 + (seed % 4) as f64);
            let greedy = decoded(&rows, 6, &beams(0))?;
            assert_eq!(greedy.labels, best_path(&rows, 6));
            assert_eq!(greedy, decoded(&rows, 6, &beams(1))?);
            let mut least = greedy.probability;
            for width in 2..40 {
                let found = decoded(&rows, 6, &beams(width))?;
                assert!(found.probability >= least, "{seed}: {width}");
                least = found.probability;
            }
        }
        Ok(())
    }

    #[test]
    fn spans_are_the_frames_of_the_labels_on_the_best_path() -> Result<()> {
        // blank, 1, 1, blank, 1, 2
        let mut rows = vec![0.01_f64.ln(); 6 * 3];
        for (frame, token) in [0, 1, 1, 0, 1, 2].into_iter().enumerate() {
            rows[frame * 3 + token] = 0.98_f64.ln();
        }
        for width in [1, 8] {
            let found = decoded(&rows, 3, &beams(width))?;
            assert_eq!(found.labels, Some(vec![0, 0, 1]));
            let spans: Vec<(i64, i64)> = found.spans.iter().map(|span| (span.from, span.to)).collect();
            assert_eq!(spans, [(1, 3), (4, 5), (5, 6)]);
        }
        Ok(())
    }

    #[test]
    fn no_path_that_reads_as_the_answer_is_likelier_than_that_of_its_spans() -> Result<()> {
        for seed in 0..40 {
            let (frames, outputs) = (3 + seed as usize % 4, 3);
            let rows = rows(seed, frames, outputs, 2.0);
            let found = decoded(&rows, outputs, &beams(64))?;
            let labels = found.labels.unwrap_or_default();
            let score = |tokens: &[i64]| -> f64 {
                let scores = tokens.iter().enumerate();
                scores
                    .map(|(frame, &token)| rows[frame * outputs + token as usize])
                    .sum()
            };
            let mut best = f64::NEG_INFINITY;
            for path in 0..outputs.pow(frames as u32) {
                let tokens: Vec<i64> = (0..frames as u32)
                    .map(|frame| (path / outputs.pow(frame) % outputs) as i64)
                    .collect();
                if Reading::Path.labels(&tokens).as_ref() == Some(&labels) {
                    best = best.max(score(&tokens));
                }
            }
            let mut tokens = vec![0; frames];
            for (span, label) in found.spans.iter().zip(&labels) {
                tokens[span.from as usize..span.to as usize].fill(label + 1);
            }
            assert_eq!(Reading::Path.labels(&tokens).as_ref(), Some(&labels));
            assert!((score(&tokens) - best).abs() < 1e-9, "{seed}");
        }
        Ok(())
    }

    #[test]
    fn forbidden_beginnings_are_in_no_answer_and_what_was_among_the_best_is_told() -> Result<()> {
        for seed in 0..20 {
            let rows = rows(seed, 12, 4, 4.0);
            let free = decoded(&rows, 4, &beams(8))?.labels.unwrap_or_default();
            let Some(&first) = free.first() else { continue };
            let decoding = Decoding {
                forbidden: vec![vec![first]],
                keeps_visited: true,
                ..beams(8)
            };
            let found = decoded(&rows, 4, &decoding)?;
            let labels = found.labels.unwrap_or_default();
            assert_ne!(labels.first(), Some(&first));
            assert!(labels.is_empty() || found.visited.contains(&labels));
        }
        Ok(())
    }

    #[test]
    fn outputs_that_are_not_numbers_are_no_answer() -> Result<()> {
        let mut rows = rows(3, 4, 3, 1.0);
        rows[5] = f64::NAN;
        for width in [1, 4] {
            let found = decoded(&rows, 3, &beams(width))?;
            assert!(found.labels.is_none() && found.probability.is_nan());
        }
        Ok(())
    }
}
