//! Label strings that share their beginnings, and the exact probability of each.

use std::collections::HashMap;

use super::add;

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
    /// The forward recursion of CTC, over the nodes instead of one string's labels: a path that reads as a node's string
    /// ends with a blank or with the node's own label.
    pub(super) fn log_probabilities(&self, wanted: &[u32], rows: &[f64], outputs: usize) -> Vec<f64> {
        let order = self.with_ancestors(wanted);
        let place: HashMap<u32, usize> = order.iter().copied().zip(0..).collect();
        let parents: Vec<usize> = order.iter().map(|&node| place[&self.parent(node)]).collect();
        let outputs_of: Vec<usize> = order.iter().map(|&node| self.output(node) as usize).collect();
        let mut blank = vec![f64::NEG_INFINITY; order.len()]; //     of paths that end with a blank
        let mut label = blank.clone(); //                            of those that end with the node's label
        let mut total = blank.clone();
        (blank[0], total[0]) = (0.0, 0.0); //                        nothing was read: the root
        for row in rows.chunks_exact(outputs) {
            // Children come first: what they need of their parents is still that of the frame before.
            for at in (1..order.len()).rev() {
                let (parent, output) = (parents[at], outputs_of[at]);
                let before = if output == outputs_of[parent] {
                    blank[parent]
                } else {
                    total[parent]
                };
                label[at] = row[output] + add(label[at], before);
                blank[at] = row[0] + total[at];
                total[at] = add(blank[at], label[at]);
            }
            blank[0] += row[0];
            total[0] = blank[0];
        }
        wanted.iter().map(|node| total[place[node]]).collect()
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
