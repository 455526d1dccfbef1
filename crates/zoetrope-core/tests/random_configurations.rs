//! Any valid model: the engine's path in float32 against the reference in float64, and against PyTorch.
//!
//! `common/draws.rs` draws a configuration and a batch from a number. What fails says the number and the configuration;
//! `Draw::new(number)` is the same one again. The part on PyTorch runs `random_configurations.py` with
//! `$ZOETROPE_PYTHON` (or `python3`), and is skipped where that has no torch 2.11.

#![allow(clippy::print_stdout, missing_docs)]

mod common;

use common::draws::Draw;
use common::python::{python_with_torch, run};
use common::safetensors_file::write;
use common::{NOISE, Numbers, TempFolder, TestResult, norm, relative_error, seeded};
use tch::{Device, Tensor};
use zoetrope_core::{CnnLstm, Meter, Optimizer, Rule, threads};

const DRAWS: u64 = 60;
/// Draws for PyTorch, from the first on.
const DRAWS_FOR_PYTORCH: u64 = 30;

/// Of logits and losses.
const VALUES: f64 = 1e-5;
const GRADIENTS: f64 = 1e-4;
/// Of a clip's logits beside others, in parts of the batch's largest, which may be small beside its terms.
const ALONE: f64 = 2e-6;

/// How far the weights are moved to find kinks: some roundings of float32.
const NUDGE: f64 = 5e-7;
const NUDGES: u64 = 6;
/// How far a gradient may follow, in parts of it.
const FOLLOWS: f64 = 5e-5;

/// A model whose weights and statistics are no longer the initial ones, and the same in float64.
fn models(draw: &Draw) -> TestResult<[CnnLstm; 2]> {
    let mut model = seeded(&draw.config, draw.number)?;
    let mut optimizer = Optimizer::new(Rule::Sgd {
        learning_rate: 0.05,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    })?;
    model.train_step(&draw.batch()?, &mut optimizer, &mut Meter::new())?;
    let mut reference = CnnLstm::from_state_dict(&draw.config, Device::Cpu, &model.state_dict()?)?;
    reference.to_double()?;
    Ok([model, reference])
}

/// Relative, or for a gradient that is only rounding 0 where the other one is too.
fn gradient_error(actual: &Tensor, expected: &Tensor) -> f64 {
    match (norm(expected) < NOISE, norm(actual) < NOISE) {
        (true, true) => 0.0,
        (true, false) => f64::INFINITY,
        _ => relative_error(actual, expected),
    }
}

/// Whether the draw lies so near to a kink (of a ReLU, or a tie of a maximum) that the gradient *in float64* jumps when
/// the weights move by no more than float32 rounds: then there is no right answer in float32. Float32 has no say in it.
fn has_kink(reference: &CnnLstm, draw: &Draw) -> TestResult<bool> {
    let batch = draw.batch()?;
    let (_loss, expected) = reference.loss_and_gradients(&batch)?;
    let state = reference.state_dict()?;
    let mut numbers = Numbers(draw.number);
    for _ in 0..NUDGES {
        let mut nudged = CnnLstm::from_state_dict(reference.config(), Device::Cpu, &state)?;
        nudged.to_double()?;
        for parameter in nudged.parameters() {
            let factors: Vec<f64> = (0..parameter.tensor.numel())
                .map(|_| 1.0 + NUDGE * (2.0 * numbers.next_unit() - 1.0))
                .collect();
            let mut values = parameter.tensor.data(); // shares the parameter's memory
            let _ = values.g_mul_(&Tensor::from_slice(&factors).view_as(&values));
        }
        let (_loss, gradients) = nudged.loss_and_gradients(&batch)?;
        let mut pairs = gradients.iter().zip(&expected);
        if pairs.any(|(moved, expected)| gradient_error(moved, expected) > FOLLOWS) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The largest errors of all draws so far, and what was above its tolerance.
#[derive(Default)]
struct Findings {
    logits: f64,
    losses: f64,
    gradients: f64,
    alone: f64,
    failures: Vec<String>,
}

impl Findings {
    fn expect(&mut self, draw: &Draw, what: &str, error: f64, tolerance: f64) {
        // Not `>`: NaN is above every tolerance.
        if !matches!(
            error.partial_cmp(&tolerance),
            Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)
        ) {
            let failure = format!("{what}: {error:.2e} is above {tolerance:.0e}\n  {draw}");
            self.failures.push(failure);
        }
    }

    fn compare(&mut self, draw: &Draw, model: &CnnLstm, reference: &CnnLstm) -> TestResult {
        let batch = draw.batch()?;
        let error = relative_error(&model.logits(&batch)?, &reference.logits(&batch)?);
        self.logits = self.logits.max(error);
        self.expect(draw, "logits", error, VALUES);
        let (loss, gradients) = model.loss_and_gradients(&batch)?;
        let (expected_loss, expected) = reference.loss_and_gradients(&batch)?;
        let error = (loss - expected_loss).abs() / expected_loss;
        self.losses = self.losses.max(error);
        self.expect(draw, "loss", error, VALUES);
        for ((parameter, gradient), expected) in model.parameters().iter().zip(&gradients).zip(&expected) {
            let error = gradient_error(gradient, expected);
            self.gradients = self.gradients.max(error);
            let what = format!("gradient of {}, norm {:.1e}", parameter.name, norm(expected));
            self.expect(draw, &what, error, GRADIENTS);
        }
        Ok(())
    }

    /// Each clip without the others and without its padding, which is answered with zeros.
    fn compare_alone(&mut self, draw: &Draw, model: &CnnLstm) -> TestResult {
        let together = model.logits(&draw.batch()?)?;
        let largest = together.abs().max().double_value(&[]);
        for clip in 0..together.size()[0] {
            let alone = model.logits(&draw.alone(clip)?)?;
            let mut beside = together.narrow(0, clip, 1);
            if alone.dim() == 3 {
                let (time, length) = (beside.size()[1], alone.size()[1]);
                let padding = beside.narrow(1, length, time - length);
                let zeros = padding.count_nonzero(None).int64_value(&[]) == 0;
                self.expect(draw, "logits of padding", f64::from(u8::from(!zeros)), 0.0);
                beside = beside.narrow(1, 0, length);
            }
            let error = (alone - beside).abs().max().double_value(&[]) / largest;
            self.alone = self.alone.max(error);
            self.expect(draw, &format!("clip {clip} alone"), error, ALONE);
        }
        Ok(())
    }
}

#[test]
fn the_engine_agrees_with_the_reference() -> TestResult {
    threads::work_alone(); // the tensors are too small to share
    let mut findings = Findings::default();
    let (mut conv_blocks, mut lstm_layers, mut kinks) = (0, 0, Vec::new());
    for number in 0..DRAWS {
        let draw = Draw::new(number)?;
        conv_blocks += u64::from(draw.takes_conv_block());
        lstm_layers += u64::from(draw.takes_lstm_layer());
        let [model, reference] = models(&draw)?;
        findings.compare_alone(&draw, &model)?;
        if has_kink(&reference, &draw)? {
            kinks.push(number);
            continue;
        }
        findings.compare(&draw, &model, &reference)?;
    }
    println!(
        "{DRAWS} draws, {conv_blocks} on conv_block, {lstm_layers} on lstm_layer, at a kink {kinks:?}: logits {:.1e}, \
         losses {:.1e}, gradients {:.1e}, alone {:.1e}",
        findings.logits, findings.losses, findings.gradients, findings.alone,
    );
    let failures = &findings.failures;
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(3 * conv_blocks >= DRAWS && 3 * lstm_layers >= DRAWS);
    assert!(kinks.len() as u64 <= DRAWS / 10, "too few draws are left: {kinks:?}");
    Ok(())
}

#[test]
fn pytorch_agrees() -> TestResult {
    let Some(python) = python_with_torch() else {
        return Ok(());
    };
    let folder = TempFolder::new("random-configurations")?;
    let mut paths = Vec::new();
    for number in 0..DRAWS_FOR_PYTORCH {
        let draw = Draw::new(number)?;
        let [model, reference] = models(&draw)?;
        if has_kink(&reference, &draw)? {
            continue;
        }
        let batch = draw.batch()?;
        let (loss, gradients) = model.loss_and_gradients(&batch)?;
        let [logits, loss] = [model.logits(&batch)?, Tensor::from(loss)];
        let labels = model
            .parameters()
            .iter()
            .map(|parameter| format!("grad.{}", parameter.name));
        let named: Vec<(String, Tensor)> = labels.zip(gradients).collect();
        let mut tensors = vec![
            ("inputs", &draw.inputs),
            ("targets", &draw.targets),
            ("logits", &logits),
            ("loss", &loss),
        ];
        tensors.extend(named.iter().map(|(name, gradient)| (name.as_str(), gradient)));
        let lengths = draw.lengths.as_deref().map(Tensor::from_slice);
        tensors.extend(lengths.as_ref().map(|lengths| ("lengths", lengths)));
        let pair = ["", "-expected"].map(|end| folder.join(&format!("draw-{number}{end}.safetensors")));
        model.save(&pair[0])?;
        write(&pair[1], &tensors, &[])?;
        paths.extend(pair);
    }
    let said = run(&python, "random_configurations.py", &paths)?;
    assert_eq!(2 * said.lines().count(), paths.len(), "{said}");
    print!("{said}");
    Ok(())
}
