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
    pub(super) fn validate(&self) -> Result<()> {
        size("head.maxLength", self.max_length)?;
        size("head.embeddingSize", self.embedding_size)?;
        size("head.hiddenSize", self.hidden_size)
    }
}
