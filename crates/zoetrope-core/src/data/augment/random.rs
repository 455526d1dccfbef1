//! Numbers that are a pure function of (seed, epoch, index, purpose), the same on every machine.

pub(super) use crate::runtime::stream::Stream;
use crate::runtime::stream::{absorb, hash};

/// The purpose of a stream of draws.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    TimeCrop = 1,
    TimeStretch,
    DropFrames,
    Space,
    Flip,
    Colour,
    Erase,
    Noise,
}

/// All draws for one sample in one epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64, epoch: u64, index: u64) -> Self {
        Self(hash([seed, epoch, index]))
    }

    pub(super) fn stream(self, purpose: Purpose) -> Stream {
        Stream::of(absorb(self.0, purpose as u64))
    }
}
