//! How parameters follow their gradients: PyTorch's rules, groups, clipping and averages of the weights.

pub(crate) mod config;
mod finite;
pub(crate) mod gradients;
mod guard;
pub(crate) mod rule;
mod state;
pub(crate) mod update;
