//! PyTorch's numbers of one case, and the cases that there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tch::Tensor;
use zoetrope_core::{Batch, CnnLstm, ModelConfig, Optimizer, Rule};

use super::safetensors_file::SafetensorsFile;
use super::{TestResult, batch_of, seeded, state_of};

/// The optimizer runs that each parity fixture holds: `OPTIMIZERS` of `make_fixtures.py`.
pub const RUNS: [&str; 4] = ["adam", "adam_decay", "sgd", "sgd_plain"];

/// One file of `fixtures/`.
pub struct Fixture {
    pub config: ModelConfig,
    pub seed: u64,
    optimizers: Value,
    tensors: BTreeMap<String, Tensor>,
}

impl Fixture {
    pub fn load(case: &str) -> TestResult<Self> {
        let SafetensorsFile { tensors, metadata } =
            SafetensorsFile::read(&fixture_path(&format!("{case}.safetensors")))?;
        let text = |key: &str| {
            metadata[key]
                .as_str()
                .ok_or_else(|| format!("no `{key}` in the metadata of {case}"))
        };
        Ok(Self {
            config: serde_json::from_str(text("config")?)?,
            seed: text("seed")?.parse()?,
            optimizers: serde_json::from_str(text("optimizers")?)?,
            tensors,
        })
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> &Tensor {
        assert!(self.tensors.contains_key(name), "the fixture has no {name}");
        &self.tensors[name]
    }

    /// Whether it has a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// All tensors called `group.NAME`, by NAME.
    pub fn group(&self, group: &str) -> BTreeMap<String, Tensor> {
        let within = |name: &String| name.strip_prefix(group)?.strip_prefix('.').map(str::to_owned);
        self.tensors
            .iter()
            .filter_map(|(name, tensor)| Some((within(name)?, tensor.shallow_clone())))
            .collect()
    }

    /// Batch `k` of the five, from 0.
    pub fn batch(&self, k: i64) -> TestResult<Batch> {
        batch_of(&self.get("inputs").get(k), Some(&self.get("targets").get(k)))
    }

    /// All five batches.
    pub fn batches(&self) -> TestResult<Vec<Batch>> {
        (0..self.get("inputs").size()[0]).map(|k| self.batch(k)).collect()
    }

    /// A model with the fixture's initial weights, put there by name rather than drawn.
    pub fn model(&self) -> TestResult<CnnLstm> {
        let mut model = seeded(&self.config, self.seed)?;
        let parameters = self.group("param");
        let state = if parameters.is_empty() {
            self.group("state")
        } else {
            parameters
        };
        model.load_state_dict(&state_of(state))?;
        Ok(model)
    }

    /// The optimizer of that run.
    pub fn optimizer(&self, run: &str) -> TestResult<Optimizer> {
        let settings = &self.optimizers[run];
        Ok(Optimizer::new(rule(settings)?)?)
    }
}

/// A rule as the scripts that make fixtures write it.
pub fn rule(settings: &Value) -> TestResult<Rule> {
    let number = |key: &str| {
        settings[key]
            .as_f64()
            .ok_or_else(|| format!("no number `{key}` in {settings}"))
    };
    let beta = |index: usize| {
        let beta = settings["betas"][index].as_f64();
        beta.ok_or_else(|| format!("no `betas` in {settings}"))
    };
    let (learning_rate, weight_decay) = (number("learningRate")?, number("weightDecay")?);
    Ok(match settings["kind"].as_str() {
        Some("adam") => Rule::Adam {
            learning_rate,
            betas: (beta(0)?, beta(1)?),
            eps: number("eps")?,
            weight_decay,
        },
        Some("adamW") => Rule::AdamW {
            learning_rate,
            betas: (beta(0)?, beta(1)?),
            eps: number("eps")?,
            weight_decay,
        },
        Some("sgd") => Rule::Sgd {
            learning_rate,
            momentum: number("momentum")?,
            nesterov: settings["nesterov"] == true,
            weight_decay,
        },
        _ => Rule::RmsProp {
            learning_rate,
            alpha: number("alpha")?,
            eps: number("eps")?,
            weight_decay,
            momentum: number("momentum")?,
            centered: settings["centered"] == true,
        },
    })
}

/// Where a fixture lies.
pub fn fixture_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Fails unless the fixtures in a folder of `fixtures/` are those of the cases: none lies about unused.
pub fn assert_all_tested(folder: &str, cases: &[&str]) -> TestResult {
    let mut names = Vec::new();
    for entry in fs::read_dir(fixture_path(folder))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".safetensors").map(str::to_owned));
    }
    names.sort();
    let mut cases = cases.to_vec();
    cases.sort_unstable();
    assert_eq!(names, cases);
    Ok(())
}
