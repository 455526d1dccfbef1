//! How the steps of a clip become one vector.

use serde::{Deserialize, Serialize};

/// How the steps of a clip become one vector; a head that reads every frame has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Pooling {
    /// The output at the last valid step, of either direction.
    #[default]
    Last,
    /// The mean over the valid steps.
    Mean,
    /// The largest over the valid steps, feature by feature.
    Max,
    /// A weighted sum of the valid steps; the weights are learned and sum to 1.
    Attention,
}
