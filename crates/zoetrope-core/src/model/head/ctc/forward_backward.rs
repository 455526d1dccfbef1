//! The engine's loss of one clip, and its gradient: the forward and backward recursions on probabilities, scaled frame by
//! frame (Rabiner, 1989). No logarithm or exponential is taken of a state.

/// Below it a product of scaled masses may have lost what fell under the smallest number: the clip is computed otherwise.
const LEAST_MASS: f64 = 1e-200;

/// One clip's outputs, and the string that they should read as.
pub(super) struct Clip<'a> {
    /// Softmax of `[frames, outputs]`.
    pub probabilities: &'a [f32],
    pub outputs: usize,
    /// Classes.
    pub labels: &'a [i64],
}

/// The states of a string: blank, label, blank, …, label, blank.
struct States {
    /// The output of each.
    outputs: Vec<usize>,
    /// Whether a path may come to it from the state before the blank.
    can_skip: Vec<bool>,
}

impl States {
    fn of(labels: &[i64]) -> Self {
        let count = 2 * labels.len() + 1;
        let output = |state: usize| {
            if state % 2 == 1 {
                labels[state / 2] as usize + 1
            } else {
                0
            }
        };
        let can_skip = |state: usize| state % 2 == 1 && state >= 3 && output(state) != output(state - 2);
        Self {
            outputs: (0..count).map(output).collect(),
            can_skip: (0..count).map(can_skip).collect(),
        }
    }
}

impl Clip<'_> {
    /// −ln of the string's probability. Where there is a `gradient` of `[frames, outputs]`, `scale` times the gradient by
    /// the logits is written there.
    ///
    /// None where masses are too small for numbers that are not logarithms; what was written is then of no use.
    pub(super) fn loss(&self, scale: f64, gradient: Option<&mut [f32]>) -> Option<f64> {
        let states = States::of(self.labels);
        let (alphas, log_probability) = self.forward(&states)?;
        if let Some(gradient) = gradient {
            self.backward(&states, &alphas, scale, gradient)?;
        }
        Some(-log_probability)
    }

    fn row(&self, frame: usize) -> &[f32] {
        &self.probabilities[frame * self.outputs..(frame + 1) * self.outputs]
    }

    fn frames(&self) -> usize {
        self.probabilities.len() / self.outputs
    }

    /// The mass of all paths to each state, scaled to 1 in every frame, `[frames, states]`; and the string's
    /// log-probability. States from which the end cannot be reached have no mass.
    fn forward(&self, states: &States) -> Option<(Vec<f64>, f64)> {
        let (count, frames) = (states.outputs.len(), self.frames());
        let mut alphas = vec![0.0; frames * count];
        let mut log_probability = 0.0;
        for frame in 0..frames {
            let row = self.row(frame);
            let (before, current) = alphas.split_at_mut(frame * count);
            let before = before.len().checked_sub(count).map(|begin| &before[begin..]);
            let least = count.saturating_sub(2 * (frames - frame));
            let mut sum = 0.0;
            for state in least..count.min(2 * (frame + 1)) {
                let mass = match before {
                    None => 1.0,
                    Some(before) => {
                        let skipped = if states.can_skip[state] { before[state - 2] } else { 0.0 };
                        before[state] + state.checked_sub(1).map_or(0.0, |above| before[above]) + skipped
                    }
                };
                current[state] = mass * f64::from(row[states.outputs[state]]);
                sum += current[state];
            }
            if sum.is_nan() || sum <= 0.0 {
                return None;
            }
            for mass in &mut current[..count] {
                *mass /= sum;
            }
            log_probability += f64::ln(sum);
        }
        let last = alphas.get(alphas.len().checked_sub(count)?..)?;
        let end: f64 = last[count.saturating_sub(2)..].iter().sum();
        (end > LEAST_MASS).then(|| (alphas, log_probability + end.ln()))
    }

    /// Writes `scale` times softmax − the share of the paths that are at each output.
    fn backward(&self, states: &States, alphas: &[f64], scale: f64, gradient: &mut [f32]) -> Option<()> {
        let (count, frames) = (states.outputs.len(), self.frames());
        let mut betas = vec![0.0; count]; //       mass of all paths from each state to the end, this frame's output aside
        betas[count.saturating_sub(2)..].fill(1.0);
        for frame in (0..frames).rev() {
            let row = self.row(frame);
            let alphas = &alphas[frame * count..(frame + 1) * count];
            let total: f64 = alphas.iter().zip(&betas).map(|(alpha, beta)| alpha * beta).sum();
            if total.is_nan() || total <= LEAST_MASS {
                return None;
            }
            let gradient = &mut gradient[frame * self.outputs..(frame + 1) * self.outputs];
            for (gradient, &probability) in gradient.iter_mut().zip(row) {
                *gradient = (scale * f64::from(probability)) as f32;
            }
            for state in 0..count {
                let share = alphas[state] * betas[state] / total;
                gradient[states.outputs[state]] -= (scale * share) as f32;
            }
            if frame == 0 {
                break;
            }
            let mut largest = 0.0_f64;
            for state in 0..count {
                let mass = |next: usize| betas[next] * f64::from(row[states.outputs[next]]);
                let mut beta = mass(state);
                if state + 1 < count {
                    beta += mass(state + 1);
                }
                if state + 2 < count && states.can_skip[state + 2] {
                    beta += mass(state + 2);
                }
                betas[state] = beta; //            later states are still those of the frame after
                largest = largest.max(beta);
            }
            if largest.is_nan() || largest <= 0.0 {
                return None;
            }
            for beta in &mut betas {
                *beta /= largest;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities of two frames with a blank and one class.
    const ROWS: [f32; 4] = [0.25, 0.75, 0.5, 0.5];

    fn clip<'a>(probabilities: &'a [f32], labels: &'a [i64]) -> Clip<'a> {
        Clip {
            probabilities,
            outputs: 2,
            labels,
        }
    }

    #[test]
    fn a_string_has_the_probability_of_all_its_paths() {
        for (labels, expected) in [(vec![], 0.125_f64), (vec![0], 0.875)] {
            let loss = clip(&ROWS, &labels).loss(1.0, None).unwrap_or(f64::NAN);
            assert!((loss + expected.ln()).abs() < 1e-12, "{labels:?}: {loss}");
        }
    }

    #[test]
    fn the_gradient_is_what_differences_say() {
        let probabilities = |logits: &[f64]| -> Vec<f32> {
            let row = |row: &[f64]| {
                let sum: f64 = row.iter().map(|value| value.exp()).sum();
                row.iter().map(|value| (value.exp() / sum) as f32).collect::<Vec<_>>()
            };
            logits.chunks_exact(2).flat_map(row).collect()
        };
        let logits = [0.3, -0.4, 0.1, 0.9, -1.2, 0.2, 0.5, 0.4];
        let labels = [0, 0];
        let loss = |logits: &[f64]| {
            clip(&probabilities(logits), &labels)
                .loss(1.0, None)
                .unwrap_or(f64::NAN)
        };
        let mut gradient = [0.0; 8];
        assert!(
            clip(&probabilities(&logits), &labels)
                .loss(2.0, Some(&mut gradient))
                .is_some()
        );
        for at in 0..logits.len() {
            let moved = |by: f64| {
                let mut moved = logits;
                moved[at] += by;
                loss(&moved)
            };
            let expected = 2.0 * (moved(1e-3) - moved(-1e-3)) / 2e-3;
            assert!(
                (f64::from(gradient[at]) - expected).abs() < 1e-3,
                "{at}: {} for {expected}",
                gradient[at]
            );
        }
    }

    #[test]
    fn masses_too_small_for_plain_numbers_are_left_to_logarithms() {
        let sure: Vec<f32> = (0..20).flat_map(|_| [1.0, 0.0]).collect();
        assert_eq!(clip(&sure, &[0]).loss(1.0, None), None);
        let nearly: Vec<f32> = (0..20).flat_map(|_| [1.0, 1e-30]).collect();
        let loss = clip(&nearly, &[0; 10]).loss(1.0, None);
        assert!(loss.is_none_or(|loss| (loss / 690.0 - 1.0).abs() < 0.05), "{loss:?}");
    }
}
