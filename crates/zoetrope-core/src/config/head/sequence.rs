//! Options of a head that writes a token sequence.

use serde::{Deserialize, Serialize};

use crate::config::size::size;
use crate::error::Result;

/// The decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SequenceConfig {
    /// Most labels of an answer, its end aside.
    pub max_length: i64,
    /// Whether each step looks at all frames.
    pub attention: bool,
    /// Numbers in the embedding of a label.
    pub embedding_size: i64,
    /// The decoder's state.
    pub hidden_size: i64,
}

impl SequenceConfig {
    /// How many tensors the decoder's parameters are, without the output layer.
    pub(in crate::config) fn num_parameter_tensors(&self) -> usize {
        let attention = if self.attention { 6 } else { 0 };
        1 + 2 + 4 + attention // embedding, bridge, lstm
    }

    /// Features of a step as the output layer reads it: the decoder's state and, with attention, what it sees of the
    /// encoder's.
    #[must_use]
    pub fn output_features(&self, encoded: i64) -> i64 {
        self.hidden_size + if self.attention { encoded } else { 0 }
    }

    /// Values in the weights of the decoder, as a number that does not overflow.
    pub(in crate::config) fn num_weights(&self, encoded: i64, classes: i64) -> f64 {
        let [embedding, hidden] = [self.embedding_size as f64, self.hidden_size as f64];
        let attention = if self.attention {
            hidden * (hidden + encoded as f64)
        } else {
            0.0
        };
        (classes as f64 + 1.0) * embedding
            + 2.0 * hidden * encoded as f64
            + 4.0 * hidden * (embedding + hidden)
            + attention
    }

    pub(super) fn validate(&self) -> Result<()> {
        size("head.maxLength", self.max_length)?;
        size("head.embeddingSize", self.embedding_size)?;
        size("head.hiddenSize", self.hidden_size)
    }
}
