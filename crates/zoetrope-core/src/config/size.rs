//! The sizes that options may have.

use crate::error::{Error, Result};

/// The largest size that any option may have; keeps every product of sizes far from overflow.
pub(super) const LARGEST_SIZE: i64 = 1 << 20;

pub(super) fn size(option: &str, value: i64) -> Result<()> {
    if (1..=LARGEST_SIZE).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid(
        option,
        format!("an integer from 1 to {LARGEST_SIZE}"),
        value,
    ))
}
