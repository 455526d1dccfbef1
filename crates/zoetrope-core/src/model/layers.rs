//! What `summary()` shows: each layer, its output's shape and its number of parameters.

use crate::config::ModelConfig;

/// One row of a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Such as `cnn.conv1`.
    pub name: String,
    /// PyTorch's name of the layer's class.
    pub kind: &'static str,
    /// `None` for an axis that is free: batch and time.
    pub output_shape: Vec<Option<i64>>,
    /// Number of trained values.
    pub parameters: i64,
    /// Number of values that training keeps but no optimizer changes: running means and variances.
    pub statistics: i64,
}

impl ModelConfig {
    /// Every layer from input to logits.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = self.encoder_layers();
        let outputs = Some(self.lstm.output_size());
        layers.push(layer(
            "lstm.lstm",
            "LSTM",
            &[None, None, outputs],
            self.lstm_parameters(),
        ));
        layers.push(layer("last_step", "Select", &[None, outputs], 0));
        let head = self.num_classes * (self.lstm.output_size() + 1);
        layers.push(layer("fc", "Linear", &[None, Some(self.num_classes)], head));
        layers
    }

    fn lstm_parameters(&self) -> i64 {
        let lstm = self.lstm;
        let direction = |inputs: i64| 4 * lstm.hidden_size * (inputs + lstm.hidden_size + 2);
        lstm.num_directions() * (direction(self.features()) + (lstm.num_layers - 1) * direction(lstm.output_size()))
    }
}

fn layer(name: &str, kind: &'static str, output_shape: &[Option<i64>], parameters: i64) -> Layer {
    Layer {
        name: name.to_owned(),
        kind,
        output_shape: output_shape.to_vec(),
        parameters,
        statistics: 0,
    }
}
