//! What is there once for the process: the device, threads, streams of random numbers.

pub(crate) mod contain;
pub mod device;
pub(crate) mod helper;
pub(crate) mod random;
pub(crate) mod shutdown;
pub mod threads;
