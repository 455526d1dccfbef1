//! Options of a head that continues a clip.

use std::collections::HashSet;

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
    /// Indices of the features of a vector that are answered, in that order; all where there are none.
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
    /// Steps that one state of the recurrent part is mapped to: the whole horizon, or the next one.
    #[must_use]
    pub fn steps_at_once(&self) -> i64 {
        match self.mode {
            ForecastMode::Direct => self.horizon,
            ForecastMode::Recursive => 1,
        }
    }

    /// Checks the options for steps of so many features; 0 for frames, whose features have no numbers.
    pub(super) fn validate(&self, num_features: i64) -> Result<()> {
        size("head.horizon", self.horizon)?;
        size("head.season", self.season.unwrap_or(1))?;
        let Some(features) = &self.features else { return Ok(()) };
        let is_known = |feature: &i64| (0..num_features).contains(feature);
        let is_once = features.iter().collect::<HashSet<_>>().len() == features.len();
        if features.is_empty() || !features.iter().all(is_known) || !is_once {
            let expected = format!("different indices below {num_features}, the features of a vector");
            return Err(Error::invalid("head.features", expected, format!("{features:?}")));
        }
        if self.mode == ForecastMode::Recursive {
            let expected = "none for a recursive forecast, which feeds every feature back";
            return Err(Error::invalid("head.features", expected, format!("{features:?}")));
        }
        Ok(())
    }
}
