//! Outputs held against targets: losses, counts and areas, batch by batch.

pub(crate) mod answers;
mod auc;
mod evaluate;
pub(crate) mod metrics;
mod scores;
