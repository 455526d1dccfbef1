//! Where a new model's parameters come from: PyTorch's initial distributions, or a state dict.

use std::collections::HashSet;

use tch::{Device, Kind, Tensor};

use super::named_tensor::{Weights, is_count};
use super::parameter::{Buffer, Parameter};
use crate::error::Result;
use crate::error::StateDictMismatch;
use crate::runtime::random::Generator;

/// Gives the modules their parameters one after the other and keeps them under their names.
pub(super) struct Initializer<'a> {
    source: Source<'a>,
    device: Device,
    parameters: Vec<Parameter>,
    buffers: Vec<Buffer>,
}

enum Source<'a> {
    /// Drawn in PyTorch's order.
    Drawn(&'a Generator),
    /// Taken from a state dict or a file. Nothing is allocated for a parameter that does not fit, so that a file cannot
    /// make us allocate more than it holds.
    Loaded {
        weights: &'a dyn Weights,
        mismatch: StateDictMismatch,
    },
}

impl<'a> Initializer<'a> {
    pub(super) fn drawn(generator: &'a Generator, device: Device) -> Self {
        Self {
            source: Source::Drawn(generator),
            device,
            parameters: Vec::new(),
            buffers: Vec::new(),
        }
    }

    pub(super) fn loaded(weights: &'a dyn Weights, device: Device) -> Self {
        let source = Source::Loaded {
            weights,
            mismatch: StateDictMismatch::default(),
        };
        Self {
            source,
            device,
            parameters: Vec::new(),
            buffers: Vec::new(),
        }
    }

    /// A parameter uniform on [-bound, bound) where it is drawn.
    pub(super) fn uniform(&mut self, name: String, shape: &[i64], bound: f64) -> Result<Tensor> {
        let value = self.value(&name, shape, |generator| generator.uniform(shape, bound))?;
        self.parameter(name, &value)
    }

    /// A parameter of a normal distribution with mean 0 where it is drawn.
    pub(super) fn normal(&mut self, name: String, shape: &[i64], deviation: f64) -> Result<Tensor> {
        let value = self.value(&name, shape, |generator| generator.normal(shape, deviation))?;
        self.parameter(name, &value)
    }

    /// Draws so many uniform numbers that nobody uses, where parameters are drawn.
    pub(super) fn skip_uniform(&self, count: i64) -> Result<()> {
        /// Numbers at a time.
        const PART: i64 = 1 << 20;
        let Source::Drawn(generator) = &self.source else {
            return Ok(());
        };
        for start in (0..count).step_by(PART as usize) {
            let _ = generator.uniform(&[PART.min(count - start)], 1.0)?;
        }
        Ok(())
    }

    /// The same of normal numbers of one parameter.
    pub(super) fn skip_normal(&self, shape: &[i64]) -> Result<()> {
        if let Source::Drawn(generator) = &self.source {
            let _ = generator.normal(shape, 1.0)?;
        }
        Ok(())
    }

    /// A parameter that starts as the same value everywhere, such as a norm's weight.
    pub(super) fn constant(&mut self, name: String, shape: &[i64], start: f64) -> Result<Tensor> {
        let value = self.value(&name, shape, |_| filled(shape, Kind::Float, start))?;
        self.parameter(name, &value)
    }

    /// A tensor of the model's state that has no gradient, such as a running mean.
    pub(super) fn buffer(&mut self, name: String, shape: &[i64], kind: Kind, start: f64) -> Result<Tensor> {
        let value = self.value(&name, shape, |_| filled(shape, kind, start))?;
        let tensor = value.f_to_kind(kind)?.f_to_device(self.device)?;
        self.buffers.push(Buffer {
            name,
            tensor: tensor.shallow_clone(),
            position: self.parameters.len(),
        });
        Ok(tensor)
    }

    /// The value that a tensor starts with, on the CPU.
    fn value(&mut self, name: &str, shape: &[i64], draw: impl FnOnce(&Generator) -> Result<Tensor>) -> Result<Tensor> {
        match &mut self.source {
            Source::Drawn(generator) => draw(generator),
            Source::Loaded { weights, mismatch } => match mismatch.read(*weights, name, shape)? {
                Some(tensor) => Ok(tensor.f_detach_copy()?),
                None if is_count(name) => filled(shape, Kind::Int64, 0.0),
                None => Ok(Tensor::f_empty([0], (Kind::Float, Device::Cpu))?),
            },
        }
    }

    fn parameter(&mut self, name: String, value: &Tensor) -> Result<Tensor> {
        let tensor = value.f_to_device(self.device)?.f_set_requires_grad(true)?;
        self.parameters.push(Parameter {
            name,
            tensor: tensor.shallow_clone(),
        });
        Ok(tensor)
    }

    /// Weight and bias of a convolution or linear layer, as `reset_parameters` of `torch.nn.Conv2d` and `Linear`
    /// draws them: `kaiming_uniform_(weight, a=sqrt(5))`, then the bias uniform on `±1/sqrt(fan_in)`.
    pub(super) fn weight_and_bias(&mut self, name: &str, shape: &[i64]) -> Result<(Tensor, Tensor)> {
        self.weight_and_biases(name, shape, shape[0])
    }

    /// [`Self::weight_and_bias`] with a number of biases that is not the weight's first size: that of a transposed
    /// convolution, whose weight of `[in_channels, out_channels / groups, …]` PyTorch draws by the same rule.
    pub(super) fn weight_and_biases(&mut self, name: &str, shape: &[i64], biases: i64) -> Result<(Tensor, Tensor)> {
        let fan_in = shape[1..].iter().product::<i64>() as f64;
        // Written as PyTorch computes it, because the last bit of the bound is visible in the weights.
        let gain = (2.0 / (1.0 + 5.0_f64.sqrt().powi(2))).sqrt();
        let bound = 3.0_f64.sqrt() * (gain / fan_in.sqrt());
        let weight = self.uniform(format!("{name}.weight"), shape, bound)?;
        let bias = self.uniform(format!("{name}.bias"), &[biases], 1.0 / fan_in.sqrt())?;
        Ok((weight, bias))
    }

    /// Every parameter and every buffer, in PyTorch's order.
    ///
    /// # Errors
    /// `Checkpoint` where the state dict does not fit.
    pub(super) fn finish(self) -> Result<(Vec<Parameter>, Vec<Buffer>)> {
        if let Source::Loaded { weights, mut mismatch } = self.source {
            let parameters = self.parameters.iter().map(|parameter| parameter.name.as_str());
            let buffers = self.buffers.iter().map(|buffer| buffer.name.as_str());
            mismatch.find_unexpected(weights, &parameters.chain(buffers).collect::<HashSet<_>>());
            mismatch.into_result()?;
        }
        Ok((self.parameters, self.buffers))
    }
}

fn filled(shape: &[i64], kind: Kind, value: f64) -> Result<Tensor> {
    Ok(Tensor::f_full(shape, value, (kind, Device::Cpu))?)
}
