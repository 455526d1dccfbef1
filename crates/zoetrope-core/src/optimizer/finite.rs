//! Watches a number of each step, such as the loss, for the first that is not finite, without waiting for the device.

use tch::{Device, Kind, Tensor};

use crate::error::Result;

/// The first step whose number was not finite.
pub(crate) struct FirstNotFinite {
    /// Its step, from 1, or 0 for none: int64 of `[]`.
    step: Tensor,
    /// The number: float64 of `[]`.
    value: Tensor,
}

impl FirstNotFinite {
    /// None yet.
    pub(crate) fn new(device: Device) -> Result<Self> {
        Ok(Self {
            step: Tensor::f_zeros([], (Kind::Int64, device))?,
            value: Tensor::f_zeros([], (Kind::Double, device))?,
        })
    }

    /// Takes note of a step's number, float64 of `[]`.
    pub(crate) fn watch(&mut self, value: &Tensor, step: i64) -> Result<()> {
        let device = value.device();
        if device == Device::Cpu && value.f_double_value(&[])?.is_finite() {
            return Ok(()); // looking costs less there than what follows
        }
        let is_first = value
            .f_isfinite()?
            .f_logical_not()?
            .f_logical_and(&self.step.f_eq(0)?)?;
        self.step = Tensor::from(step)
            .f_to_device(device)?
            .f_where_self(&is_first, &self.step)?;
        self.value = value.f_where_self(&is_first, &self.value)?;
        Ok(())
    }

    /// Step and number. Waits for the device.
    pub(crate) fn found(&self) -> Result<Option<(i64, f64)>> {
        match self.step.f_int64_value(&[])? {
            0 => Ok(None),
            step => Ok(Some((step, self.value.f_double_value(&[])?))),
        }
    }

    /// 1 where there is one, else 0: float32 of `[]`.
    pub(crate) fn found_inf(&self) -> Result<Tensor> {
        Ok(self.step.f_ne(0)?.f_to_kind(Kind::Float)?)
    }
}
