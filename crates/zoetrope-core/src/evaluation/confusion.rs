//! The confusion matrix of a pass, as the cells that are not 0: of thousands of classes few have a count.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::error::Result;

/// Cells that may wait on the device: 8 MiB.
const MOST_WAITING: i64 = 1 << 20;

/// Counts cells, by their numbers.
#[derive(Default)]
pub(super) struct Confusion {
    counts: BTreeMap<i64, i64>,
    /// int64 of `[predictions]` each, -1 for none.
    waiting: Vec<Tensor>,
    waiting_cells: i64,
}

impl Confusion {
    /// Adds a batch's cells, without waiting for the device as long as few wait.
    pub(super) fn add(&mut self, cells: Tensor) -> Result<()> {
        self.waiting_cells += cells.size()[0];
        self.waiting.push(cells);
        if self.waiting_cells > MOST_WAITING {
            self.count()?;
        }
        Ok(())
    }

    /// Number and count of every cell with a count, in order. Waits for the device.
    pub(super) fn cells(&mut self) -> Result<Vec<(i64, i64)>> {
        self.count()?;
        Ok(self.counts.iter().map(|(&cell, &count)| (cell, count)).collect())
    }

    fn count(&mut self) -> Result<()> {
        for cells in std::mem::take(&mut self.waiting) {
            for cell in Vec::<i64>::try_from(cells.f_to_kind(Kind::Int64)?)? {
                if cell >= 0 {
                    *self.counts.entry(cell).or_default() += 1;
                }
            }
        }
        self.waiting_cells = 0;
        Ok(())
    }
}
