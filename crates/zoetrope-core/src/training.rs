//! The training step.

mod train;
