//! Strings that a decoder writes: searches against all strings that there are, and what may not change an answer.

#![allow(missing_docs)]

mod common;

use std::cell::Cell;

use common::{Numbers, TempFolder, TestResult, config, seeded};
use serde_json::json;
use tch::Device;
use zoetrope_core::{
    Arrays, Batch, BeamSearch, CnnLstm, Error, Generation, Inputs, Meter, ModelConfig, Sampling, Strategy,
    TargetValues, Targets, Written, threads,
};

const FEATURES: i64 = 3;

fn decoder_config(classes: i64, max_length: i64, attention: bool) -> TestResult<ModelConfig> {
    config(json!({
        "input": { "features": FEATURES },
        "cnn": [],
        "numClasses": classes,
        "lstm": { "hiddenSize": 5, "numLayers": 1, "dropout": 0.0, "bidirectional": true },
        "head": {
            "kind": "sequence",
            "sequence": { "maxLength": max_length, "attention": attention, "embeddingSize": 3, "hiddenSize": 4 },
        },
    }))
}

/// A model whose logits are `gain` times those of the initial weights: surer of what it writes.
fn model_of(config: &ModelConfig, seed: u64, gain: f64) -> TestResult<CnnLstm> {
    let mut model = seeded(config, seed)?;
    let mut state = model.state_dict()?;
    for entry in state.iter_mut().filter(|entry| entry.name.starts_with("fc.")) {
        entry.tensor = &entry.tensor * gain;
    }
    model.load_state_dict(&state)?;
    Ok(model)
}

/// Clips of the given lengths; each clip's values depend on its number alone.
fn clips(numbers: &[u64], lengths: &[i64], time: i64, padding: f32, targets: Option<Targets<'_>>) -> TestResult<Batch> {
    let mut inputs = Vec::new();
    for (&number, &length) in numbers.iter().zip(lengths) {
        let mut stream = Numbers(number);
        let values = (0..length * FEATURES).map(|_| (stream.next_unit() * 4.0 - 2.0) as f32);
        inputs.extend(values.chain(std::iter::repeat_n(padding, ((time - length) * FEATURES) as usize)));
    }
    Ok(Batch::from_arrays(Arrays {
        inputs: Inputs::F32(&inputs),
        shape: &[numbers.len() as i64, time, FEATURES],
        lengths: Some(lengths),
        targets,
    })?)
}

fn one_clip(number: u64) -> TestResult<Batch> {
    clips(&[number], &[4], 4, 0.0, None)
}

/// The logarithm of a string's probability, by the loss of teacher forcing.
fn log_probability(model: &CnnLstm, clip: u64, labels: &[i64]) -> TestResult<f64> {
    let count = labels.len() as i64;
    let targets = Targets {
        values: TargetValues::Integers(labels),
        shape: &[1, count],
        lengths: Some(&[count]),
        ..Targets::default()
    };
    let mut meter = Meter::new();
    model.evaluate_batch(&clips(&[clip], &[4], 4, 0.0, Some(targets))?, &mut meter)?;
    Ok(-meter.read()?.loss * (count + 1) as f64)
}

/// Every string of up to so many labels.
fn all_strings(classes: i64, max_length: usize) -> Vec<Vec<i64>> {
    let mut strings = vec![Vec::new()];
    let mut longest = strings.clone();
    for _ in 0..max_length {
        let longer = |string: &Vec<i64>| {
            let string = string.clone();
            (0..classes).map(move |label| [string.as_slice(), &[label]].concat())
        };
        longest = longest.iter().flat_map(longer).collect();
        strings.extend(longest.clone());
    }
    strings
}

fn beam(beams: usize, length_penalty: f64) -> Generation {
    let strategy = Strategy::Beam(BeamSearch { beams, length_penalty });
    Generation {
        strategy,
        max_length: None,
    }
}

fn sample(seed: u64) -> Generation {
    let sampling = Sampling {
        temperature: 1.0,
        top_k: None,
        top_p: 1.0,
        seed,
    };
    Generation {
        strategy: Strategy::Sample(sampling),
        max_length: None,
    }
}

const GREEDY: Generation = Generation {
    strategy: Strategy::Greedy,
    max_length: None,
};

fn generate(model: &CnnLstm, batch: &Batch, options: &Generation) -> TestResult<Vec<Written>> {
    Ok(model.generate(batch, options, &|| Ok(()))?)
}

fn generate_one(model: &CnnLstm, clip: u64, options: &Generation) -> TestResult<Written> {
    Ok(generate(model, &one_clip(clip)?, options)?.remove(0))
}

#[test]
fn a_wide_search_finds_the_best_of_all_strings() -> TestResult {
    for (seed, attention) in [(0, true), (1, true), (2, false), (3, true)] {
        let model = model_of(&decoder_config(2, 3, attention)?, seed, 4.0)?;
        let strings = all_strings(2, 3);
        let logs = strings.iter().map(|string| log_probability(&model, seed, string));
        let logs = logs.collect::<TestResult<Vec<f64>>>()?;
        for penalty in [0.0, 0.7, 3.0] {
            let score = |index: &usize| logs[*index] / ((6 + strings[*index].len()) as f64 / 6.0).powf(penalty);
            let best = (0..strings.len()).max_by(|a, b| score(a).total_cmp(&score(b)));
            let best = best.ok_or("no strings")?;
            let found = generate_one(&model, seed, &beam(16, penalty))?;
            assert_eq!(found.labels, strings[best], "seed {seed}, penalty {penalty}");
            assert!(
                (found.score - score(&best)).abs() < 1e-5,
                "{} {}",
                found.score,
                score(&best)
            );
        }
    }
    Ok(())
}

#[test]
fn one_beam_is_greedy_and_more_beams_never_score_worse() -> TestResult {
    let config = decoder_config(6, 7, true)?;
    let mut gains = 0;
    for seed in 0..30 {
        let model = model_of(&config, seed, 6.0)?;
        assert_eq!(
            generate_one(&model, seed, &beam(1, 0.0))?,
            generate_one(&model, seed, &GREEDY)?
        );
        for penalty in [0.0, 1.0] {
            let scores = (1..=9).map(|beams| Ok(generate_one(&model, seed, &beam(beams, penalty))?.score));
            let scores = scores.collect::<TestResult<Vec<f64>>>()?;
            assert!(scores.is_sorted(), "seed {seed}: {scores:?}");
            gains += usize::from(scores[8] > scores[0]);
        }
    }
    assert!(gains > 10, "more beams find better strings: {gains} of 60");
    Ok(())
}

/// Greedy, drawn and searched strings alike, to the last bit of their scores.
#[test]
fn an_answer_depends_on_the_clip_alone() -> TestResult {
    let (numbers, lengths) = ([5, 6, 7, 8, 9], [4, 1, 6, 3, 5]);
    let model = model_of(&decoder_config(5, 6, true)?, 3, 5.0)?;
    let turned = |values: &[u64]| values.iter().rev().copied().collect::<Vec<_>>();
    let most = threads::most_threads();
    for options in [GREEDY, sample(11), beam(4, 0.6)] {
        let whole = generate(&model, &clips(&numbers, &lengths, 6, 0.0, None)?, &options)?;
        let backwards: Vec<i64> = lengths.iter().rev().copied().collect();
        let mut reversed = generate(
            &model,
            &clips(&turned(&numbers), &backwards, 9, f32::NAN, None)?,
            &options,
        )?;
        reversed.reverse();
        assert_eq!(whole, reversed);
        for (index, written) in whole.iter().enumerate() {
            let (number, length) = ([numbers[index]], [lengths[index]]);
            let alone = generate(&model, &clips(&number, &length, length[0], 0.0, None)?, &options)?;
            assert_eq!(&alone[0], written);
        }
        for count in 1..=most {
            threads::set_num_threads(count);
            threads::apply()?;
            assert_eq!(
                generate(&model, &clips(&numbers, &lengths, 6, 0.0, None)?, &options)?,
                whole
            );
        }
    }
    Ok(())
}

/// Every string comes as often as it is probable, and its score is the logarithm of that: no step of teacher forcing, which
/// says how probable it is, can see what comes after it.
#[test]
fn drawn_strings_have_the_probabilities_of_teacher_forcing() -> TestResult {
    const DRAWS: u64 = 4000;
    let (clip, model) = (1, model_of(&decoder_config(2, 3, true)?, 1, 2.0)?);
    let strings = all_strings(2, 3);
    let mut counts = vec![0.0; strings.len()];
    for seed in 0..DRAWS {
        let written = generate_one(&model, clip, &sample(seed))?;
        let index = strings.iter().position(|string| *string == written.labels);
        let index = index.ok_or("a string of other labels")?;
        counts[index] += 1.0;
        if seed < 40 {
            let expected = log_probability(&model, clip, &written.labels)?;
            assert!((written.score - expected).abs() < 1e-5, "{} {expected}", written.score);
        }
    }
    // A string of as many labels as there may be ends whatever the model says, and comes more often.
    for (string, count) in strings.iter().zip(counts).filter(|(string, _)| string.len() < 3) {
        let probability = log_probability(&model, clip, string)?.exp();
        let share = count / DRAWS as f64;
        let deviation = (probability * (1.0 - probability) / DRAWS as f64).sqrt();
        assert!(
            (share - probability).abs() < 4.0 * deviation,
            "{string:?}: {share}, expected {probability}"
        );
    }
    Ok(())
}

#[test]
fn a_cold_or_narrow_draw_is_greedy() -> TestResult {
    let model = model_of(&decoder_config(6, 7, true)?, 2, 6.0)?;
    let with = |temperature: f64, top_k: Option<usize>, top_p: f64| Generation {
        strategy: Strategy::Sample(Sampling {
            temperature,
            top_k,
            top_p,
            seed: 4,
        }),
        max_length: None,
    };
    for clip in 0..10 {
        let greedy = generate_one(&model, clip, &GREEDY)?;
        for options in [with(1e-4, None, 1.0), with(1.0, Some(1), 1.0), with(1.0, None, 1e-9)] {
            assert_eq!(generate_one(&model, clip, &options)?, greedy);
        }
    }
    let drawn = |seed| generate(&model, &clips(&[1, 2, 3, 4], &[4; 4], 4, 0.0, None)?, &sample(seed));
    assert_eq!(drawn(1)?, drawn(1)?);
    assert_ne!(drawn(1)?, drawn(2)?);
    Ok(())
}

#[test]
fn a_string_is_as_long_as_it_may_be() -> TestResult {
    let model = seeded(&decoder_config(4, 5, true)?, 0)?;
    for strategy in [GREEDY.strategy, sample(1).strategy, beam(3, 0.0).strategy] {
        for most in [0, 1, 9] {
            let options = Generation {
                strategy,
                max_length: Some(most),
            };
            assert!(generate_one(&model, 0, &options)?.labels.len() <= most);
        }
    }
    Ok(())
}

/// Label by label it is the same string.
#[test]
fn a_string_can_be_followed_while_it_is_written() -> TestResult {
    let model = model_of(&decoder_config(6, 7, true)?, 5, 4.0)?;
    for options in [GREEDY, sample(3)] {
        let mut writing = model.begin_writing(&one_clip(8)?, &options)?;
        let mut labels = Vec::new();
        while let Some(label) = model.write_next(&mut writing)? {
            labels.push(label);
        }
        let whole = generate_one(&model, 8, &options)?;
        assert_eq!((&labels, writing.written()), (&whole.labels, whole.clone()));
    }
    let refused = model.begin_writing(&one_clip(8)?, &beam(2, 0.0));
    assert!(matches!(refused, Err(Error::InvalidConfig { option, .. }) if option == "strategy"));
    Ok(())
}

#[test]
fn a_clip_of_missing_values_has_no_answer_and_leaves_the_others_alone() -> TestResult {
    let model = model_of(&decoder_config(4, 5, true)?, 1, 3.0)?;
    let mut inputs = vec![0.5_f32; 3 * 2 * FEATURES as usize];
    inputs[7] = f32::NAN; // in the second clip
    let batch = |values: &[f32], samples: i64| {
        Batch::from_arrays(Arrays {
            inputs: Inputs::F32(values),
            shape: &[samples, 2, FEATURES],
            lengths: None,
            targets: None,
        })
    };
    for options in [GREEDY, sample(1), beam(3, 0.5)] {
        let written = generate(&model, &batch(&inputs, 3)?, &options)?;
        assert!(written[1].labels.is_empty() && written[1].score.is_nan());
        let whole = generate(&model, &batch(&inputs[..6], 1)?, &options)?;
        assert_eq!([&written[0], &written[2]], [&whole[0], &whole[0]]);
    }
    Ok(())
}

#[test]
fn a_call_ends_between_two_steps() -> TestResult {
    let model = seeded(&decoder_config(4, 50, true)?, 0)?;
    let checks = Cell::new(0);
    let check = || {
        checks.set(checks.get() + 1);
        if checks.get() > 3 { Err(Error::Aborted) } else { Ok(()) }
    };
    for options in [GREEDY, beam(2, 0.0)] {
        checks.set(0);
        let batch = clips(&[1, 2, 3, 4, 5], &[4; 5], 4, 0.0, None)?;
        assert!(matches!(model.generate(&batch, &options, &check), Err(Error::Aborted)));
        assert_eq!(checks.get(), 4);
    }
    Ok(())
}

#[test]
fn wrong_targets_and_heads_are_errors_with_a_name() -> TestResult {
    let model = seeded(&decoder_config(3, 2, true)?, 0)?;
    let evaluate = |labels: &[i64], counts: &[i64]| -> TestResult<zoetrope_core::Result<()>> {
        let samples = counts.len() as i64;
        let targets = Targets {
            values: TargetValues::Integers(labels),
            shape: &[samples, labels.len() as i64 / samples],
            lengths: Some(counts),
            ..Targets::default()
        };
        let numbers: Vec<u64> = (0..samples as u64).collect();
        let batch = clips(&numbers, &vec![4; counts.len()], 4, 0.0, Some(targets))?;
        Ok(model.evaluate_batch(&batch, &mut Meter::new()))
    };
    assert!(evaluate(&[0, 2, 1, 1], &[2, 0])?.is_ok());
    assert!(evaluate(&[], &[0, 0])?.is_ok());
    let refused = |result: zoetrope_core::Result<()>| match result {
        Err(Error::Data { reason }) => reason,
        other => format!("no Data but {other:?}"),
    };
    let reason = refused(evaluate(&[0, 3], &[1, 1])?);
    assert!(reason.contains("from 0 to 2"), "{reason}");
    let reason = refused(evaluate(&[0, 1, 2, 0, 1, 2], &[2, 3])?);
    assert!(
        reason.contains("at most 2 labels") && reason.contains("sample 1"),
        "{reason}"
    );
    let mut meter = Meter::new();
    assert!(refused(model.evaluate_batch(&one_clip(0)?, &mut meter)).contains("targets"));
    let refused = |result: Option<Error>| match result {
        Some(Error::InvalidConfig { option, .. }) => option,
        other => format!("no InvalidConfig but {other:?}"),
    };
    assert_eq!(refused(model.logits(&one_clip(0)?).err()), "head");
    let plain = seeded(
        &config(json!({
            "input": { "features": FEATURES }, "cnn": [], "numClasses": 3,
            "lstm": { "hiddenSize": 5, "numLayers": 1, "dropout": 0.0, "bidirectional": false },
        }))?,
        0,
    )?;
    assert_eq!(
        refused(plain.generate(&one_clip(0)?, &GREEDY, &|| Ok(())).err()),
        "head"
    );
    Ok(())
}

#[test]
fn a_saved_model_writes_the_same_strings() -> TestResult {
    let folder = TempFolder::new("generate")?;
    let model = model_of(&decoder_config(6, 7, true)?, 9, 5.0)?;
    let path = folder.join("model.safetensors");
    model.save(&path)?;
    let again = CnnLstm::load(&path, Device::Cpu)?;
    assert_eq!(again.config(), model.config());
    let batch = clips(&[1, 2, 3], &[4, 2, 3], 4, 0.0, None)?;
    for options in [GREEDY, sample(2), beam(5, 1.0)] {
        assert_eq!(generate(&again, &batch, &options)?, generate(&model, &batch, &options)?);
    }
    Ok(())
}
