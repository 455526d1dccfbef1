//! Forecasts know the past only, whatever stands beside, behind or after a clip.

#![allow(missing_docs)]

mod common;

use common::forecasts::{TIME, all, clips, evaluated, forecast, numbers, size_of, step_of};
use common::{TestResult, assert_close, assert_same_bits, relative_error};
use tch::Tensor;
use zoetrope_core::{Arrays, Batch, Inputs, StepSampling, TargetValues, Targets};

/// Of a recursive forecast, what is said after each frame does not know the frames behind it.
#[test]
fn a_later_frame_changes_nothing_before_it() -> TestResult {
    for (name, model) in all()?.into_iter().filter(|(name, _)| name.contains("recursive")) {
        let size = size_of(&model);
        let values = numbers(1, 2 * TIME * size);
        let before = model.logits(&clips(&model, &values, TIME, None)?)?;
        for changed in 1..TIME {
            let mut others = values.clone();
            for clip in 0..2 {
                let begin = (clip * TIME + changed) * size;
                for value in &mut others[begin as usize..(begin + size) as usize] {
                    *value = 1.0 - *value;
                }
            }
            let after = model.logits(&clips(&model, &others, TIME, None)?)?;
            let until = |outputs: &Tensor, end: i64| outputs.narrow(1, 0, end);
            assert_same_bits(&name, &until(&after, changed), &until(&before, changed));
            assert!(relative_error(&after, &before) > 0.0, "{name}: the frame itself counts");
        }
    }
    Ok(())
}

/// The loss of teacher forcing is that of the forecasts of one step from each beginning of the clip, which cannot see more.
#[test]
fn teacher_forcing_uses_nothing_of_the_future() -> TestResult {
    for (name, model) in all()?.into_iter().filter(|(name, _)| name.contains("recursive mse")) {
        let size = size_of(&model);
        let values = numbers(2, TIME * size);
        let (loss, _gradients) = model.loss_and_gradients(&clips(&model, &values, TIME, None)?)?;
        let mut squares = 0.0;
        for known in 1..TIME {
            let beginning = clips(&model, &values[..(known * size) as usize], known, None)?;
            let next = Vec::<f32>::try_from(forecast(&model, &beginning, 1)?.flatten(0, -1))?;
            let truth = &values[(known * size) as usize..];
            squares += next
                .iter()
                .zip(truth)
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum::<f64>();
        }
        let expected = squares / ((TIME - 1) * size) as f64;
        assert!(
            (loss - expected).abs() < 1e-5 * expected,
            "{name}: {loss}, not {expected}"
        );
    }
    Ok(())
}

/// Losses, gradients, forecasts and figures of clips with lengths are those of each clip alone, whatever the padding holds.
#[test]
fn padding_and_other_clips_reach_nothing() -> TestResult {
    let lengths = [4, 6, 3];
    for (name, model) in all()? {
        let size = size_of(&model);
        let mut values = numbers(4, 3 * TIME * size);
        for (clip, length) in (0..).zip(lengths) {
            let (begin, end) = ((clip * TIME + length) * size, (clip + 1) * TIME * size);
            values[begin as usize..end as usize].fill(f32::NAN);
        }
        let together = clips(&model, &values, TIME, Some(&lengths))?;
        let steps = forecast(&model, &together, 2)?;
        let (loss, gradients) = model.loss_and_gradients(&together)?;
        assert!(loss.is_finite() && gradients.iter().all(all_finite), "{name}");
        let metrics = evaluated(&model, &together)?;
        let (mut weighted, mut weight, mut errors) = (0.0, 0.0, vec![0.0; 8]);
        for (clip, length) in (0..).zip(lengths) {
            let begin = (clip * TIME * size) as usize;
            let own = &values[begin..begin + (length * size) as usize];
            let alone = clips(&model, own, length, None)?;
            assert_close(&name, &steps.narrow(0, clip, 1), &forecast(&model, &alone, 2)?, 1e-6);
            let figures = evaluated(&model, &alone)?;
            weighted += figures.loss * figures.predictions as f64;
            weight += figures.predictions as f64;
            let sums = figures.forecast.ok_or("no figures")?.sums;
            errors.iter_mut().zip(sums).for_each(|(sum, own)| *sum += own);
        }
        assert!((metrics.loss - weighted / weight).abs() < 1e-6, "{name}");
        let found = metrics.forecast.ok_or("no figures")?;
        assert_eq!(found.clips, 3);
        for (found, expected) in found.sums.iter().zip(&errors) {
            assert!(
                (found - expected).abs() < 1e-5 * expected.max(1.0),
                "{name}: {found}, not {expected}"
            );
        }
    }
    Ok(())
}

fn all_finite(tensor: &Tensor) -> bool {
    tensor.isfinite().all().int64_value(&[]) != 0
}

/// A target of one's own that says what the clip's own next steps would have said.
#[test]
fn own_targets_are_the_steps_behind_the_clip() -> TestResult {
    for (name, model) in all()? {
        let step = step_of(&model);
        let size = size_of(&model);
        let values = numbers(5, 2 * TIME * size);
        let whole = clips(&model, &values, TIME, None)?;
        let (mut context, mut following) = (Vec::new(), Vec::new());
        for clip in values.chunks((TIME * size) as usize) {
            let (read, behind) = clip.split_at(((TIME - 2) * size) as usize);
            context.extend_from_slice(read);
            context.extend(std::iter::repeat_n(f32::NAN, size as usize)); // a frame of padding
            following.extend_from_slice(behind);
        }
        let parted = Batch::from_arrays(Arrays {
            inputs: Inputs::F32(&context),
            shape: &[&[2, TIME - 1], step.as_slice()].concat(),
            lengths: Some(&[TIME - 2, TIME - 2]),
            targets: Some(Targets {
                values: TargetValues::Floats(&following),
                shape: &[&[2, 2], step.as_slice()].concat(),
                ..Targets::default()
            }),
        })?;
        let (expected, gradients) = model.loss_and_gradients(&whole)?;
        let (loss, found) = model.loss_and_gradients(&parted)?;
        assert!(
            (loss - expected).abs() < 1e-5 * expected,
            "{name}: {loss}, not {expected}"
        );
        for (found, expected) in found.iter().zip(&gradients) {
            assert_close(&name, found, expected, 1e-5);
        }
        let [whole, parted] = [evaluated(&model, &whole)?, evaluated(&model, &parted)?];
        let [whole, parted] = [whole.forecast.ok_or("none")?, parted.forecast.ok_or("none")?];
        for (found, expected) in parted.sums.iter().zip(&whole.sums) {
            assert!((found - expected).abs() < 1e-6 * expected.max(1.0), "{name}");
        }
    }
    Ok(())
}

/// The same seed gives the same steps in any batch; another seed gives others.
#[test]
fn draws_depend_on_the_clip_and_its_seed_alone() -> TestResult {
    let lengths = [4, 6, 3];
    for (name, model) in all()?.into_iter().filter(|(name, _)| name.contains("bce")) {
        let size = size_of(&model);
        let steps = if name.contains("recursive") { 9 } else { 2 };
        let values = numbers(6, 3 * TIME * size);
        let sample = |batch: &Batch, seeds: &[u64], temperature: f64| -> TestResult<Tensor> {
            let seeds = seeds.to_vec();
            Ok(model.forecast(batch, steps, Some(&StepSampling { temperature, seeds }), &|| Ok(()))?)
        };
        let together = clips(&model, &values, TIME, Some(&lengths))?;
        let drawn = sample(&together, &[7, 7, 8], 1.0)?;
        assert!(
            drawn.eq_tensor(&drawn.round()).all().int64_value(&[]) != 0,
            "{name}: 0 and 1"
        );
        for (clip, (length, seed)) in (0..).zip(lengths.into_iter().zip([7, 7, 8])) {
            let begin = (clip * TIME * size) as usize;
            let own = &values[begin..begin + (length * size) as usize];
            let alone = sample(&clips(&model, own, length, None)?, &[seed], 1.0)?;
            assert_same_bits(&name, &drawn.narrow(0, clip, 1), &alone);
        }
        assert!(
            relative_error(&sample(&together, &[1, 2, 3], 1.0)?, &drawn) > 0.0,
            "{name}"
        );
        let cold = sample(&together, &[7, 7, 8], 1e-6)?;
        let likely = forecast(&model, &together, 1)?.narrow(1, 0, 1).round();
        assert_same_bits(&name, &cold.narrow(1, 0, 1), &likely);
    }
    Ok(())
}
