//! Forecasts: one answer for the whole horizon, or one step after the other, each fed back.

use tch::{Device, Kind, Tensor};

use super::clip_state::ClipState;
use super::cnn_lstm::CnnLstm;
use super::head::forecast::{Forecast, Steps};
use super::head::measured::Measured;
use super::head::scored::{self, Answers, BatchLoss, Scored};
use crate::config::ForecastMode;
use crate::data::batch::Batch;
use crate::data::lengths::{Layout, Lengths};
use crate::data::samples::{Clips, DeviceBatch, DeviceTargets};
use crate::error::{Error, Result};
use crate::runtime::stream::{Stream, hash};

/// How steps are drawn instead of taken by their probability, of a forecast with binary cross-entropy.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSampling {
    /// Logits are divided by it: below 1 likely values become likelier.
    pub temperature: f64,
    /// Of each clip of the batch. A clip's draws depend on its seed, its own frames and the weights alone.
    pub seeds: Vec<u64>,
}

/// The states after the last frames of some clips.
struct Ends {
    state: ClipState,
    /// `[batch, hidden_size]`, of the top layer.
    outputs: Tensor,
}

impl CnnLstm {
    /// The `steps` after each clip, `[batch, steps, …step]` in data units: probabilities with binary cross-entropy, or
    /// draws of 0 and 1. `check` is asked before each step: an error ends the work.
    ///
    /// # Errors
    /// `InvalidConfig` for another head, more steps than a direct forecast's horizon, or draws of numbers;
    /// `ShapeMismatch` or `Data` for a batch that does not fit; those of `check`.
    pub fn forecast(
        &self,
        batch: &Batch,
        steps: i64,
        sampling: Option<&StepSampling>,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let head = self.forecast_head()?;
        if head.config().mode == ForecastMode::Direct && steps > head.config().horizon {
            let expected = format!("at most {}, the horizon of a direct forecast", head.config().horizon);
            return Err(Error::invalid("steps", expected, steps));
        }
        check_sampling(head, batch, sampling)?;
        let clips = batch.to_device(self.config(), self.device())?.clips;
        let values = self.steps_after(head, &clips, steps, sampling, check)?.values;
        let shape = [&values.size()[..2], head.step()].concat();
        Ok(values.f_view(shape.as_slice())?)
    }

    /// The loss of the steps that follow a batch's clips, or that are its targets; in evaluation also how far off
    /// forecasts of the whole horizon are.
    pub(super) fn score_forecast(&self, head: &Forecast, batch: &DeviceBatch, train: bool) -> Result<Scored> {
        let targets = match &batch.targets {
            Some(DeviceTargets::Rows(targets)) => Some(targets),
            _ => None,
        };
        let (clips, kind) = (&batch.clips, self.kind());
        head.check_counts(&clips.counts()?, batch.indices.as_deref(), targets.is_none(), train)?;
        let cut = head.cut(clips, targets, kind)?;
        let outputs = head.outputs(&self.states_t(&cut.clips, train)?, train)?;
        let predictions = outputs.size()[0];
        let loss = BatchLoss::of_mean(head.loss(&outputs, &cut.targets)?, predictions)?;
        let measured = if train {
            None
        } else {
            let parted = head.part(clips, targets, kind)?;
            let steps = if head.is_recursive() {
                self.steps_after(head, &parted.context, head.config().horizon, None, &|| Ok(()))?
            } else {
                let outputs = outputs.f_view_as(&parted.following)?;
                let values = head.in_data_units(&outputs)?;
                Steps { outputs, values }
            };
            Some(Measured::new(head, parted, steps, kind)?)
        };
        let answers = Answers::Steps(scored::Steps { predictions, measured });
        Ok(Scored { loss, answers })
    }

    /// Of the numbers that are forecast at once, whether each follows from a state: a decoder that strides over more pixels
    /// than its kernel has gives others by its bias alone.
    ///
    /// # Errors
    /// `InvalidConfig` for another head.
    pub(crate) fn forecast_follows(&self) -> Result<Vec<bool>> {
        let _guard = tch::no_grad_guard();
        let shape = [1, self.config().lstm.output_size()];
        let nothing = Tensor::f_full(shape, f64::NAN, (self.kind(), self.device()))?;
        let outputs = self.forecast_head()?.outputs(&nothing, false)?;
        Ok(Vec::try_from(
            outputs.f_isnan()?.f_flatten(0, -1)?.f_to_device(Device::Cpu)?,
        )?)
    }

    /// [`Self::forecast`] of clips on the device.
    fn steps_after(
        &self,
        head: &Forecast,
        clips: &Clips,
        steps: i64,
        sampling: Option<&StepSampling>,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Steps> {
        check()?;
        let mut draws = sampling.map(|sampling| Draws::new(sampling, self.device()));
        if !head.is_recursive() {
            let states = self.states_t(clips, false)?;
            let all = head
                .outputs(&states, false)?
                .f_view([clips.inputs.size()[0], head.config().horizon, -1])?;
            let outputs = all.f_narrow(1, 0, steps)?;
            let values = match &mut draws {
                Some(draws) => {
                    let steps = (0..steps).map(|step| draws.next(&outputs.f_select(1, step)?));
                    Tensor::f_stack(&steps.collect::<Result<Vec<_>>>()?, 1)?
                }
                None => head.in_data_units(&outputs)?,
            };
            return Ok(Steps { outputs, values });
        }
        let (mut outputs, mut values) = (Vec::new(), Vec::new());
        let Ends {
            mut state,
            outputs: mut top,
        } = self.ends(clips, check)?;
        for _ in 0..steps {
            check()?;
            if let Some(last) = values.last() {
                top = self.recurrent().step(&self.features_of_step(last, head)?, &mut state)?;
            }
            let raw = head.outputs(&top, false)?; //                      [batch, numbers of a step]
            values.push(match &mut draws {
                Some(draws) => draws.next(&raw)?,
                None => head.in_data_units(&raw)?,
            });
            outputs.push(raw);
        }
        Ok(Steps {
            outputs: Tensor::f_stack(&outputs, 1)?,
            values: Tensor::f_stack(&values, 1)?,
        })
    }

    /// Runs whole clips, one frame after the other, and keeps what the recurrent part knows at each clip's own end.
    fn ends(&self, clips: &Clips, check: &dyn Fn() -> Result<()>) -> Result<Ends> {
        let layout = clips.layout();
        let packed = self.features_t(clips, false, false)?.values;
        let features = layout.unpack(&packed)?; //                          [batch, time, features]
        let is_over = clips.lengths.as_ref().map(Lengths::is_padding).transpose()?;
        let mut state = self.recurrent().initial_state(layout.batch)?;
        let mut outputs = Tensor::new();
        for step in 0..layout.time {
            check()?;
            let before = state.shallow_clone();
            let next = self.recurrent().step(&features.f_select(1, step)?, &mut state)?;
            outputs = match &is_over {
                Some(is_over) if step > 0 => {
                    let is_over = is_over.f_narrow(1, step, 1)?; //         [batch, 1]
                    state.keep(&before, &is_over)?;
                    outputs.f_where_self(&is_over, &next)?
                }
                _ => next,
            };
        }
        Ok(Ends { state, outputs })
    }

    /// The features of one step of each clip, `[batch, numbers of a step]` in data units.
    fn features_of_step(&self, step: &Tensor, head: &Forecast) -> Result<Tensor> {
        let shape = [&[-1], head.step()].concat();
        let frames = step.f_view(shape.as_slice())?;
        let layout = Layout {
            batch: frames.size()[0],
            time: 1,
            lengths: None,
        };
        Ok(self.frame_features_t(&frames, &layout, false, false)?.values)
    }
}

/// Each clip's own stream of draws.
struct Draws {
    streams: Vec<Stream>,
    temperature: f64,
    device: Device,
}

impl Draws {
    fn new(sampling: &StepSampling, device: Device) -> Self {
        Self {
            streams: sampling.seeds.iter().map(|&seed| Stream::of(hash([seed]))).collect(),
            temperature: sampling.temperature,
            device,
        }
    }

    /// Values of 0 and 1 by logits of `[batch, numbers]`: as many draws from each clip's stream as there are numbers.
    fn next(&mut self, logits: &Tensor) -> Result<Tensor> {
        let [batch, numbers] = [logits.size()[0], logits.size()[1]];
        let units: Vec<f64> = self
            .streams
            .iter_mut()
            .flat_map(|stream| (0..numbers).map(|_| stream.unit()).collect::<Vec<_>>())
            .collect();
        let units = Tensor::f_from_slice(&units)?
            .f_view([batch, numbers])?
            .f_to_device(self.device)?;
        let probabilities = logits
            .f_to_kind(Kind::Double)?
            .f_div_scalar(self.temperature)?
            .f_sigmoid()?;
        Ok(units.f_lt_tensor(&probabilities)?.f_to_kind(logits.kind())?)
    }
}

fn check_sampling(head: &Forecast, batch: &Batch, sampling: Option<&StepSampling>) -> Result<()> {
    let Some(StepSampling { temperature, seeds }) = sampling else {
        return Ok(());
    };
    if !head.is_binary() {
        let expected = "none unless the loss is bce: other forecasts have no distribution to draw from";
        return Err(Error::invalid("sample", expected, "a temperature and a seed"));
    }
    if !(temperature.is_finite() && *temperature > 0.0) {
        return Err(Error::invalid(
            "sample.temperature",
            "a finite number above 0",
            temperature,
        ));
    }
    if seeds.len() as i64 != batch.len() {
        let expected = format!("{} seeds, one a clip", batch.len());
        return Err(Error::invalid("sample.seed", expected, seeds.len()));
    }
    Ok(())
}
