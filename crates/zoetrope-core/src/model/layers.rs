//! The rows of `summary()`: each layer, the shape of its output and its number of parameters.

use crate::config::{Cell, ForecastConfig, ModelConfig, Norm, Pooling, SequenceConfig};

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
        let answered = self.fc_outputs();
        let read = match &self.head.sequence {
            Some(sequence) => {
                self.push_token_decoder(sequence, layers);
                sequence.output_features(self.lstm.output_size())
            }
            None => self.lstm.output_size(),
        };
        let parameters = answered * (read + 1);
        layers.push(layer("fc", "Linear", &with_time(Some(answered)), parameters));
        if self.has_frame_decoder() {
            self.push_frame_decoder(time, layers);
        }
    }

    /// The layers of a frame decoder.
    fn push_frame_decoder(&self, time: &[Option<i64>], layers: &mut Vec<Layer>) {
        let input = self.input.as_frame();
        let at_once = self.head.forecast.as_ref().map_or(1, ForecastConfig::steps_at_once);
        let blocks = self.cnn.blocks();
        for (index, block) in blocks.iter().enumerate().rev() {
            let frame = blocks[..index].iter().fold(input, |frame, block| block.output(frame));
            let number = index + 1;
            let channels = frame.channels * if index == 0 { at_once } else { 1 };
            let mut push = |name: &str, kind, size: [i64; 3], parameters, statistics| {
                let shape = [time, &size.map(Some)].concat();
                let layer = layer(&format!("decoder.{name}{number}"), kind, &shape, parameters);
                layers.push(Layer { statistics, ..layer });
            };
            if block.pool().is_some() {
                let convolved = block.convolved(frame);
                let size = [block.out_channels, convolved.height, convolved.width];
                push("up", "Upsample", size, 0, 0);
            }
            let size = [channels, frame.height, frame.width];
            let weights = block.out_channels * channels / block.groups * block.taps(self.input);
            push("deconv", "ConvTranspose2d", size, weights + channels, 0);
            match block.norm {
                Some(Norm::Batch) if index > 0 => push("norm", "BatchNorm2d", size, 2 * channels, 2 * channels),
                Some(Norm::Layer) if index > 0 => push("norm", "GroupNorm", size, 2 * channels, 0),
                _ => (),
            }
        }
    }

    /// The layers of a decoder up to its output layer; their second axis is that of its steps.
    fn push_token_decoder(&self, sequence: &SequenceConfig, layers: &mut Vec<Layer>) {
        let encoded = self.lstm.output_size();
        let [embedding, hidden] = [sequence.embedding_size, sequence.hidden_size];
        let mut push = |name: &str, kind, shape: &[Option<i64>], parameters| {
            layers.push(layer(&format!("decoder.{name}"), kind, shape, parameters));
        };
        let steps = |size| [None, None, Some(size)];
        push(
            "bridge",
            "Linear",
            &[None, Some(2 * hidden)],
            2 * hidden * (encoded + 1),
        );
        let rows = self.num_classes + 1;
        push("embedding", "Embedding", &steps(embedding), rows * embedding);
        push("lstm", "LSTM", &steps(hidden), 4 * hidden * (embedding + hidden + 2));
        if sequence.attention {
            let parameters = hidden * (hidden + 1) + hidden * (encoded + 1) + hidden + 1;
            push("attention", "AdditiveAttention", &steps(encoded), parameters);
        }
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
