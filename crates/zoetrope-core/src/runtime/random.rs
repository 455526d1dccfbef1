//! Random streams: one per seeded model, or the process's own.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::kernels::RawGenerator;

/// A stream of random numbers, the same as libtorch's CPU generator with the same seed. Clones share the stream.
///
/// Numbers are drawn on the CPU on every device, so a seed means the same everywhere.
#[derive(Clone)]
pub struct Generator(Arc<RawGenerator>);

static PROCESS: OnceLock<Generator> = OnceLock::new();

impl Generator {
    /// The stream of `torch.manual_seed(seed)`.
    ///
    /// # Errors
    /// Only where libtorch cannot allocate.
    pub fn from_seed(seed: u64) -> Result<Self> {
        Ok(Self(Arc::new(RawGenerator::new(seed)?)))
    }

    /// The stream that all models without a seed share; seeded by chance until [`manual_seed`] is called.
    ///
    /// # Errors
    /// Only where libtorch cannot allocate.
    pub fn process() -> Result<Self> {
        if let Some(generator) = PROCESS.get() {
            return Ok(generator.clone());
        }
        let generator = Self::from_seed(RandomState::new().hash_one(std::process::id()))?;
        Ok(PROCESS.get_or_init(|| generator).clone())
    }

    /// A float32 CPU tensor of the given shape, uniform on [-bound, bound).
    pub(crate) fn uniform(&self, shape: &[i64], bound: f64) -> Result<Tensor> {
        let mut tensor = Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?;
        self.0.uniform(&mut tensor, -bound, bound)?;
        Ok(tensor)
    }

    /// A float32 CPU tensor of the given shape, normal with mean 0.
    pub(crate) fn normal(&self, shape: &[i64], deviation: f64) -> Result<Tensor> {
        let mut tensor = Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?;
        self.0.normal(&mut tensor, 0.0, deviation)?;
        Ok(tensor)
    }

    /// A float32 CPU tensor of the given shape: 1 with that probability, else 0.
    pub(crate) fn bernoulli(&self, shape: &[i64], probability: f64) -> Result<Tensor> {
        let mut ones = Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?;
        self.0.bernoulli(&mut ones, probability)?;
        Ok(ones)
    }

    /// A float32 CPU tensor of the given shape: 1 / (1 - dropout) with probability 1 - dropout, else 0.
    pub(crate) fn dropout_mask(&self, shape: &[i64], dropout: f64) -> Result<Tensor> {
        let mut mask = self.bernoulli(shape, 1.0 - dropout)?;
        // With dropout 1 the mask is all zeros, and stays so.
        Ok(mask.f_div_scalar_((1.0 - dropout).max(f64::MIN_POSITIVE))?)
    }
}

/// Restarts the process's stream, as `torch.manual_seed(seed)` does.
///
/// # Errors
/// Only where libtorch cannot allocate.
pub fn manual_seed(seed: u64) -> Result<()> {
    Generator::process()?.0.seed(seed)
}
