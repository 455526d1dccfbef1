//! Forecasts: all steps from one state, or a loop that feeds each step back.

use super::encoder;
use super::frame_decoder::decode;
use super::graph::{Attribute, Axis, Graph, Value};
use super::inputs::Clips;
use super::linear::linear;
use super::missing::Missing;
use super::recurrent::{States, recur};
use super::weights::ModelWeights;
use crate::config::{Cell, ForecastConfig, InputConfig, ModelConfig, RegressionLoss};
use crate::error::{Error, Result};

/// What the steps are made of.
pub(super) struct Forecast<'a> {
    config: &'a ModelConfig,
    options: &'a ForecastConfig,
    weights: &'a ModelWeights,
    /// Of the numbers that are forecast at once, which of them follow from a state. Others are the bias of a decoder alone.
    follows: Vec<bool>,
}

impl<'a> Forecast<'a> {
    pub(super) fn new(config: &'a ModelConfig, weights: &'a ModelWeights, follows: Vec<bool>) -> Result<Self> {
        let options = config.head.forecast.as_ref().ok_or_else(|| Error::Internal {
            reason: "a forecast without options".to_owned(),
        })?;
        Ok(Self {
            config,
            options,
            weights,
            follows,
        })
    }

    /// The output `forecast` of a direct forecast, whose clips are `[batch, directions * hidden_size]`.
    pub(super) fn answer_at_once(&self, graph: &mut Graph, pooled: &Value, missing: Option<&Missing>) -> Result<()> {
        let steps = self.steps(graph, pooled, self.options.horizon)?;
        self.leave(graph, steps, missing);
        Ok(())
    }

    /// The output `forecast` of a recursive forecast, from the states after each clip's own last step.
    pub(super) fn answer_step_by_step(
        &self,
        graph: &mut Graph,
        ends: &States,
        missing: Option<&Missing>,
    ) -> Result<()> {
        let first = self.step_after(graph, &ends.next_hidden)?; //              [batch, 1, …step]
        let rounds = self.options.horizon - 1;
        let steps = if rounds == 0 {
            first
        } else {
            let rest = self.repeated(graph, ends, &first, rounds)?;
            graph.node("Concat", &[&first, &rest], &[Attribute::Integer("axis", 1)])
        };
        self.leave(graph, steps, missing);
        Ok(())
    }

    /// The steps after the first one, `[batch, rounds, …step]`: each is read as a clip's own step is.
    fn repeated(&self, graph: &mut Graph, ends: &States, first: &Value, rounds: i64) -> Result<Value> {
        let lstm = self.config.lstm;
        let layers = lstm.num_layers as usize;
        let state_axes = vec![Axis::Size(1), Axis::Free("batch"), Axis::Size(lstm.hidden_size)];
        let mut step_axes = vec![Axis::Free("batch"), Axis::Size(1)];
        step_axes.extend(self.config.forecast_step().into_iter().map(Axis::Size));
        let states = ends.next_hidden.iter().chain(&ends.next_cell);
        let mut carried = vec![(first.clone(), step_axes.clone())];
        carried.extend(states.map(|state| (state.clone(), state_axes.clone())));
        let all = graph.repeat(rounds, &carried, &step_axes, |graph, before| {
            let (step, states) = (&before[0], &before[1..]);
            let mut states = States {
                hidden: states[..layers].to_vec(),
                cell: match lstm.cell {
                    Cell::Lstm => states[layers..].to_vec(),
                    Cell::Gru => Vec::new(),
                },
                ..States::default()
            };
            let read = Clips::made(graph, self.config, step.clone());
            let features = encoder::features(graph, self.config, self.weights, &read)?;
            recur(graph, lstm, self.weights, &features, None, Some(&mut states))?;
            let next = self.step_after(graph, &states.next_hidden)?;
            let after = [vec![next.clone()], states.next_hidden, states.next_cell].concat();
            Ok((after, next))
        })?; //                                                                 [rounds, batch, 1, …step]
        graph.enter("forecast");
        // Not a squeeze: ONNX's reference implementation gives the rounds and the batch as one axis.
        let shape = graph.integers(&[&[rounds, -1], self.config.forecast_step().as_slice()].concat());
        let all = graph.node("Reshape", &[&all, &shape], &[]); //               [rounds, batch, …step]
        let mut order: Vec<i64> = (0..step_axes.len() as i64).collect();
        order.swap(0, 1);
        Ok(graph.node("Transpose", &[&all], &[Attribute::Integers("perm", &order)]))
    }

    /// The step after the states of all layers, `[1, batch, hidden_size]` each.
    fn step_after(&self, graph: &mut Graph, hidden: &[Value]) -> Result<Value> {
        let top = hidden.last().cloned().unwrap_or_else(Value::absent);
        let axis = graph.integers(&[0]);
        let top = graph.node("Squeeze", &[&top, &axis], &[]); //                [batch, hidden_size]
        self.steps(graph, &top, 1)
    }

    /// States of `[batch, directions * hidden_size]` into steps in data units, `[batch, count, …step]`.
    fn steps(&self, graph: &mut Graph, states: &Value, count: i64) -> Result<Value> {
        let mut outputs = linear(graph, self.weights, "fc", states)?;
        if self.config.has_frame_decoder() {
            outputs = decode(graph, self.config, self.weights, &outputs)?;
        }
        graph.enter("forecast");
        let shape = graph.integers(&[&[-1, count], self.config.forecast_step().as_slice()].concat());
        let steps = graph.node("Reshape", &[&outputs, &shape], &[]);
        Ok(self.in_data_units(graph, steps))
    }

    /// Probabilities of logits; other numbers times the deviation, plus the mean.
    fn in_data_units(&self, graph: &mut Graph, steps: Value) -> Value {
        if self.config.head.loss == Some(RegressionLoss::Bce) {
            return graph.node("Sigmoid", &[&steps], &[]);
        }
        let Some(normalize) = &self.config.normalize else {
            return steps;
        };
        let chosen = |values: &[f64]| -> Vec<f32> {
            let all = || values.iter().map(|&value| value as f32).collect();
            let some = |features: &Vec<i64>| features.iter().map(|&at| values[at as usize] as f32).collect();
            self.options.features.as_ref().map_or_else(all, some)
        };
        let [mean, std] = [&normalize.mean, &normalize.std].map(|values| chosen(values));
        let shape = match self.config.input {
            InputConfig::Frame(_) => vec![mean.len() as i64, 1, 1],
            InputConfig::Vector(_) => vec![mean.len() as i64],
        };
        let [mean, std] = [mean, std].map(|values| graph.floats(&shape, &values));
        let scaled = graph.node("Mul", &[&steps, &std], &[]);
        graph.node("Add", &[&scaled, &mean], &[])
    }

    /// `NaN` where a missing value leaves nothing to say, and the output.
    fn leave(&self, graph: &mut Graph, steps: Value, missing: Option<&Missing>) {
        graph.enter("forecast");
        let step = self.config.forecast_step();
        let horizon = self.options.horizon;
        let steps = match missing {
            Some(missing) => {
                let axes: Vec<i64> = (2..2 + step.len() as i64).collect();
                let axes = graph.integers(&axes);
                let mut reached = graph.node("Unsqueeze", &[&missing.clip, &axes], &[]); // [batch, 1, 1, …]
                if !self.follows.iter().all(|&follows| follows) {
                    let at_once = self.options.steps_at_once();
                    let shape = [&[at_once], step.as_slice()].concat();
                    let follows = graph.booleans(&shape, &self.follows);
                    reached = graph.node("And", &[&reached, &follows], &[]); //     [batch, steps at once, …step]
                }
                Missing::said_by(graph, &reached, &steps)
            }
            None => steps,
        };
        let mut axes = vec![Axis::Free("batch"), Axis::Size(horizon)];
        axes.extend(step.into_iter().map(Axis::Size));
        graph.output("forecast", &steps, &axes);
    }
}
