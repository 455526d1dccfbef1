//! Things that exist once in a process: the device, threads, streams of random numbers.

pub(crate) mod contain;
pub mod device;
pub(crate) mod helper;
pub(crate) mod random;
pub(crate) mod shutdown;
pub(crate) mod stream;
pub mod threads;
