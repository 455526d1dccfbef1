//! Batch-norm statistics of a step that may be refused.

use tch::Tensor;

use super::cnn_lstm::CnnLstm;
use crate::error::Result;

/// The buffers, and copies of them as they were.
pub(crate) struct SavedStatistics(Vec<(Tensor, Tensor)>);

impl CnnLstm {
    /// Keeps the buffers as they are, to be put back where a step is refused.
    pub(crate) fn save_statistics(&self) -> Result<SavedStatistics> {
        let saved = self.buffers().iter().map(|buffer| {
            let tensor = &buffer.tensor;
            Ok((tensor.shallow_clone(), tensor.f_detach_copy()?))
        });
        Ok(SavedStatistics(saved.collect::<Result<_>>()?))
    }
}

impl SavedStatistics {
    /// Puts them back.
    pub(crate) fn restore(self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (mut buffer, saved) in self.0 {
            buffer.f_copy_(&saved)?;
        }
        Ok(())
    }

    /// Puts them back where `found_inf` (float32 of `[]`) is 1, without waiting for the device.
    pub(crate) fn restore_where(self, found_inf: &Tensor) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (mut buffer, saved) in self.0 {
            let kept = saved.f_where_self(&found_inf.f_ne(0)?, &buffer)?;
            buffer.f_copy_(&kept)?;
        }
        Ok(())
    }
}
