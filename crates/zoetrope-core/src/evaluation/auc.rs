//! Area under the ROC curve, of every class or label against the others.

use tch::{Kind, Tensor};

use super::predictions::Predictions;
use crate::config::HeadKind;
use crate::error::Result;

/// The predictions of a pass, kept until its end: a ranking cannot be summed up on the way.
#[derive(Default)]
pub(crate) struct Ranking {
    batches: Vec<(Tensor, Tensor)>,
}

impl Ranking {
    /// Keeps a batch's predictions.
    pub(crate) fn add(&mut self, predictions: &Predictions<'_>) {
        let pair = (predictions.outputs.shallow_clone(), predictions.targets.shallow_clone());
        self.batches.push(pair);
    }

    /// The area of each class (by its softmax probability, against all others) or label, in their order; not a number
    /// where all predictions or none have it. Waits for the device; sorts, `O(classes · n log n)`.
    pub(crate) fn areas(&self, kind: HeadKind) -> Result<Vec<f64>> {
        if self.batches.is_empty() || !matches!(kind, HeadKind::Classification | HeadKind::MultiLabel) {
            return Ok(Vec::new());
        }
        let joined = |parts: Vec<&Tensor>| Tensor::f_cat(&parts, 0);
        let outputs = joined(self.batches.iter().map(|(outputs, _)| outputs).collect())?;
        let targets = joined(self.batches.iter().map(|(_, targets)| targets).collect())?;
        let (scores, has) = match kind {
            HeadKind::Classification => {
                let classes = Tensor::f_arange(outputs.size()[1], (Kind::Int64, outputs.device()))?;
                let has = targets.f_unsqueeze(1)?.f_eq_tensor(&classes)?;
                (outputs.f_softmax(1, Kind::Double)?, has)
            }
            _ => (outputs.f_to_kind(Kind::Double)?, targets.f_gt(0.5)?),
        };
        (0..scores.size()[1])
            .map(|class| {
                let scores = Vec::<f64>::try_from(scores.f_select(1, class)?.f_contiguous()?)?;
                let has = Vec::<bool>::try_from(has.f_select(1, class)?.f_contiguous()?)?;
                Ok(area(scores.into_iter().zip(has).collect()))
            })
            .collect()
    }
}

/// The share of all (positive, negative) pairs in which the positive scores higher, a tie counting one half: the
/// Mann–Whitney U statistic over their number, from the sum of the positives' ranks. Not a number without a pair. A score
/// that is not a number loses every pair that it is in.
fn area(predictions: Vec<(f64, bool)>) -> f64 {
    let positives = predictions.iter().filter(|(_, is_positive)| *is_positive).count() as f64;
    let negatives = predictions.len() as f64 - positives;
    let scored = predictions.into_iter().filter(|(score, _)| !score.is_nan());
    let mut predictions: Vec<(f64, bool)> = scored.map(|(score, is)| (score + 0.0, is)).collect(); // -0 is 0
    predictions.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut rank_sum, mut before) = (0.0, 0);
    for ties in predictions.chunk_by(|(a, _), (b, _)| a.total_cmp(b).is_eq()) {
        let mean_rank = before as f64 + f64::midpoint(1.0, ties.len() as f64);
        rank_sum += mean_rank * ties.iter().filter(|(_, is_positive)| *is_positive).count() as f64;
        before += ties.len();
    }
    let ranked = predictions.iter().filter(|(_, is_positive)| *is_positive).count() as f64;
    (rank_sum - ranked * (ranked + 1.0) / 2.0) / (positives * negatives)
}

#[cfg(test)]
mod tests {
    use super::area;

    #[test]
    fn ties_count_one_half_and_no_pair_is_not_a_number() {
        // sklearn.metrics.roc_auc_score([0, 0, 1, 1], [.1, .4, .35, .8]) is .75
        for (scores, expected) in [
            ([0.1, 0.4, 0.35, 0.8], 0.75),
            ([0.5, 0.5, 0.5, 0.5], 0.5),
            ([0.1, 0.2, 0.3, 0.4], 1.0),
        ] {
            let found = area(scores.into_iter().zip([false, false, true, true]).collect());
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
        assert!(area(vec![(0.1, true), (0.2, true)]).is_nan());
    }

    #[test]
    fn scores_that_are_not_numbers_lose_their_pairs() {
        for nan in [f64::NAN, -f64::NAN] {
            assert!((area(vec![(nan, true), (0.2, false)])).abs() < 1e-12);
            assert!((area(vec![(0.9, true), (nan, false), (0.2, false)]) - 0.5).abs() < 1e-12);
        }
        assert!((area(vec![(0.0, true), (-0.0, false)]) - 0.5).abs() < 1e-12);
    }
}
