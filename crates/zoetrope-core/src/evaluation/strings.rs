//! How far label strings are off: edits of labels and of words, and strings that are exact.

use tch::{Kind, Tensor};

use crate::data::label_strings::LabelStrings;
use crate::error::Result;
use crate::model::head::scored::{Reading, Strings};

/// Counts of strings held against their targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StringCounts {
    /// Fewest insertions, deletions and substitutions of labels that make each target of its answer, summed.
    pub edits: i64,
    /// Labels of the targets.
    pub labels: i64,
    /// The same of words, the pieces between separators; 0 where no class is the separator.
    pub word_edits: i64,
    /// Words of the targets.
    pub words: i64,
    /// Strings without an edit.
    pub exact: i64,
    /// Strings.
    pub strings: i64,
    /// Strings of an answer without any label.
    pub empty: i64,
}

/// Tokens that may wait on the device: 8 MiB.
const MOST_WAITING: i64 = 1 << 20;

/// Counts the strings of a pass; those of a few batches wait on the device.
#[derive(Default)]
pub(super) struct StringMeter {
    counts: StringCounts,
    waiting: Vec<Waiting>,
    waiting_tokens: i64,
}

struct Waiting {
    tokens: Tensor,
    counts: Vec<i64>,
    reading: Reading,
    targets: LabelStrings,
    separator: Option<i64>,
}

impl StringMeter {
    /// Adds a batch's strings, without waiting for the device as long as few wait.
    pub(super) fn add(&mut self, strings: &Strings, separator: Option<i64>) -> Result<()> {
        self.waiting_tokens += strings.tokens.size()[0];
        self.waiting.push(Waiting {
            tokens: strings.tokens.shallow_clone(),
            counts: strings.counts.clone(),
            reading: strings.reading,
            targets: strings.targets.clone(),
            separator,
        });
        if self.waiting_tokens > MOST_WAITING {
            self.count()?;
        }
        Ok(())
    }

    /// What all strings come to; none without any. Waits for the device.
    pub(super) fn read(&mut self) -> Result<Option<StringCounts>> {
        self.count()?;
        Ok(Some(self.counts).filter(|counts| counts.strings > 0))
    }

    fn count(&mut self) -> Result<()> {
        self.waiting_tokens = 0;
        for waiting in std::mem::take(&mut self.waiting) {
            let tokens = Vec::<i64>::try_from(waiting.tokens.f_to_kind(Kind::Int64)?)?;
            let mut rest = tokens.as_slice();
            for (&count, target) in waiting.counts.iter().zip(waiting.targets.iter()) {
                let (own, after) = rest.split_at(count as usize);
                rest = after;
                let answer = waiting.reading.labels(own);
                self.counts.add(answer.as_deref(), target, waiting.separator);
            }
        }
        Ok(())
    }
}

impl StringCounts {
    /// Adds a string; an answer that is none has every label and word of its target wrong.
    fn add(&mut self, answer: Option<&[i64]>, target: &[i64], separator: Option<i64>) {
        let edits = answer.map_or(target.len(), |answer| edit_distance(answer, target)) as i64;
        self.strings += 1;
        self.labels += target.len() as i64;
        self.edits += edits;
        self.exact += i64::from(answer == Some(target));
        self.empty += i64::from(answer.is_some_and(<[i64]>::is_empty));
        let Some(separator) = separator else { return };
        let words = words(target, separator);
        let found = answer.map(|answer| edit_distance(&self::words(answer, separator), &words));
        self.words += words.len() as i64;
        self.word_edits += found.unwrap_or(words.len()) as i64;
    }
}

/// The pieces between separators that are not empty.
fn words(string: &[i64], separator: i64) -> Vec<&[i64]> {
    let pieces = string.split(|&label| label == separator);
    pieces.filter(|word| !word.is_empty()).collect()
}

/// Levenshtein's distance, in the memory of one row.
fn edit_distance<T: PartialEq>(answer: &[T], target: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=target.len()).collect();
    for (above, given) in answer.iter().enumerate() {
        let mut corner = above;
        row[0] = above + 1;
        for (column, wanted) in target.iter().enumerate() {
            let substituted = corner + usize::from(given != wanted);
            corner = row[column + 1];
            row[column + 1] = substituted.min(corner + 1).min(row[column] + 1);
        }
    }
    row[target.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_insertions_deletions_and_substitutions() {
        for (answer, target, expected) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("abc", "", 3),
            ("flaw", "lawn", 2),
            ("same", "same", 0),
        ] {
            let found = edit_distance(answer.as_bytes(), target.as_bytes());
            assert_eq!(found, expected, "{answer} {target}");
        }
    }

    #[test]
    fn words_lie_between_separators_and_no_answer_is_all_wrong() {
        let mut counts = StringCounts::default();
        counts.add(Some(&[1, 0, 2, 2]), &[1, 0, 2, 3], Some(0)); // one of two words is wrong by one label
        counts.add(None, &[5, 0, 0, 6], Some(0));
        counts.add(Some(&[]), &[], Some(0));
        let expected = StringCounts {
            edits: 5,
            labels: 8,
            word_edits: 3,
            words: 4,
            exact: 1,
            strings: 3,
            empty: 1,
        };
        assert_eq!(counts, expected);
    }
}
