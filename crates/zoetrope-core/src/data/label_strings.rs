//! Label strings: targets of any length, one for each sample.

use crate::error::{Error, Result};

/// The strings of a batch, their labels one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelStrings {
    /// Classes, from 0.
    pub labels: Vec<i64>,
    /// Labels of each sample; they sum to the number of labels.
    pub counts: Vec<i64>,
}

impl LabelStrings {
    /// The first `counts[sample]` of each row of `[samples, longest]`.
    pub(crate) fn of_rows(rows: &[i64], longest: i64, counts: Vec<i64>) -> Self {
        let row = |(sample, &count): (usize, &i64)| {
            let begin = sample * longest as usize;
            &rows[begin..begin + count as usize]
        };
        let labels = counts.iter().enumerate().flat_map(row).copied().collect();
        Self { labels, counts }
    }

    /// The string of each sample.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[i64]> {
        let mut rest = self.labels.as_slice();
        self.counts.iter().map(move |&count| {
            let (string, after) = rest.split_at(count as usize);
            rest = after;
            string
        })
    }

    /// Checks that no string has more than so many labels.
    ///
    /// # Errors
    /// `Data`, naming the sample as [`Self::check_alignable`] does.
    pub(crate) fn check_max_length(&self, most: i64, indices: Option<&[i64]>) -> Result<()> {
        match self.counts.iter().position(|&count| count > most) {
            None => Ok(()),
            Some(sample) => {
                let reason = format!(
                    "Expected at most {most} labels (head.maxLength) in a target, received {} ({})",
                    self.counts[sample],
                    sample_name(indices, sample)
                );
                Err(Error::Data { reason })
            }
        }
    }

    /// Checks that each string can be aligned with its clip: a frame for each label, and a blank between equal ones.
    ///
    /// # Errors
    /// `Data`, naming the sample by its place in `indices`, or in the batch.
    pub(crate) fn check_alignable(&self, frames: impl Fn(usize) -> i64, indices: Option<&[i64]>) -> Result<()> {
        for (sample, string) in self.iter().enumerate() {
            let repeats = string.windows(2).filter(|pair| pair[0] == pair[1]).count();
            let (needed, frames) = ((string.len() + repeats) as i64, frames(sample));
            if frames < needed {
                let reason = format!(
                    "Expected at least {needed} frames for {} labels ({repeats} of them repeat the one before, which \
                     takes a blank between), received {frames} ({}). Cut longer clips, shorten the target, or leave the \
                     sample out",
                    string.len(),
                    sample_name(indices, sample)
                );
                return Err(Error::Data { reason });
            }
        }
        Ok(())
    }
}

/// What a message calls a sample: its index in the dataset where that is known, else its place in the batch.
pub(crate) fn sample_name(indices: Option<&[i64]>, sample: usize) -> String {
    match indices.and_then(|indices| indices.get(sample)) {
        Some(index) => format!("sample at index {index}"),
        None => format!("sample {sample} of the batch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings() -> LabelStrings {
        LabelStrings::of_rows(&[1, 1, 0, 2, 0, 0, 0, 0, 0], 3, vec![2, 1, 0])
    }

    #[test]
    fn strings_of_any_length_are_taken_out_of_their_rows() {
        let found: Vec<Vec<i64>> = strings().iter().map(<[i64]>::to_vec).collect();
        assert_eq!(found, [vec![1, 1], vec![2], vec![]]);
    }

    #[test]
    fn a_repeated_label_needs_a_frame_more() {
        assert!(strings().check_alignable(|_| 3, None).is_ok());
        let refused = strings().check_alignable(|sample| [2, 1, 1][sample], Some(&[7, 8, 9]));
        let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            message.contains("at least 3 frames") && message.contains("index 7"),
            "{message}"
        );
    }
}
