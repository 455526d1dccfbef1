//! What is kept of clips while their strings are written.

use tch::Tensor;

use super::cell::State;

/// Where the strings of some clips begin, and what their steps look at.
pub(crate) struct Memory {
    pub(super) start: State,
    /// None without attention.
    pub(super) frames: Option<Frames>,
}

/// The frames of clips as attention reads them.
pub(super) struct Frames {
    /// `[batch, time, hidden]`.
    pub(super) keys: Tensor,
    /// `[batch, time, encoded]`, the padding zero.
    pub(super) values: Tensor,
    /// True where `[batch, 1, time]` is padding.
    pub(super) padding: Option<Tensor>,
    /// Of a single clip on the engine, without gradients: the values as `[encoded, time]`, and zeros of `[encoded]`.
    pub(super) columns: Option<(Tensor, Tensor)>,
}

impl Memory {
    /// The states in which the strings begin, `[batch, hidden]`.
    pub(crate) fn start(&self) -> &State {
        &self.start
    }

    /// Number of clips.
    pub(super) fn clips(&self) -> i64 {
        self.start.hidden.size()[0]
    }
}
