//! Parameters that training leaves as they are.

use std::collections::BTreeSet;

use super::cnn_lstm::CnnLstm;
use crate::error::{Error, Result};

impl CnnLstm {
    /// Freezes, or unfreezes, every parameter whose name begins with the prefix; returns their names. A prefix that
    /// ends in a digit does not cut a number in two: `cnn.conv1` is not the beginning of `cnn.conv10.weight`.
    ///
    /// A frozen parameter gets no gradient and takes no part in an update: no weight decay, no momentum, no average. A
    /// batch norm whose parameters are all frozen normalises by its running statistics and keeps them. What is frozen
    /// is not part of a checkpoint.
    ///
    /// # Errors
    /// `InvalidConfig` where no parameter's name begins so.
    pub fn set_frozen(&mut self, prefix: &str, is_frozen: bool) -> Result<Vec<String>> {
        let fitting = self.parameters().iter().filter(|p| begins_with(&p.name, prefix));
        let mut names = Vec::new();
        for parameter in fitting {
            let _ = parameter.tensor.f_set_requires_grad(!is_frozen)?;
            names.push(parameter.name.clone());
        }
        if names.is_empty() {
            let expected = format!("the beginning of a parameter's name, such as {}", self.prefixes());
            return Err(Error::invalid("prefix", expected, format!("'{prefix}'")));
        }
        Ok(names)
    }

    /// Number of values in frozen parameters.
    #[must_use]
    pub fn frozen_values(&self) -> i64 {
        let frozen = self.parameters().iter().filter(|p| !p.tensor.requires_grad());
        frozen.map(|p| p.tensor.numel() as i64).sum()
    }

    /// Fails where nothing is left to train.
    pub(crate) fn check_trainable(&self) -> Result<()> {
        if self.parameters().iter().any(|p| p.tensor.requires_grad()) {
            return Ok(());
        }
        let received = "a model all of whose parameters are frozen; call unfreeze(prefix)";
        Err(Error::invalid("model", "a model with parameters to train", received))
    }

    /// Every module's name, in order.
    fn prefixes(&self) -> String {
        let mut seen = BTreeSet::new();
        let mut prefixes = Vec::new();
        for parameter in self.parameters() {
            for (at, _) in parameter.name.match_indices('.') {
                let prefix = &parameter.name[..at];
                if seen.insert(prefix) {
                    prefixes.push(prefix);
                }
            }
        }
        prefixes.join(", ")
    }
}

/// Whether a parameter's name begins with the prefix, at the end of a number if that ends in a digit.
pub(crate) fn begins_with(name: &str, prefix: &str) -> bool {
    let is_digit = |character: Option<char>| character.is_some_and(|c| c.is_ascii_digit());
    name.strip_prefix(prefix)
        .is_some_and(|rest| !(is_digit(prefix.chars().next_back()) && is_digit(rest.chars().next())))
}
