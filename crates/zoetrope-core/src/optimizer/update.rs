//! How parameters follow their gradients: PyTorch's rules, groups, clipping and averages of the weights.

use std::collections::{HashMap, HashSet};

use tch::{Device, Kind, Tensor};

use super::config::OptimizerConfig;
use super::gradients::{Gathered, Gradients};
use super::guard::{ASSUMED, Bounds, SAFE, Saved, largest};
use super::state::State;
use crate::error::Result;
use crate::kernels::optimizer::{
    RawRule, Updated, engine_gradient_norm, engine_update, reference_gradient_norm, reference_scale, reference_update,
    versions,
};
use crate::model::cnn_lstm::CnnLstm;
use crate::model::parameter::Parameter;
use crate::model::paths::is_engine_on;

/// Added to the norm that gradients are divided by, as `torch.nn.utils.clip_grad_norm_` does.
const CLIP_EPS: f64 = 1e-6;
/// Relative error of the norm of gradients, generously.
const NORM_ERROR: f64 = 1e-3;

/// Hyper-parameters and the state that belongs to one model's parameters.
pub struct Optimizer {
    config: OptimizerConfig,
    /// By the parameter's name; none before the parameter's first update.
    states: HashMap<String, State>,
    /// Whether an update has moved the averages: the first one sets them to the weights after it.
    has_averages: bool,
    /// Bound on the weights, and a mark of their latest change, by which it is known to hold still.
    weights: Option<(u64, f64)>,
}

/// What keeps an update from leaving numbers that are not finite.
struct Guard {
    /// After the update, one a parameter.
    bounds: Vec<Bounds>,
    /// Nothing where the bounds show that all stays finite.
    saved: Option<Saved>,
}

/// A parameter that has a gradient, and its rule.
struct Target {
    name: String,
    value: Tensor,
    gradient: Tensor,
    rule: RawRule,
}

impl Optimizer {
    /// An optimizer whose state is made at its first step.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn new(config: impl Into<OptimizerConfig>) -> Result<Self> {
        let config = config.into();
        config.validate()?;
        Ok(Self {
            config,
            states: HashMap::new(),
            has_averages: false,
            weights: None,
        })
    }

    /// Changes the hyper-parameters; the state stays.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option.
    pub fn set_config(&mut self, config: OptimizerConfig) -> Result<()> {
        config.validate()?;
        self.config = config;
        Ok(())
    }

    /// Copies the running averages into the model's parameters. Frozen parameters, and those that were never updated,
    /// stay as they are.
    ///
    /// # Errors
    /// None but libtorch's own.
    pub fn copy_averages_to(&self, model: &mut CnnLstm) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for parameter in model.parameters().iter().filter(|p| p.tensor.requires_grad()) {
            if let Some(average) = self
                .states
                .get(&parameter.name)
                .and_then(|state| state.average.as_ref())
            {
                parameter.tensor.shallow_clone().f_copy_(average)?;
            }
        }
        Ok(())
    }

    /// Forgets the running averages: the next update begins them anew, from the weights after it.
    pub fn drop_averages(&mut self) {
        self.has_averages = false;
        for state in self.states.values_mut() {
            state.average = None;
        }
    }

    /// One update in place, by the gradients gathered since the last one; without any, or where they weigh nothing, none.
    /// Nothing changes where a loss, a gradient or the update is not finite: on the CPU that is an error at once, on CUDA
    /// at the meter's next reading.
    pub(crate) fn step(&mut self, model: &CnnLstm, gathered: &mut Gradients, step: i64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let names = model.parameters().iter().map(|parameter| parameter.name.as_str());
        self.config.check_prefixes(names)?;
        let Some(Gathered { tensors, scale, weight }) = gathered.take() else {
            return Ok(());
        };
        let targets = self.targets(model, tensors);
        let Some(first) = targets.first() else { return Ok(()) };
        if is_engine_on(&first.value) {
            self.engine_step(&targets, (scale, &weight), gathered, step)
        } else {
            self.reference_step(&targets, (scale, &weight), gathered, step)
        }
    }

    /// Parameters without a gradient take no part.
    fn targets(&self, model: &CnnLstm, gradients: Vec<Tensor>) -> Vec<Target> {
        let with_gradient = |(parameter, gradient): (&Parameter, Tensor)| {
            gradient.defined().then(|| Target {
                name: parameter.name.clone(),
                value: parameter.tensor.shallow_clone(),
                gradient,
                rule: self.config.rule_of(&parameter.name).raw(),
            })
        };
        model
            .parameters()
            .iter()
            .zip(gradients)
            .filter_map(with_gradient)
            .collect()
    }

    fn engine_step(
        &mut self,
        targets: &[Target],
        (scale, weight): (f64, &Tensor),
        gathered: &mut Gradients,
        step: i64,
    ) -> Result<()> {
        let gradients: Vec<Tensor> = targets.iter().map(|target| target.gradient.shallow_clone()).collect();
        let norm = scale * engine_gradient_norm(&gradients)?;
        gathered.record_norm(&Tensor::from(norm), step)?;
        if weight.f_double_value(&[])? == 0.0 {
            return Ok(());
        }
        let clipping = self.clipping(norm);
        let (decay, clip) = self.prepare(targets)?;
        let guard = self.guard(targets, (norm * clipping).min(clip))?;
        let updated: Vec<_> = self
            .updated(targets)
            .zip(targets)
            .map(|(u, target)| (u, target.rule))
            .collect();
        engine_update(&updated, scale * clipping, clip, decay)?;
        self.settle(guard, targets, gathered, step)
    }

    fn reference_step(
        &mut self,
        targets: &[Target],
        (scale, weight): (f64, &Tensor),
        gathered: &mut Gradients,
        step: i64,
    ) -> Result<()> {
        let gradients: Vec<Tensor> = targets.iter().map(|target| target.gradient.shallow_clone()).collect();
        let norm = reference_gradient_norm(&gradients)?.f_mul_scalar(scale)?;
        gathered.record_norm(&norm, step)?;
        let clipping = match held(self.config.clip_norm) {
            Some(limit) => Some(
                norm.f_add_scalar(CLIP_EPS)?
                    .f_reciprocal()?
                    .f_mul_scalar(limit)?
                    .f_clamp_max(1.0)?,
            ),
            None => None,
        };
        let (decay, clip) = self.prepare(targets)?;
        reference_scale(&gradients, scale, clipping.as_ref(), clip)?;
        let weighs_nothing = weight.f_eq(0.0)?.f_to_kind(Kind::Float)?.f_to_device(norm.device())?;
        let found_inf = gathered.found_inf(norm.device())?.f_maximum(&weighs_nothing)?;
        let gradient = if norm.device() == Device::Cpu {
            let norm = norm.f_double_value(&[])?;
            norm * self.clipping(norm)
        } else {
            ASSUMED
        };
        let guard = self.guard(targets, gradient.min(clip))?;
        let mut left: Vec<(Updated<'_>, RawRule)> = self
            .updated(targets)
            .zip(targets)
            .map(|(u, target)| (u, target.rule))
            .collect();
        while let Some(rule) = left.first().map(|(_, rule)| *rule) {
            let (same, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, other)| *other == rule);
            let same: Vec<Updated<'_>> = same.into_iter().map(|(updated, _)| updated).collect();
            reference_update(&same, &rule, decay, &found_inf)?;
            left = others;
        }
        self.settle(guard, targets, gathered, step)
    }

    /// What gradients of that norm are multiplied with.
    fn clipping(&self, norm: f64) -> f64 {
        let limit = held(self.config.clip_norm);
        limit.map_or(1.0, |limit| (limit / (norm + CLIP_EPS)).min(1.0))
    }

    /// To be called before an update by gradients of at most `gradient`, when the state is there.
    fn guard(&self, targets: &[Target], gradient: f64) -> Result<Guard> {
        let weight = self.largest_weight(targets)?;
        let after = |target: &Target| {
            let state = self.states.get(&target.name);
            let (state, ratio) = state.map_or((f64::INFINITY, f64::INFINITY), |state| (state.largest, state.ratio));
            let before = Bounds { state, ratio, weight };
            before.after(&target.rule, gradient * (1.0 + NORM_ERROR))
        };
        let bounds: Vec<Bounds> = targets.iter().map(after).collect();
        let saved = if bounds.iter().all(|bounds| bounds.is_safe()) {
            None
        } else {
            Some(Saved::new(self.updated(targets))?)
        };
        Ok(Guard { bounds, saved })
    }

    /// To be called after the update: puts back what it changed where that is not finite.
    fn settle(&mut self, guard: Guard, targets: &[Target], gathered: &mut Gradients, step: i64) -> Result<()> {
        let Guard { mut bounds, saved } = guard;
        if let Some(saved) = saved {
            let largest = saved.largest()?;
            gathered.record_update(&largest, step)?;
            saved.restore_unless_finite(&largest)?;
            if largest.device() == Device::Cpu {
                gathered.check_finite()?;
                let largest = largest.f_double_value(&[])?;
                for bounds in &mut bounds {
                    (bounds.state, bounds.weight) = (largest, largest);
                }
            }
        }
        for (target, bounds) in targets.iter().zip(&bounds) {
            if let Some(state) = self.states.get_mut(&target.name) {
                (state.largest, state.ratio) = (bounds.state, bounds.ratio);
            }
        }
        let weight = bounds.iter().fold(0.0, |largest, bounds| bounds.weight.max(largest));
        self.weights = Some((mark(targets)?, weight));
        self.has_averages |= self.config.ema_decay.is_some();
        Ok(())
    }

    /// A bound on weights and averages. They are looked at where something else than this optimizer has changed them, or
    /// where the bound has grown too far from them.
    fn largest_weight(&self, targets: &[Target]) -> Result<f64> {
        if targets.iter().any(|target| target.value.device() != Device::Cpu) {
            return Ok(ASSUMED);
        }
        match self.weights {
            Some((known, weight)) if known == mark(targets)? && weight <= SAFE => Ok(weight),
            _ => {
                let averages = targets
                    .iter()
                    .filter_map(|target| self.states.get(&target.name)?.average.as_ref());
                let values = targets.iter().map(|target| &target.value);
                Ok(largest(values.chain(averages))?.f_double_value(&[])?)
            }
        }
    }

    /// Makes the state that is not there yet. Returns the averages' decay and the limit of gradients.
    fn prepare(&mut self, targets: &[Target]) -> Result<(f64, f64)> {
        let ema_decay = self.config.ema_decay;
        if ema_decay.is_some() {
            self.forget_averages_outside(targets);
        }
        for target in targets {
            let state = match self.states.entry(target.name.clone()) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => entry.insert(State::new(&target.value)?),
            };
            state.prepare(&target.value, &target.rule, ema_decay.is_some())?;
        }
        let decay = ema_decay.filter(|_| self.has_averages).unwrap_or(0.0);
        Ok((decay, held(self.config.clip_value).unwrap_or(f64::INFINITY)))
    }

    /// The average of a parameter that takes no part in an update is the parameter itself, and begins from it later.
    fn forget_averages_outside(&mut self, targets: &[Target]) {
        let updated: HashSet<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        for (name, state) in &mut self.states {
            if !updated.contains(name.as_str()) {
                state.average = None;
            }
        }
    }

    fn updated<'a>(&'a self, targets: &'a [Target]) -> impl Iterator<Item = Updated<'a>> {
        let has_average = self.config.ema_decay.is_some();
        targets.iter().filter_map(move |target| {
            let state = self.states.get(&target.name)?;
            Some(state.updated(&target.value, &target.gradient, &target.rule, has_average))
        })
    }
}

/// A limit that float32 can hold; a larger one limits nothing.
fn held(limit: Option<f64>) -> Option<f64> {
    limit.filter(|&limit| limit <= f64::from(f32::MAX))
}

/// Another number after any change of the weights.
fn mark(targets: &[Target]) -> Result<u64> {
    let values: Vec<Tensor> = targets.iter().map(|target| target.value.shallow_clone()).collect();
    versions(&values)
}
