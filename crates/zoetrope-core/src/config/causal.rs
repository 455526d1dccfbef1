//! Whether answers can be given while a clip runs: whether what a model says of a frame needs later ones.

use super::head::HeadKind;
use super::input::InputConfig;
use super::model::ModelConfig;
use crate::error::{Error, Result};

impl ModelConfig {
    /// Checks that no output depends on a frame after its own.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option that looks ahead, and why.
    pub fn check_causal(&self) -> Result<()> {
        if self.lstm.bidirectional {
            let expected = "false to answer while a clip runs (the second direction begins at the clip's last frame)";
            return Err(Error::invalid("lstm.bidirectional", expected, true));
        }
        let over_time = matches!(self.input, InputConfig::Vector(_));
        let blocks = self.cnn.blocks();
        match blocks.iter().position(|block| over_time && block.kernel_size > 1) {
            None => Ok(()),
            Some(index) => Err(Error::invalid(
                format!("cnn[{index}].kernelSize"),
                "1 to answer while a clip runs (a convolution over time reads the steps on both sides of its own)",
                blocks[index].kernel_size,
            )),
        }
    }

    /// Checks that the model can answer frame by frame: it is causal, and its head reads its answer off a state.
    ///
    /// # Errors
    /// `InvalidConfig`, naming the option that stands in the way, and why.
    pub fn check_streams(&self) -> Result<()> {
        if matches!(self.head.kind, HeadKind::Forecast | HeadKind::Sequence) {
            let expected = "classification, multiLabel, regression or ctc to answer while a clip runs (another head \
                            writes a sequence of its own after the clip)";
            return Err(Error::invalid("head.kind", expected, format!("{:?}", self.head.kind)));
        }
        self.check_causal()
    }

    /// Whether [`Self::check_causal`] finds nothing.
    #[must_use]
    pub fn is_causal(&self) -> bool {
        self.check_causal().is_ok()
    }
}
