//! Label strings that share their beginnings, and the exact probability of each.

use std::collections::HashMap;

use super::mass::Mass;

/// A node stands for the string from the root to it. Parents come before their children.
pub(super) struct Trie {
    nodes: Vec<Node>,
    children: HashMap<(u32, u32), u32>,
}

#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    /// The output of its last label, the class + 1; 0 of the root.
    output: u32,
}

/// The empty string.
pub(super) const ROOT: u32 = 0;

impl Trie {
    pub(super) fn new() -> Self {
        let root = Node {
            parent: ROOT,
            output: 0,
        };
        Self {
            nodes: vec![root],
            children: HashMap::new(),
        }
    }

    pub(super) fn parent(&self, node: u32) -> u32 {
        self.nodes[node as usize].parent
    }

    pub(super) fn output(&self, node: u32) -> u32 {
        self.nodes[node as usize].output
    }

    pub(super) fn child(&mut self, node: u32, output: u32) -> u32 {
        let next = self.nodes.len() as u32;
        let nodes = &mut self.nodes;
        *self.children.entry((node, output)).or_insert_with(|| {
            nodes.push(Node { parent: node, output });
            next
        })
    }

    /// The child where there is one.
    pub(super) fn find(&self, node: u32, output: u32) -> Option<u32> {
        self.children.get(&(node, output)).copied()
    }

    /// The node of a string of classes.
    pub(super) fn insert(&mut self, labels: &[i64]) -> u32 {
        labels
            .iter()
            .fold(ROOT, |node, &label| self.child(node, label as u32 + 1))
    }

    /// The classes from the root to a node.
    pub(super) fn labels(&self, node: u32) -> Vec<i64> {
        let mut labels = Vec::new();
        let mut at = node;
        while at != ROOT {
            labels.push(i64::from(self.output(at)) - 1);
            at = self.parent(at);
        }
        labels.reverse();
        labels
    }

    /// Every string but the empty one.
    pub(super) fn strings(&self) -> Vec<Vec<i64>> {
        (1..self.nodes.len() as u32).map(|node| self.labels(node)).collect()
    }

    /// The logarithm of the probability of each of the `wanted` strings: the sum over all paths through the frames that
    /// read as it. `rows` are log-probabilities of `[frames, outputs]`.
    ///
    /// The forward recursion of CTC goes over the strings' beginnings as over one string's labels: a path that reads as a
    /// node's string ends with a blank or with the node's own label.
    pub(super) fn log_probabilities(&self, wanted: &[u32], rows: &[f64], outputs: usize) -> Vec<f64> {
        let order = self.with_ancestors(wanted);
        let place: HashMap<u32, usize> = order.iter().copied().zip(0..).collect();
        let mut nodes: Vec<Place> = Vec::with_capacity(order.len());
        for &node in &order {
            let parent = place[&self.parent(node)];
            let is_root = node == ROOT;
            nodes.push(Place {
                parent,
                output: self.output(node) as usize,
                repeats: !is_root && self.output(node) == self.output(self.parent(node)),
                depth: if is_root { 0 } else { nodes[parent].depth + 1 },
                left: usize::MAX,
                blank: if is_root { Mass::ONE } else { Mass::ZERO },
                label: Mass::ZERO,
            });
        }
        for node in wanted {
            nodes[place[node]].left = 0;
        }
        for at in (1..nodes.len()).rev() {
            let parent = nodes[at].parent;
            nodes[parent].left = nodes[parent].left.min(nodes[at].left.saturating_add(1));
        }
        let mut probabilities = vec![Mass::ZERO; outputs];
        let frames = rows.len() / outputs;
        for (frame, row) in rows.chunks_exact(outputs).enumerate() {
            for (probability, &score) in probabilities.iter_mut().zip(row) {
                *probability = Mass::from_ln(score);
            }
            // Children come first: what they need of their parents is still that of the frame before. Nothing has come to
            // nodes that are deeper than frames were read, and nothing comes from those that too few are left for.
            for at in (1..nodes.len()).rev() {
                let node = nodes[at];
                if node.depth > frame + 1 || node.left > frames - 1 - frame {
                    continue;
                }
                let above = &nodes[node.parent];
                let before = if node.repeats {
                    above.blank
                } else {
                    above.blank.plus(above.label)
                };
                nodes[at].label = node.label.plus(before).times(probabilities[node.output]);
                nodes[at].blank = node.label.plus(node.blank).times(probabilities[0]);
            }
            nodes[0].blank = nodes[0].blank.times(probabilities[0]);
        }
        let score = |node: &u32| {
            let Place { blank, label, .. } = nodes[place[node]];
            blank.plus(label).ln()
        };
        wanted.iter().map(score).collect()
    }

    /// Nodes and what is above them, parents first.
    fn with_ancestors(&self, wanted: &[u32]) -> Vec<u32> {
        let mut is_needed = vec![false; self.nodes.len()];
        is_needed[ROOT as usize] = true;
        for &node in wanted {
            let mut at = node;
            while !is_needed[at as usize] {
                is_needed[at as usize] = true;
                at = self.parent(at);
            }
        }
        (0..self.nodes.len() as u32)
            .filter(|&node| is_needed[node as usize])
            .collect()
    }
}

/// A node in the forward recursion.
#[derive(Clone, Copy)]
struct Place {
    parent: usize,
    output: usize,
    /// Whether its label is its parent's, which takes a blank between.
    repeats: bool,
    /// Labels of its string.
    depth: usize,
    /// Labels to the nearest wanted string.
    left: usize,
    /// Of paths that end with a blank.
    blank: Mass,
    /// Of those that end with its label.
    label: Mass,
}
