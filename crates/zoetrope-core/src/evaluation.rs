//! Outputs held against targets: losses, counts and areas, batch by batch.

mod auc;
mod confusion;
mod evaluate;
mod exported;
pub(crate) mod forecast;
pub(crate) mod generate;
pub(crate) mod label_strings;
pub(crate) mod metrics;
pub(crate) mod predictions;
pub(crate) mod prefixes;
mod scores;
pub(crate) mod strings;
