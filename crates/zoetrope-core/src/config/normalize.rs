//! Mean and deviation of the training data, which inputs are freed of.

use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use crate::error::{Error, Result};

/// (value − mean) / std, for each channel of a frame or each feature of a vector; bytes are scaled to 0…1 before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NormalizeConfig {
    /// One a channel or feature.
    pub mean: Vec<f64>,
    /// One a channel or feature, above 0.
    pub std: Vec<f64>,
}

impl NormalizeConfig {
    pub(super) fn validate(&self, input: InputConfig) -> Result<()> {
        let count = input.as_frame().channels;
        for (name, values) in [("normalize.mean", &self.mean), ("normalize.std", &self.std)] {
            if values.len() as i64 != count {
                let expected = format!("{count} numbers, one a channel or feature");
                return Err(Error::invalid(name, expected, values.len()));
            }
        }
        if let Some(mean) = self.mean.iter().find(|mean| !mean.is_finite()) {
            return Err(Error::invalid("normalize.mean", "finite numbers", mean));
        }
        match self.std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            Some(std) => Err(Error::invalid("normalize.std", "finite numbers above 0", std)),
            None => Ok(()),
        }
    }
}
