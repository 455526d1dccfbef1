//! Prefix beam search (Hannun and others, 2014): the likeliest strings, each with the mass of all its paths so far.

use super::add;
use super::trie::{ROOT, Trie};
use crate::error::Result;

/// A string that is still in the race.
#[derive(Clone, Copy)]
struct Prefix {
    node: u32,
    /// Its last output, 0 of the empty string.
    last: u32,
    /// Logarithm of the mass of its paths that end with a blank.
    blank: f64,
    /// Of those that end with its last label.
    label: f64,
    /// Of both.
    total: f64,
}

impl Prefix {
    fn new(trie: &Trie, node: u32, blank: f64, label: f64) -> Self {
        Self {
            node,
            last: trie.output(node),
            blank,
            label,
            total: add(blank, label),
        }
    }

    /// The mass that goes to the string with one label more. A repeated label needs a blank between.
    fn extended(&self, output: u32, row: &[f64]) -> f64 {
        let before = if self.last == output { self.blank } else { self.total };
        before + row[output as usize]
    }
}

/// A string of the next frame: a prefix as it is, or with one label more.
#[derive(Clone, Copy)]
struct Candidate {
    score: f64,
    /// The prefix's place.
    from: u32,
    /// The output that is added, 0 for none.
    output: u32,
}

/// A clip's log-probabilities, with the labels of each frame in order.
pub(super) struct Frames<'a> {
    /// `[frames, outputs]`.
    pub rows: &'a [f64],
    pub outputs: usize,
    /// `[frames, kept]`: the likeliest labels, the blank aside.
    order: Vec<u32>,
    kept: usize,
}

impl<'a> Frames<'a> {
    /// For searches of up to so many strings.
    pub(super) fn new(rows: &'a [f64], outputs: usize, width: usize, allows_all: bool) -> Self {
        let kept = if allows_all {
            needed(width).min(outputs - 1)
        } else {
            outputs - 1
        };
        let mut order = Vec::with_capacity(rows.len() / outputs * kept);
        let mut labels: Vec<u32> = Vec::with_capacity(outputs);
        for row in rows.chunks_exact(outputs) {
            let better = |left: &u32, right: &u32| {
                let scores = row[*right as usize].total_cmp(&row[*left as usize]);
                scores.then(left.cmp(right))
            };
            labels.clear();
            labels.extend(1..outputs as u32);
            if 0 < kept && kept < labels.len() {
                labels.select_nth_unstable_by(kept - 1, better);
            }
            labels[..kept].sort_unstable_by(better);
            order.extend(&labels[..kept]);
        }
        Self {
            rows,
            outputs,
            order,
            kept,
        }
    }

    fn likeliest(&self, frame: usize, width: usize, allows_all: bool) -> &[u32] {
        let own = &self.order[frame * self.kept..(frame + 1) * self.kept];
        if allows_all {
            &own[..needed(width).min(self.kept)]
        } else {
            own
        }
    }
}

/// Of a prefix's extensions at most `width` are taken, behind those that are in the beam already, and its own label.
fn needed(width: usize) -> usize {
    2 * width + 2
}

/// What a search looks at between frames.
pub(super) struct Watch<'a> {
    /// Whether a string, as a prefix of an answer, may be.
    pub is_allowed: &'a dyn Fn(&Trie, u32, u32) -> bool,
    /// Whether every string may be, which saves the looks at unlikely labels.
    pub allows_all: bool,
    /// An error ends the search.
    pub check: &'a dyn Fn() -> Result<()>,
}

/// Frames between two looks at [`Watch::check`].
const FRAMES_UNCHECKED: usize = 64;

/// The `width` strings that are left after the last frame; every string that was among the best is in the trie.
pub(super) fn search(trie: &mut Trie, frames: &Frames<'_>, width: usize, watch: &Watch<'_>) -> Result<Vec<u32>> {
    let outputs = frames.outputs;
    let mut beam = vec![Prefix::new(trie, ROOT, 0.0, f64::NEG_INFINITY)];
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut taken_by = vec![0_usize; outputs]; //             which prefix has a child of that output in the beam
    let mut turn = 0;
    for (frame, row) in frames.rows.chunks_exact(outputs).enumerate() {
        if frame % FRAMES_UNCHECKED == 0 {
            (watch.check)()?;
        }
        let order = frames.likeliest(frame, width, watch.allows_all);
        candidates.clear();
        let stays = stays(trie, &beam, row);
        for (from, (prefix, stay)) in (0..).zip(beam.iter().zip(&stays)) {
            turn += 1;
            for other in beam.iter().filter(|other| other.node != ROOT) {
                if trie.parent(other.node) == prefix.node {
                    taken_by[other.last as usize] = turn; //            it has taken this into account
                }
            }
            candidates.push(Candidate {
                score: stay.total,
                from,
                output: 0,
            });
            for &output in order {
                let is_free = taken_by[output as usize] != turn;
                if is_free && (watch.allows_all || (watch.is_allowed)(trie, prefix.node, output)) {
                    candidates.push(Candidate {
                        score: prefix.extended(output, row),
                        from,
                        output,
                    });
                }
            }
        }
        // Equal scores are in the order in which they were found, on every machine.
        let better = |left: &Candidate, right: &Candidate| {
            let places = (left.from, left.output).cmp(&(right.from, right.output));
            right.score.total_cmp(&left.score).then(places)
        };
        if candidates.len() > width {
            candidates.select_nth_unstable_by(width - 1, better);
            candidates.truncate(width);
        }
        candidates.sort_unstable_by(better);
        beam = candidates
            .iter()
            .filter(|candidate| candidate.score > f64::NEG_INFINITY)
            .map(|candidate| match candidate.output {
                0 => stays[candidate.from as usize],
                output => {
                    let node = trie.child(beam[candidate.from as usize].node, output);
                    Prefix::new(trie, node, f64::NEG_INFINITY, candidate.score)
                }
            })
            .collect();
    }
    Ok(beam.iter().map(|prefix| prefix.node).collect())
}

/// The prefixes as they are after one frame more, each with what its parent's paths add where that is in the beam.
fn stays(trie: &Trie, beam: &[Prefix], row: &[f64]) -> Vec<Prefix> {
    let stay = |prefix: &Prefix| {
        let mut label = f64::NEG_INFINITY;
        if prefix.node != ROOT {
            let parent = trie.parent(prefix.node);
            let above = beam.iter().find(|other| other.node == parent);
            let added = above.map_or(f64::NEG_INFINITY, |above| above.extended(prefix.last, row));
            label = add(prefix.label + row[prefix.last as usize], added);
        }
        Prefix::new(trie, prefix.node, prefix.total + row[0], label)
    };
    beam.iter().map(stay).collect()
}
