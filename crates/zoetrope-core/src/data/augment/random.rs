//! Numbers that are a pure function of (seed, epoch, index, purpose), the same on every machine.

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

/// A stream of numbers: `SplitMix64` (Steele, Lea and Flood, 2014).
pub(super) struct Stream(u64);

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Draws {
    pub(crate) fn new(seed: u64, epoch: u64, index: u64) -> Self {
        Self([seed, epoch, index].into_iter().fold(0, absorb))
    }

    pub(super) fn stream(self, purpose: Purpose) -> Stream {
        Stream(absorb(self.0, purpose as u64))
    }
}

impl Stream {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        mix(self.0)
    }

    /// A number of [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of [low, high).
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// An integer from low to high, both included.
    pub(super) fn integer(&mut self, low: i64, high: i64) -> i64 {
        let count = (high - low + 1) as f64;
        low + ((self.unit() * count) as i64).min(high - low)
    }
}

fn absorb(hash: u64, word: u64) -> u64 {
    mix(hash.wrapping_add(GOLDEN_GAMMA) ^ word)
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
