//! A rule's state of one parameter.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::kernels::optimizer::{ADAM, ADAM_W, RMS_PROP, RawRule, Updated};

/// State of one parameter, made of zeros at its first update.
pub(super) struct State {
    /// Number of updates, float32 of `[]` on the device: one that `found_inf` skips does not count.
    step: Tensor,
    first: Option<Tensor>,
    second: Option<Tensor>,
    third: Option<Tensor>,
    /// Running average of the parameter.
    pub(super) average: Option<Tensor>,
    /// Bound on the magnitudes of the rule's numbers, see [`super::guard::Bounds`].
    pub(super) largest: f64,
    /// Bound on Adam's quotient, as there.
    pub(super) ratio: f64,
}

impl State {
    pub(super) fn new(parameter: &Tensor) -> Result<Self> {
        Ok(Self {
            step: Tensor::f_zeros([], (Kind::Float, parameter.device()))?,
            first: None,
            second: None,
            third: None,
            average: None,
            largest: 0.0,
            ratio: 0.0,
        })
    }

    /// Makes the tensors that the rule needs and that do not exist yet.
    pub(super) fn prepare(&mut self, parameter: &Tensor, rule: &RawRule, has_average: bool) -> Result<()> {
        let is_adam = matches!(rule.kind, ADAM | ADAM_W);
        let needs = [
            (&mut self.first, is_adam || rule.momentum != 0.0),
            (&mut self.second, is_adam || rule.kind == RMS_PROP),
            (&mut self.third, rule.centered),
        ];
        for (tensor, is_needed) in needs {
            if is_needed && tensor.is_none() {
                *tensor = Some(parameter.f_zeros_like()?);
            }
        }
        if has_average && self.average.is_none() {
            let mut average = parameter.f_empty_like()?;
            average.f_copy_(parameter)?;
            self.average = Some(average);
        }
        Ok(())
    }

    /// The parameter with what [`Self::prepare`] made for it.
    pub(super) fn updated<'a>(
        &'a self,
        value: &'a Tensor,
        gradient: &'a Tensor,
        rule: &RawRule,
        has_average: bool,
    ) -> Updated<'a> {
        let is_adam = matches!(rule.kind, ADAM | ADAM_W);
        Updated {
            value,
            gradient,
            step: &self.step,
            first: self.first.as_ref().filter(|_| is_adam || rule.momentum != 0.0),
            second: self.second.as_ref(),
            third: self.third.as_ref().filter(|_| rule.centered),
            average: self.average.as_ref().filter(|_| has_average),
        }
    }
}
