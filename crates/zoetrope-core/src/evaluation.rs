//! Outputs held against targets: losses, counts and areas, batch by batch.

mod auc;
mod confusion;
mod evaluate;
pub(crate) mod metrics;
pub(crate) mod predictions;
pub(crate) mod prefixes;
mod scores;
