//! The recurrent part's configuration.

use serde::{Deserialize, Serialize};

use super::size::size;
use crate::error::{Error, Result};

/// The recurrent part, as `torch.nn.LSTM(batch_first=True)` or `torch.nn.GRU(batch_first=True)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LstmConfig {
    /// The kind of layer: LSTM or GRU.
    #[serde(default)]
    pub cell: Cell,
    /// Features of the hidden state.
    pub hidden_size: i64,
    /// Layers, each reading the one below.
    pub num_layers: i64,
    /// Probability of dropping an output of a layer below the top one, while training.
    pub dropout: f64,
    /// Whether a second LSTM reads the sequence from its end.
    pub bidirectional: bool,
}

/// The recurrent cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cell {
    /// Gates input, forget, cell, output.
    #[default]
    Lstm,
    /// Gates reset, update, new.
    Gru,
}

impl Cell {
    /// Rows of a weight for each hidden feature.
    #[must_use]
    pub fn num_gates(self) -> i64 {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }

    /// The module's name within PyTorch's twin: `lstm.lstm` or `lstm.gru`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lstm => "lstm.lstm",
            Self::Gru => "lstm.gru",
        }
    }
}

impl LstmConfig {
    /// 1, or 2 where bidirectional.
    #[must_use]
    pub fn num_directions(&self) -> i64 {
        1 + i64::from(self.bidirectional)
    }

    /// Features of one output step: hidden size times directions.
    #[must_use]
    pub fn output_size(&self) -> i64 {
        self.hidden_size * self.num_directions()
    }

    pub(super) fn validate(&self) -> Result<()> {
        size("lstm.hiddenSize", self.hidden_size)?;
        size("lstm.numLayers", self.num_layers)?;
        if (0.0..=1.0).contains(&self.dropout) {
            return Ok(());
        }
        Err(Error::invalid("lstm.dropout", "a number from 0 to 1", self.dropout))
    }
}
