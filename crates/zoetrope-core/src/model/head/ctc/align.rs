//! The likeliest path of one label string through the frames: which frames each label takes.

use crate::error::{Error, Result};

/// The frames of one label, `from` to `to - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first frame.
    pub from: i64,
    /// The frame after its last.
    pub to: i64,
}

/// The frames of each label on the likeliest path that reads as the string; none where no path does. `rows` are
/// log-probabilities of `[frames, outputs]`.
///
/// Viterbi's algorithm over blank, label, blank, …, label, blank; of equal paths the one that moves on last.
pub(super) fn spans(labels: &[i64], rows: &[f64], outputs: usize) -> Result<Vec<Span>> {
    let states = 2 * labels.len() + 1;
    let frames = rows.len() / outputs;
    let output = |state: usize| {
        if state % 2 == 1 {
            labels[state / 2] as usize + 1
        } else {
            0
        }
    };
    let can_skip = |state: usize| state % 2 == 1 && state >= 3 && output(state) != output(state - 2);
    let mut steps = zeroed(states * frames)?; //                [frames, states]: states moved on by
    let mut scores = vec![f64::NEG_INFINITY; states];
    for (frame, row) in rows.chunks_exact(outputs).enumerate() {
        // No path has come to later states, and none comes to the end from earlier ones.
        let reachable = states.saturating_sub(2 * (frames - frame))..states.min(2 * (frame + 1));
        for state in reachable.rev() {
            let from = |back: usize| {
                if back <= state {
                    scores[state - back]
                } else {
                    f64::NEG_INFINITY
                }
            };
            let (mut score, mut step) = (from(0), 0);
            if frame == 0 {
                score = if state < 2 { 0.0 } else { f64::NEG_INFINITY };
            } else {
                for back in 1..=if can_skip(state) { 2 } else { 1 } {
                    if from(back) > score {
                        (score, step) = (from(back), back as u8);
                    }
                }
            }
            scores[state] = score + row[output(state)];
            steps[frame * states + state] = step;
        }
    }
    let mut state = states - 1;
    if states > 1 && scores[states - 2] >= scores[states - 1] {
        state = states - 2;
    }
    if frames == 0 || scores[state] == f64::NEG_INFINITY {
        return Ok(Vec::new());
    }
    let mut spans = vec![Span { from: 0, to: 0 }; labels.len()];
    for frame in (0..frames).rev() {
        if state % 2 == 1 {
            let span = &mut spans[state / 2];
            span.from = frame as i64;
            span.to = span.to.max(frame as i64 + 1);
        }
        state -= usize::from(steps[frame * states + state]);
    }
    Ok(spans)
}

fn zeroed(count: usize) -> Result<Vec<u8>> {
    let mut steps = Vec::new();
    steps.try_reserve_exact(count).map_err(|error| Error::OutOfMemory {
        reason: format!("the alignment of a label string: {error}"),
    })?;
    steps.resize(count, 0);
    Ok(steps)
}
