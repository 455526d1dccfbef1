//! Random models and batches: every valid combination of options may come, and a number gives the same one again.

use std::fmt;

use serde_json::{Value, json};
use tch::{Kind, Tensor};
use zoetrope_core::{Activation, Arrays, Batch, Cell, Inputs, ModelConfig, Norm, Pool, TargetValues, Targets};

use super::{Numbers, TestResult, config};

/// No layer of a draw is larger than this, which keeps each to milliseconds.
const LARGEST_FEATURES: i64 = 2000;

/// A configuration and a batch for it.
pub struct Draw {
    pub number: u64,
    pub config: ModelConfig,
    /// `[batch, time, …]` or `[batch, …]`, float32 or bytes. The padding of floats is NaN.
    pub inputs: Tensor,
    pub lengths: Option<Vec<i64>>,
    /// float32: `[batch]`, with the time of a head per frame, with the outputs unless they are classes.
    pub targets: Tensor,
}

impl fmt::Display for Draw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = serde_json::to_string(&self.config).map_err(|_| fmt::Error)?;
        let (kind, size) = (self.inputs.kind(), self.inputs.size());
        let number = self.number;
        write!(
            formatter,
            "draw {number}: {kind:?} {size:?}, lengths {:?}, {config}",
            self.lengths
        )
    }
}

impl Draw {
    /// The draw of that number. Every third one is the tutorial's: plain blocks and an LSTM.
    pub fn new(number: u64) -> TestResult<Self> {
        let mut dice = Dice(Numbers(0x5eed_0000 + number * 0x1_0000));
        loop {
            let batch = dice.from(1, 5);
            let time = (!dice.chance(0.15)).then(|| dice.from(1, 7));
            let steps = time.unwrap_or(1);
            let ragged = time.is_some() && dice.chance(0.6);
            let lengths = ragged.then(|| dice.lengths(batch, steps));
            let config = config(dice.model(number.is_multiple_of(3)))?;
            let frames = lengths
                .as_ref()
                .map_or(batch * steps, |lengths| lengths.iter().sum::<i64>());
            if config.validate().is_err() || config.features() > LARGEST_FEATURES || !has_slopes(&config, frames) {
                continue;
            }
            let shape = [vec![batch], Vec::from_iter(time), config.input.sizes()].concat();
            let inputs = dice.inputs(&shape, lengths.as_deref(), number % 2 == 1);
            let targets = dice.targets(&config, batch, steps);
            return Ok(Self {
                number,
                config,
                inputs,
                lengths,
                targets,
            });
        }
    }

    /// The whole batch.
    pub fn batch(&self) -> TestResult<Batch> {
        make(&self.inputs, self.lengths.as_deref(), Some(&self.targets))
    }

    /// One clip by itself, without its padding or targets.
    pub fn alone(&self, clip: i64) -> TestResult<Batch> {
        let own = self.inputs.narrow(0, clip, 1);
        match &self.lengths {
            Some(lengths) => make(&own.narrow(1, 0, lengths[clip as usize]), None, None),
            None => make(&own, None, None),
        }
    }

    /// Whether every block is one for `conv_block`: the table at the top of `model/paths.rs`, where frames are floats or
    /// have few channels.
    pub fn takes_conv_block(&self) -> bool {
        let mut frame = self.config.input.as_frame();
        let mut takes = self.inputs.size().len() > 3 && !self.config.cnn.blocks().is_empty();
        for block in self.config.cnn.blocks() {
            takes &= (block.kernel_size, block.stride, block.padding) == (3, 1, 1)
                && (block.dilation, block.groups, block.norm, block.residual) == (1, 1, None, false)
                && (block.activation, block.pool()) == (Activation::Relu, Some(Pool::Max(2)))
                && frame.height.min(frame.width) >= 2;
            frame = block.output(frame);
        }
        takes
    }

    /// Whether the recurrent part is one for `lstm_layer`.
    pub fn takes_lstm_layer(&self) -> bool {
        self.config.lstm.cell == Cell::Lstm
    }
}

/// Whether no norm takes the slope of what is in front of it, and leaves gradients that are rounding and `eps`: one of two
/// or three values, which gives steps, or a batch norm of a single input times a weight, whose size it divides out. In
/// float32 libtorch itself is 3e-4 off there.
fn has_slopes(config: &ModelConfig, frames: i64) -> bool {
    let mut frame = config.input.as_frame();
    config.cnn.blocks().iter().all(|block| {
        let (inputs, size) = (
            frame.channels / block.groups * block.taps(config.input),
            block.convolved(frame),
        );
        frame = block.output(frame);
        match block.norm {
            Some(Norm::Batch) => frames >= 4 && inputs > 1,
            Some(Norm::Layer) => size.channels * size.height * size.width >= 4,
            None => true,
        }
    })
}

fn make(inputs: &Tensor, lengths: Option<&[i64]>, targets: Option<&Tensor>) -> TestResult<Batch> {
    let flat = inputs.flatten(0, -1);
    let (floats, bytes) = match inputs.kind() {
        Kind::Uint8 => (Vec::new(), Vec::<u8>::try_from(&flat)?),
        _ => (Vec::<f32>::try_from(&flat)?, Vec::new()),
    };
    let values = targets
        .map(|targets| Vec::<f32>::try_from(targets.flatten(0, -1)))
        .transpose()?;
    let target_shape = targets.map(Tensor::size).unwrap_or_default();
    Ok(Batch::from_arrays(Arrays {
        inputs: if bytes.is_empty() {
            Inputs::F32(&floats)
        } else {
            Inputs::U8(&bytes)
        },
        shape: &inputs.size(),
        lengths,
        targets: values.as_deref().map(|values| Targets {
            values: TargetValues::Floats(values),
            shape: &target_shape,
            ..Targets::default()
        }),
    })?)
}

/// Choices of one draw, one after another.
struct Dice(Numbers);

impl Dice {
    /// From `low` to `high`, both among them.
    fn from(&mut self, low: i64, high: i64) -> i64 {
        low + (self.0.next_unit() * (high - low + 1) as f64) as i64
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.0.next_unit() < probability
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.from(0, choices.len() as i64 - 1) as usize].clone()
    }

    /// One for each clip; often the same for all, so that every clip has the same padding.
    fn lengths(&mut self, batch: i64, steps: i64) -> Vec<i64> {
        if self.chance(0.4) {
            return vec![self.from(1, steps); batch as usize];
        }
        (0..batch).map(|_| self.from(1, steps)).collect()
    }

    fn model(&mut self, is_plain: bool) -> Value {
        let is_frame = is_plain || self.chance(0.65);
        let (input, mut channels) = if is_frame {
            let channels = self.from(1, 4);
            let (height, width) = (self.from(4, 19), self.from(4, 19));
            (
                json!({ "channels": channels, "height": height, "width": width }),
                channels,
            )
        } else {
            let features = self.from(1, 12);
            (json!({ "features": features }), features)
        };
        let mut cnn = Vec::new();
        for _ in 0..self.from(i64::from(is_frame), 3) {
            let out_channels = self.from(1, 20);
            cnn.push(match (is_plain, is_frame) {
                (true, _) => json!({
                    "outChannels": out_channels, "kernelSize": 3, "stride": 1, "padding": 1, "activation": "relu",
                    "maxPool": 2,
                }),
                (_, true) => self.block(channels, out_channels),
                _ => self.block_over_time(channels, out_channels),
            });
            channels = out_channels;
        }
        let mut model = self.answer();
        model["input"] = input;
        model["cnn"] = json!(cnn);
        model["globalPool"] = json!(if is_frame && self.chance(0.25) {
            "average"
        } else {
            "none"
        });
        model["projection"] = json!(self.chance(0.3).then(|| self.from(1, 11)));
        let cells: &[&str] = if is_plain { &["lstm"] } else { &["lstm", "gru"] };
        model["lstm"] = json!({
            "cell": self.one_of(cells), "hiddenSize": self.one_of(&[1, 3, 5, 7, 9, 10, 13, 17, 20, 27]),
            "numLayers": self.from(1, 2), "bidirectional": self.chance(0.5), "dropout": 0.0,
        });
        model
    }

    /// A block of frames; not every combination is valid.
    fn block(&mut self, channels: i64, out_channels: i64) -> Value {
        let residual = self.chance(0.35);
        let kernel_size = if residual {
            self.one_of(&[1, 3, 5])
        } else {
            self.from(1, 5)
        };
        let dilation = self.from(1, 2);
        let padding = if residual {
            dilation * (kernel_size - 1) / 2
        } else {
            self.from(0, 2)
        };
        let windows = [
            (json!(2), Value::Null),
            (json!(3), Value::Null),
            (Value::Null, json!(2)),
            (Value::Null, json!(3)),
            (Value::Null, Value::Null),
        ];
        let (max_pool, avg_pool) = self.one_of(&windows);
        json!({
            "outChannels": out_channels, "kernelSize": kernel_size, "stride": self.from(1, 2), "padding": padding,
            "dilation": dilation, "groups": self.groups(channels, out_channels), "norm": self.norm(),
            "residual": residual, "activation": self.activation(), "maxPool": max_pool, "avgPool": avg_pool,
        })
    }

    fn block_over_time(&mut self, channels: i64, out_channels: i64) -> Value {
        let (kernel_size, dilation) = (self.one_of(&[1, 3, 5]), self.from(1, 2));
        json!({
            "outChannels": out_channels, "kernelSize": kernel_size, "stride": 1,
            "padding": dilation * (kernel_size - 1) / 2, "dilation": dilation,
            "groups": self.groups(channels, out_channels), "norm": self.norm(), "residual": self.chance(0.5),
            "activation": self.activation(), "maxPool": null,
        })
    }

    fn groups(&mut self, channels: i64, out_channels: i64) -> i64 {
        let is_divisor = |n: &i64| channels % n == 0 && out_channels % n == 0;
        let divisors: Vec<i64> = (1..=channels).filter(is_divisor).collect();
        self.one_of(&divisors)
    }

    fn norm(&mut self) -> Value {
        self.one_of(&[Value::Null, json!("batch"), json!("layer")])
    }

    fn activation(&mut self) -> &'static str {
        self.one_of(&["relu", "gelu", "silu", "none"])
    }

    /// Pooling over time, and the head.
    fn answer(&mut self) -> Value {
        let kind = self.one_of(&["classification", "multiLabel", "regression"]);
        let per = self.one_of(&["clip", "clip", "frame"]);
        let outputs = self.from(1, 5);
        let is_regression = kind == "regression";
        let loss = is_regression.then(|| self.one_of(&["mse", "smoothL1"]));
        let pooling = if per == "frame" {
            "last"
        } else {
            self.one_of(&["last", "mean", "max", "attention"])
        };
        json!({
            // One class alone has nothing to learn.
            "numClasses": match kind { "regression" => 0, "classification" => outputs + 1, _ => outputs },
            "pooling": pooling,
            "head": { "kind": kind, "per": per, "outputs": is_regression.then_some(outputs), "loss": loss },
        })
    }

    /// Floats from -1 to 1 with NaN as padding, or bytes.
    fn inputs(&mut self, shape: &[i64], lengths: Option<&[i64]>, is_bytes: bool) -> Tensor {
        let count = shape.iter().product::<i64>();
        if is_bytes {
            let values: Vec<u8> = (0..count).map(|_| self.from(0, 255) as u8).collect();
            return Tensor::from_slice(&values).view(shape);
        }
        let values: Vec<f32> = (0..count).map(|_| (self.0.next_unit() * 2.0 - 1.0) as f32).collect();
        let inputs = Tensor::from_slice(&values).view(shape);
        for (clip, &length) in (0..).zip(lengths.unwrap_or_default()) {
            let _ = inputs.get(clip).narrow(0, length, shape[1] - length).fill_(f64::NAN);
        }
        inputs
    }

    fn targets(&mut self, config: &ModelConfig, batch: i64, time: i64) -> Tensor {
        let [kind, per] = [json!(config.head.kind), json!(config.head.per)];
        let mut shape = vec![batch];
        shape.extend((per == "frame").then_some(time));
        shape.extend((kind != "classification").then(|| config.num_outputs()));
        let mut draw = || match kind.as_str() {
            Some("classification") => self.from(0, config.num_outputs() - 1) as f32,
            Some("multiLabel") => self.from(0, 1) as f32,
            _ => (self.0.next_unit() * 4.0 - 2.0) as f32, // either side of smooth L1's bend
        };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_: i64| draw()).collect();
        Tensor::from_slice(&values).view(shape.as_slice())
    }
}
