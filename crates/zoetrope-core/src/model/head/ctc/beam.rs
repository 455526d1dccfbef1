//! Prefix beam search (Hannun and others, 2014): the likeliest strings, each with the mass of all its paths so far.

use super::add;
use super::trie::{ROOT, Trie};
use crate::error::Result;

/// A string that is still in the race.
#[derive(Clone, Copy)]
struct Prefix {
    node: u32,
    /// Logarithm of the mass of its paths that end with a blank.
    blank: f64,
    /// Of those that end with its last label.
    label: f64,
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
pub(super) fn search(
    trie: &mut Trie,
    rows: &[f64],
    outputs: usize,
    width: usize,
    watch: &Watch<'_>,
) -> Result<Vec<u32>> {
    let mut beam = vec![Prefix {
        node: ROOT,
        blank: 0.0,
        label: f64::NEG_INFINITY,
    }];
    // Of a prefix's extensions at most `width` are taken, behind those that are in the beam already, and its own label.
    let most = if watch.allows_all {
        outputs.min(2 * width + 2)
    } else {
        outputs
    };
    let mut order: Vec<u32> = Vec::with_capacity(outputs);
    let mut candidates: Vec<Candidate> = Vec::new();
    for (frame, row) in rows.chunks_exact(outputs).enumerate() {
        if frame % FRAMES_UNCHECKED == 0 {
            (watch.check)()?;
        }
        likeliest(row, most, &mut order);
        candidates.clear();
        let stays = stays(trie, &beam, row);
        for (from, (prefix, stay)) in (0..).zip(beam.iter().zip(&stays)) {
            candidates.push(Candidate {
                score: add(stay.blank, stay.label),
                from,
                output: 0,
            });
            let children: Vec<u32> = beam
                .iter()
                .filter(|other| other.node != ROOT && trie.parent(other.node) == prefix.node)
                .map(|other| trie.output(other.node))
                .collect();
            for &output in &order {
                if children.contains(&output) || !(watch.is_allowed)(trie, prefix.node, output) {
                    continue; //                                        those in the beam have taken this into account
                }
                candidates.push(Candidate {
                    score: extension(trie, prefix, output, row),
                    from,
                    output,
                });
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
                output => Prefix {
                    node: trie.child(beam[candidate.from as usize].node, output),
                    blank: f64::NEG_INFINITY,
                    label: candidate.score,
                },
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
            let output = trie.output(prefix.node);
            let parent = trie.parent(prefix.node);
            let above = beam.iter().find(|other| other.node == parent);
            let added = above.map_or(f64::NEG_INFINITY, |above| extension(trie, above, output, row));
            label = add(prefix.label + row[output as usize], added);
        }
        Prefix {
            node: prefix.node,
            blank: add(prefix.blank, prefix.label) + row[0],
            label,
        }
    };
    beam.iter().map(stay).collect()
}

/// The mass that goes from a prefix to the string with one label more. A repeated label needs a blank between.
fn extension(trie: &Trie, prefix: &Prefix, output: u32, row: &[f64]) -> f64 {
    let before = if trie.output(prefix.node) == output {
        prefix.blank
    } else {
        add(prefix.blank, prefix.label)
    };
    before + row[output as usize]
}

/// The likeliest labels of a frame, from the first; the blank aside.
fn likeliest(row: &[f64], most: usize, order: &mut Vec<u32>) {
    order.clear();
    order.extend(1..row.len() as u32);
    if most < order.len() {
        let better = |left: &u32, right: &u32| {
            let scores = row[*right as usize].total_cmp(&row[*left as usize]);
            scores.then(left.cmp(right))
        };
        order.select_nth_unstable_by(most - 1, better);
        order.truncate(most);
        order.sort_unstable_by(better);
    }
}
