//! The recurrent part: a sequence of feature vectors into a sequence of hidden states.

pub(super) mod step;

use tch::Tensor;

use super::clip_state::ClipState;
use super::dropout::Dropout;
use super::encoder::Features;
use super::initializer::Initializer;
use super::paths;
use crate::config::{Cell, LstmConfig, ModelConfig};
use crate::data::lengths::{Layout, Lengths};
use crate::error::Result;
use crate::kernels::{self, Direction, Packed, Rows};
use crate::runtime::random::Generator;

/// Layers of `torch.nn.LSTM(batch_first=True)` or `torch.nn.GRU(batch_first=True)`; the initial state is zero.
pub(super) struct Recurrent {
    config: LstmConfig,
    /// For each layer and direction.
    layers: Vec<Vec<Direction>>,
    dropout: Dropout,
}

impl Recurrent {
    pub(super) fn new(config: &ModelConfig, generator: Generator, init: &mut Initializer<'_>) -> Result<Self> {
        let lstm = config.lstm;
        let bound = 1.0 / (lstm.hidden_size as f64).sqrt();
        let gates = lstm.cell.num_gates() * lstm.hidden_size;
        let suffixes: &[&str] = if lstm.bidirectional { &["", "_reverse"] } else { &[""] };
        let mut layers = Vec::new();
        for layer in 0..lstm.num_layers {
            let input_size = if layer == 0 {
                config.recurrent_features()
            } else {
                lstm.output_size()
            };
            let mut directions = Vec::new();
            for suffix in suffixes {
                let mut draw = |kind: &str, shape: &[i64]| {
                    init.uniform(format!("{}.{kind}_l{layer}{suffix}", lstm.cell.name()), shape, bound)
                };
                let weights = [
                    draw("weight_ih", &[gates, input_size])?,
                    draw("weight_hh", &[gates, lstm.hidden_size])?,
                    draw("bias_ih", &[gates])?,
                    draw("bias_hh", &[gates])?,
                ];
                let packed = Packed::new()?;
                directions.push(Direction { weights, packed });
            }
            layers.push(directions);
        }
        Ok(Self {
            config: lstm,
            layers,
            dropout: Dropout::new(lstm.dropout, generator),
        })
    }

    /// Whether [`Self::forward_t`] takes features position by position, of clips of that layout.
    pub(super) fn takes_pixel_major(&self, layout: &Layout<'_>) -> bool {
        paths::takes_pixel_major(self.config.cell, &self.layers[0][0].weights, layout.rows().time)
    }

    /// Runs the valid frames, `[frames, features]`, into the top layer's outputs, `[frames, directions * hidden_size]`,
    /// or with `last_only` into those at each clip's last frame, `[batch, directions * hidden_size]`.
    pub(super) fn forward_t(
        &self,
        features: &Features,
        layout: &Layout<'_>,
        last_only: bool,
        train: bool,
    ) -> Result<Tensor> {
        let mut outputs = features.values.shallow_clone();
        for (index, directions) in self.layers.iter().enumerate() {
            let is_top = index + 1 == self.layers.len();
            let last_only = last_only && is_top;
            outputs = if paths::takes_recurrent_layer(&directions[0].weights[0]) {
                let pixels = if index == 0 { features.pixels } else { 1 };
                engine(self.config.cell, &outputs, pixels, directions, layout, last_only)?
            } else {
                self.by_reference(&outputs, directions, layout, last_only, train)?
            };
            if !is_top {
                outputs = self.dropout.between_layers_t(&outputs, layout, train)?;
            }
        }
        Ok(outputs)
    }

    /// The zero state of `batch` clips that have not begun, of a one-directional recurrent part.
    pub(super) fn initial_state(&self, batch: i64) -> Result<ClipState> {
        let weight = &self.layers[0][0].weights[0];
        let zeros = |_| {
            let shape = [batch, self.config.hidden_size];
            Ok(Tensor::f_zeros(shape, (weight.kind(), weight.device()))?)
        };
        let count = self.layers.len() * step::num_tensors(self.config.cell);
        Ok(ClipState::new((0..count).map(zeros).collect::<Result<_>>()?))
    }

    /// Runs the next frame of each clip, `[batch, features]`, channel-major, into the top layer's outputs,
    /// `[batch, hidden_size]`, and the state on by this frame: what [`Self::forward_t`] gives for it in evaluation.
    ///
    /// The second direction of a bidirectional part begins at the clip's end, so it takes no part in a step: such a
    /// part has no steps.
    pub(super) fn step(&self, features: &Tensor, state: &mut ClipState) -> Result<Tensor> {
        let cell = self.config.cell;
        let mut outputs = features.shallow_clone();
        let states = state.tensors_mut().chunks_mut(step::num_tensors(cell));
        for (directions, state) in self.layers.iter().zip(states) {
            outputs = step::step(cell, &outputs, state, &directions[0].weights)?;
        }
        Ok(outputs)
    }

    /// One layer by libtorch's own operations, which know padded sequences only.
    fn by_reference(
        &self,
        frames: &Tensor,
        directions: &[Direction],
        layout: &Layout<'_>,
        last_only: bool,
        train: bool,
    ) -> Result<Tensor> {
        let sequence = layout.unpack(frames)?; //                [batch, time, features]
        let outputs = match layout.lengths {
            Some(lengths) => self.within_lengths(&sequence, directions, lengths, train)?,
            None => reference(self.config.cell, &sequence, directions, train)?,
        };
        if last_only {
            layout.last(&outputs)
        } else {
            layout.pack(&outputs)
        }
    }

    /// The forward direction meets a clip's padding after its frames; the other one is a forward one over each clip
    /// turned round within its length.
    fn within_lengths(
        &self,
        sequence: &Tensor,
        directions: &[Direction],
        lengths: &Lengths,
        train: bool,
    ) -> Result<Tensor> {
        let run = |sequence: &Tensor, direction: &Direction| {
            reference(self.config.cell, sequence, std::slice::from_ref(direction), train)
        };
        match directions {
            [forward, backward] => {
                let ahead = run(sequence, forward)?;
                let back = lengths.reverse(&run(&lengths.reverse(sequence)?, backward)?)?;
                Ok(Tensor::f_cat(&[ahead, back], -1)?)
            }
            _ => run(sequence, &directions[0]),
        }
    }
}

/// One layer, one or both directions, by libtorch's own operation: what the kernel is tested against. One layer at a
/// time, because libtorch would draw the dropout between layers from the process's generator.
fn reference(cell: Cell, sequence: &Tensor, directions: &[Direction], train: bool) -> Result<Tensor> {
    let hidden_size = directions[0].weights[1].size()[1];
    let state_shape = [directions.len() as i64, sequence.size()[0], hidden_size];
    let zeros = Tensor::f_zeros(state_shape, (sequence.kind(), sequence.device()))?;
    let weights = directions.iter().flat_map(|direction| &direction.weights);
    let flat: Vec<Tensor> = weights.map(Tensor::shallow_clone).collect();
    let bidirectional = directions.len() == 2;
    match cell {
        Cell::Lstm => {
            let state = [zeros.shallow_clone(), zeros]; //  hidden, cell
            let (outputs, _hidden, _cell) = sequence.f_lstm(&state, &flat, true, 1, 0.0, train, bidirectional, true)?;
            Ok(outputs)
        }
        Cell::Gru => {
            let (outputs, _hidden) = sequence.f_gru(&zeros, &flat, true, 1, 0.0, train, bidirectional, true)?;
            Ok(outputs)
        }
    }
}

/// One layer by the engine's kernel.
fn engine(
    cell: Cell,
    frames: &Tensor,
    pixels: i64,
    directions: &[Direction],
    layout: &Layout<'_>,
    last_only: bool,
) -> Result<Tensor> {
    let frames = frames.f_contiguous()?;
    let run = |frames: &Tensor, rows: Rows<'_>, directions: &[Direction]| {
        kernels::recurrent_layer(cell, frames, pixels, rows, directions, last_only)
    };
    let [forward, backward] = directions else {
        return run(&frames, layout.rows(), directions);
    };
    if !last_only {
        return run(&frames, layout.rows(), directions);
    }
    let single = Rows { time: 1, offsets: None }; //     a clip's last frame is where the second direction begins
    let ahead = run(&frames, layout.rows(), std::slice::from_ref(forward))?;
    let back = run(&layout.last_frames(&frames)?, single, std::slice::from_ref(backward))?;
    Ok(Tensor::f_cat(&[ahead, back], -1)?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tch::{Device, Kind, Tensor};

    use super::{ClipState, Features, Layout, ModelConfig, Recurrent};
    use crate::model::initializer::Initializer;
    use crate::runtime::random::Generator;

    type TestResult<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

    const BATCH: i64 = 3;
    const TIME: i64 = 5;

    fn made(cell: &str, layers: i64) -> TestResult<(Recurrent, Vec<Tensor>)> {
        let json: Value = json!({
            "input": { "features": 7 }, "cnn": [], "numClasses": 2,
            "lstm": {
                "cell": cell, "hiddenSize": 6, "numLayers": layers, "dropout": 0.0, "bidirectional": false,
            },
        });
        let config: ModelConfig = serde_json::from_value(json)?;
        let generator = Generator::from_seed(1)?;
        let mut init = Initializer::drawn(&generator, Device::Cpu);
        let recurrent = Recurrent::new(&config, generator.clone(), &mut init)?;
        let (parameters, _buffers) = init.finish()?;
        Ok((
            recurrent,
            parameters.into_iter().map(|parameter| parameter.tensor).collect(),
        ))
    }

    fn assert_close(actual: &Tensor, expected: &Tensor, tolerance: f64) {
        assert_eq!(actual.size(), expected.size());
        let difference = (actual - expected).abs().max().double_value(&[]);
        assert!(difference <= tolerance, "a difference of {difference:e}");
    }

    /// Outputs and gradients of every parameter, of steps one by one against the whole clip at once.
    #[test]
    fn steps_are_the_whole_clip() -> TestResult {
        let layout = Layout {
            batch: BATCH,
            time: TIME,
            lengths: None,
        };
        for (cell, layers) in [("lstm", 1), ("lstm", 3), ("gru", 1), ("gru", 2)] {
            let (recurrent, weights) = made(cell, layers)?;
            let clips = Tensor::f_arange(BATCH * TIME * 7, (Kind::Float, Device::Cpu))?.f_sin()?;
            let whole = recurrent.forward_t(&Features::channel_major(clips.f_view([-1, 7])?), &layout, false, false)?;
            let whole = whole.f_view([BATCH, TIME, -1])?;

            let mut state = recurrent.initial_state(BATCH)?;
            let clips = clips.f_view([BATCH, TIME, 7])?;
            let steps = (0..TIME)
                .map(|t| Ok(recurrent.step(&clips.f_select(1, t)?, &mut state)?))
                .collect::<TestResult<Vec<_>>>()?;
            let steps = Tensor::f_stack(&steps, 1)?;

            assert_close(&steps, &whole, 1e-6);
            let of = |outputs: &Tensor| {
                Tensor::f_run_backward(&[outputs.f_square()?.f_sum(None::<Kind>)?], &weights, true, false)
            };
            for (of_steps, of_whole) in of(&steps)?.iter().zip(of(&whole)?) {
                assert_close(of_steps, &of_whole, 1e-5);
            }
        }
        Ok(())
    }

    /// A clip goes on the same whether its state lies alone or below those of others.
    #[test]
    fn states_are_stacked_and_taken_apart() -> TestResult {
        let (recurrent, _weights) = made("lstm", 2)?;
        let _guard = tch::no_grad_guard();
        let frames = Tensor::f_arange(BATCH * 7, (Kind::Float, Device::Cpu))?
            .f_cos()?
            .f_view([BATCH, 7])?;
        let mut together = recurrent.initial_state(BATCH)?;
        let _outputs = recurrent.step(&frames, &mut together)?;
        let mut alone = (0..BATCH)
            .map(|clip| together.clip(clip))
            .collect::<Result<Vec<_>, _>>()?;

        let expected = recurrent.step(&frames, &mut together)?;
        let mut stacked = ClipState::stacked(&alone.iter().collect::<Vec<_>>())?;
        assert_close(&recurrent.step(&frames, &mut stacked)?, &expected, 0.0);
        for (clip, state) in (0..).zip(&mut alone) {
            let own = recurrent.step(&frames.f_narrow(0, clip, 1)?, state)?;
            assert_close(&own, &expected.f_narrow(0, clip, 1)?, 1e-6);
        }
        Ok(())
    }
}
