//! Options of a head that continues a clip.

use serde::{Deserialize, Serialize};

use crate::config::size::size;
use crate::error::{Error, Result};

/// How a clip is continued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForecastConfig {
    /// Steps that are answered at once.
    pub horizon: i64,
    /// How the steps come about.
    #[serde(default)]
    pub mode: ForecastMode,
    /// Indices of the features of a vector that are answered, ascending; all where there are none.
    #[serde(default)]
    pub features: Option<Vec<i64>>,
    /// Steps of a season, which the seasonal-naive forecast repeats.
    #[serde(default)]
    pub season: Option<i64>,
}

/// How the steps of a forecast come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ForecastMode {
    /// All at once, from the last state.
    #[default]
    Direct,
    /// One after the other, each fed back.
    Recursive,
}

impl ForecastConfig {
    /// Checks the options for steps of so many features; 0 for frames, whose features have no numbers.
    pub(super) fn validate(&self, num_features: i64) -> Result<()> {
        size("head.horizon", self.horizon)?;
        size("head.season", self.season.unwrap_or(1))?;
        let Some(features) = &self.features else { return Ok(()) };
        let is_ascending = features.windows(2).all(|pair| pair[0] < pair[1]);
        let is_known = features.iter().all(|feature| (0..num_features).contains(feature));
        if features.is_empty() || !is_ascending || !is_known {
            let expected = format!("ascending indices below {num_features}, the features of a vector");
            return Err(Error::invalid("head.features", expected, format!("{features:?}")));
        }
        if self.mode == ForecastMode::Recursive && features.len() as i64 != num_features {
            let expected = "none for a recursive forecast, which feeds every feature back";
            return Err(Error::invalid("head.features", expected, format!("{features:?}")));
        }
        Ok(())
    }
}
