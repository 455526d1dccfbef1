//! Numbers that are a pure function of some words, such as a seed and an index, the same on every machine.

/// A stream of numbers: `SplitMix64` (Steele, Lea and Flood, 2014).
pub(crate) struct Stream(u64);

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// One word made of several, whose order counts.
pub(crate) fn hash(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(0, absorb)
}

/// A word that has another one mixed in.
pub(crate) fn absorb(hash: u64, word: u64) -> u64 {
    mix(hash.wrapping_add(GOLDEN_GAMMA) ^ word)
}

impl Stream {
    /// The stream that begins at a word.
    pub(crate) fn of(word: u64) -> Self {
        Self(word)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        mix(self.0)
    }

    /// A number of [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of [low, high).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// An integer from low to high, both included.
    pub(crate) fn integer(&mut self, low: i64, high: i64) -> i64 {
        let count = (high - low + 1) as f64;
        low + ((self.unit() * count) as i64).min(high - low)
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
