//! What an optimizer is told anew at every step.

use napi_derive::napi;
use zoetrope_core::{Group, Meter, OptimizerConfig, Result, Rule, Worker};

/// Read anew at every step; the state lives with the model and is made at the first step with this id.
#[napi(object, object_to_js = false)]
pub struct NativeOptimizer {
    /// Names the state.
    pub id: u32,
    /// For parameters in no group.
    pub rule: NativeRule,
    /// For parameters whose name begins with the prefix; the longest that fits.
    pub groups: Vec<NativeGroup>,
    /// Largest norm of all gradients as one vector.
    pub clip_norm: Option<f64>,
    /// Largest absolute value of a gradient.
    pub clip_value: Option<f64>,
    /// Decay of the running average of the weights, where one is kept.
    pub ema_decay: Option<f64>,
}

/// A rule for some parameters.
#[napi(object, object_to_js = false)]
pub struct NativeGroup {
    /// How their names begin.
    pub prefix: String,
    /// In the place of the optimizer's.
    pub rule: NativeRule,
}

/// A rule's hyper-parameters; zeros where a rule does not have one.
#[napi(object, object_to_js = false)]
pub struct NativeRule {
    /// Which rule.
    #[napi(ts_type = "'adam' | 'adamW' | 'sgd' | 'rmsProp'")]
    pub kind: String,
    /// Step size.
    pub learning_rate: f64,
    /// L2 penalty; AdamW: share of the step size by which parameters shrink.
    pub weight_decay: f64,
    /// Adam, AdamW: decay of the mean of gradients.
    pub beta1: f64,
    /// Adam, AdamW: decay of the mean of squared gradients. RMSprop: `alpha`.
    pub beta2: f64,
    /// Adam, AdamW, RMSprop: added to the denominator.
    pub eps: f64,
    /// SGD, RMSprop.
    pub momentum: f64,
    /// SGD.
    pub nesterov: bool,
    /// RMSprop.
    pub centered: bool,
}

impl NativeOptimizer {
    pub(crate) fn update(self, worker: &mut Worker, meter: &mut Meter) -> Result<()> {
        let (id, config) = (self.id, self.config());
        let (model, optimizer) = worker.with_optimizer(id, config)?;
        model.update(optimizer, meter)
    }

    fn config(self) -> OptimizerConfig {
        let group = |NativeGroup { prefix, rule }| Group {
            prefix,
            rule: rule.rule(),
        };
        OptimizerConfig {
            rule: self.rule.rule(),
            groups: self.groups.into_iter().map(group).collect(),
            clip_norm: self.clip_norm,
            clip_value: self.clip_value,
            ema_decay: self.ema_decay,
        }
    }
}

impl NativeRule {
    fn rule(&self) -> Rule {
        let (learning_rate, weight_decay, eps) = (self.learning_rate, self.weight_decay, self.eps);
        let betas = (self.beta1, self.beta2);
        match self.kind.as_str() {
            "sgd" => Rule::Sgd {
                learning_rate,
                momentum: self.momentum,
                nesterov: self.nesterov,
                weight_decay,
            },
            "rmsProp" => Rule::RmsProp {
                learning_rate,
                alpha: self.beta2,
                eps,
                weight_decay,
                momentum: self.momentum,
                centered: self.centered,
            },
            "adamW" => Rule::AdamW {
                learning_rate,
                betas,
                eps,
                weight_decay,
            },
            _ => Rule::Adam {
                learning_rate,
                betas,
                eps,
                weight_decay,
            },
        }
    }
}
