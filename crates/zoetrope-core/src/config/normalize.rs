//! Mean and deviation of the training data, which inputs are freed of.

use serde::{Deserialize, Serialize};

use super::input::InputConfig;
use crate::error::{Error, Result};

/// (value − mean) / std, for each channel of a frame or each feature of a vector; bytes are scaled to 0…1 before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NormalizeConfig {
    /// One number for each channel or feature.
    pub mean: Vec<f64>,
    /// One a channel or feature: normal float32, above 0.
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
        let (least, most) = (f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX));
        let within = |name: &str, values: &[f64], least: f64| {
            let expected = format!("numbers from {least:e} to {most:e}, as float32 holds them");
            match values.iter().find(|value| !(least..=most).contains(*value)) {
                Some(value) => Err(Error::invalid(name, expected, value)),
                None => Ok(()),
            }
        };
        within("normalize.mean", &self.mean, -most)?;
        within("normalize.std", &self.std, least)
    }
}
