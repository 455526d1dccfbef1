//! The rows of `summary()`: each layer, the shape of its output and its number of parameters.

use crate::config::{Cell, ModelConfig, Pooling};

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
        if let Some(size) = self.projection {
            let parameters = size * (self.features() + 1);
            layers.push(layer("projection", "Linear", &[None, None, Some(size)], parameters));
        }
        self.push_answer(&mut layers);
        layers
    }

    /// The layers from the recurrent part on.
    fn push_answer(&self, layers: &mut Vec<Layer>) {
        let outputs = Some(self.lstm.output_size());
        let kind = match self.lstm.cell {
            Cell::Lstm => "LSTM",
            Cell::Gru => "GRU",
        };
        let name = self.lstm.cell.name();
        layers.push(layer(name, kind, &[None, None, outputs], self.recurrent_parameters()));
        let time: &[Option<i64>] = if self.head.is_pooled() { &[None] } else { &[None, None] };
        let with_time = |size| [time, &[size]].concat();
        if self.head.is_pooled() {
            let (name, kind, parameters) = match self.pooling {
                Pooling::Last => ("last_step", "Select", 0),
                Pooling::Mean => ("mean", "Mean", 0),
                Pooling::Max => ("max", "Max", 0),
                Pooling::Attention => ("attention", "Attention", self.lstm.output_size() + 1),
            };
            layers.push(layer(name, kind, &with_time(outputs), parameters));
        }
        if self.dropout > 0.0 {
            layers.push(layer("dropout", "Dropout", &with_time(outputs), 0));
        }
        let predictions = self.num_outputs();
        let parameters = predictions * (self.lstm.output_size() + 1);
        layers.push(layer("fc", "Linear", &with_time(Some(predictions)), parameters));
    }

    fn recurrent_parameters(&self) -> i64 {
        let lstm = self.lstm;
        let direction = |inputs: i64| lstm.cell.num_gates() * lstm.hidden_size * (inputs + lstm.hidden_size + 2);
        let above = (lstm.num_layers - 1) * direction(lstm.output_size());
        lstm.num_directions() * (direction(self.recurrent_features()) + above)
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
