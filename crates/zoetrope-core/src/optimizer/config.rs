//! The options of an optimizer. Each step brings them anew.

use super::rule::{Rule, at_least_zero, below_one};
use crate::error::{Error, Result};
use crate::model::freeze::begins_with;

/// A rule for all parameters, other rules for some of them, the clipping of gradients, and the average of the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerConfig {
    /// For every parameter that is in no group.
    pub rule: Rule,
    /// For parameters whose name begins with the prefix; the longest prefix that fits is taken.
    pub groups: Vec<Group>,
    /// Gradients whose norm as one vector is above this are scaled down to it: `torch.nn.utils.clip_grad_norm_`.
    pub clip_norm: Option<f64>,
    /// Gradients are then limited to ± this: `torch.nn.utils.clip_grad_value_`.
    pub clip_value: Option<f64>,
    /// A running average of the weights with this decay is kept: `torch.optim.swa_utils.get_ema_multi_avg_fn`.
    pub ema_decay: Option<f64>,
}

/// A rule for the parameters whose name begins with a prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Such as `cnn.`.
    pub prefix: String,
    /// In the place of the optimizer's.
    pub rule: Rule,
}

impl From<Rule> for OptimizerConfig {
    fn from(rule: Rule) -> Self {
        Self {
            rule,
            groups: Vec::new(),
            clip_norm: None,
            clip_value: None,
            ema_decay: None,
        }
    }
}

impl OptimizerConfig {
    /// Adam with PyTorch's defaults for all parameters, and nothing else.
    #[must_use]
    pub fn adam() -> Self {
        Rule::adam().into()
    }

    /// Checks every number.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn validate(&self) -> Result<()> {
        self.rule.validate()?;
        for (index, group) in self.groups.iter().enumerate() {
            group.rule.validate().map_err(|error| within(index, error))?;
        }
        for (name, value) in [("clipNorm", self.clip_norm), ("clipValue", self.clip_value)] {
            value.map_or(Ok(()), |value| at_least_zero(name, value))?;
        }
        self.ema_decay.map_or(Ok(()), |decay| below_one("ema.decay", decay))
    }

    /// Fails for a group whose prefix begins no parameter's name.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the prefixes there are.
    pub(super) fn check_prefixes<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Result<()> {
        for (index, group) in self.groups.iter().enumerate() {
            if !names.clone().any(|name| begins_with(name, &group.prefix)) {
                let known: Vec<&str> = names.collect();
                let expected = format!("the beginning of a parameter's name ({})", known.join(", "));
                return Err(Error::invalid(
                    format!("groups[{index}].prefix"),
                    expected,
                    &group.prefix,
                ));
            }
        }
        Ok(())
    }

    /// The rule of the parameter of that name.
    pub(super) fn rule_of(&self, name: &str) -> &Rule {
        let fitting = self.groups.iter().filter(|group| begins_with(name, &group.prefix));
        fitting
            .max_by_key(|group| group.prefix.len())
            .map_or(&self.rule, |group| &group.rule)
    }
}

fn within(index: usize, error: Error) -> Error {
    match error {
        Error::InvalidConfig {
            option,
            expected,
            received,
        } => Error::InvalidConfig {
            option: format!("groups[{index}].{option}"),
            expected,
            received,
        },
        other => other,
    }
}
