//! What is there once for the process: the device, threads, streams of random numbers.

pub mod device;
pub(crate) mod helper;
pub(crate) mod random;
pub mod threads;
