//! Connectionist temporal classification (Graves and others, 2006): the probability of a label string is the sum over all
//! paths through the frames that read as it. Output 0 is the blank, output c + 1 is class c.

mod align;
mod beam;
pub(crate) mod decode;
mod forward_backward;
mod mass;
mod trie;

use tch::{Kind, Reduction, Tensor};

pub use self::align::Span;
use self::forward_backward::Clip;
use super::scored::{Answers, BatchLoss, Reading, Scored, Strings};
use crate::data::label_strings::LabelStrings;
use crate::data::lengths::Layout;
use crate::error::Result;
use crate::model::paths;

const BLANK: i64 = 0;

/// The loss of raw outputs of `[frames, classes + 1]`, and the best path's strings. `is_training` decides whether the loss
/// is the mean over the clips or the sum.
pub(super) fn score(
    outputs: &Tensor,
    layout: &Layout<'_>,
    targets: &LabelStrings,
    is_training: bool,
) -> Result<Scored> {
    let clips = layout.batch;
    let by_engine = if paths::takes_ctc(outputs) {
        engine(outputs, layout, targets, is_training)?
    } else {
        None
    };
    let sum = match by_engine {
        Some(sum) => sum,
        None => losses(outputs, layout, targets)?.f_sum(outputs.kind())?,
    };
    let loss = if is_training {
        BatchLoss::of_mean(sum.f_div_scalar(clips)?, clips)?
    } else {
        BatchLoss::of_sum(sum, clips)?
    };
    let answers = Answers::Strings(Strings {
        tokens: best_path(&outputs.f_detach()?)?,
        counts: layout.counts(),
        reading: Reading::Path,
        targets: targets.clone(),
    });
    Ok(Scored { loss, answers })
}

/// The sum of [`losses`] by recursions on probabilities; none where they are too small for those.
///
/// What is differentiated is outputs · their gradient, with the loss's value put in the place of its own.
fn engine(outputs: &Tensor, layout: &Layout<'_>, targets: &LabelStrings, is_training: bool) -> Result<Option<Tensor>> {
    let softmax = outputs.f_detach()?.f_softmax(1, Kind::Float)?.f_contiguous()?;
    let probabilities = Vec::<f32>::try_from(softmax.f_flatten(0, -1)?)?;
    let width = outputs.size()[1] as usize;
    let mut gradient = vec![0.0_f32; if is_training { probabilities.len() } else { 0 }];
    let (mut sum, mut begin) = (0.0, 0);
    for (frames, labels) in layout.counts().into_iter().zip(targets.iter()) {
        let end = begin + frames as usize * width;
        let clip = Clip {
            probabilities: &probabilities[begin..end],
            outputs: width,
            labels,
        };
        let scale = 1.0 / labels.len().max(1) as f64;
        let own = is_training.then(|| &mut gradient[begin..end]);
        let Some(loss) = clip.loss(scale, own) else {
            return Ok(None);
        };
        sum += loss * scale;
        begin = end;
    }
    let value = Tensor::f_from_slice(&[sum])?
        .f_to_kind(Kind::Float)?
        .f_view([0_i64; 0])?;
    if !is_training {
        return Ok(Some(value));
    }
    let gradient = Tensor::f_from_slice(&gradient)?.f_view(outputs.size().as_slice())?;
    let linear = outputs.f_mul(&gradient)?.f_sum(Kind::Float)?;
    Ok(Some(linear.f_sub(&linear.f_detach()?)?.f_add(&value)?)) // 0 + value, with the gradient of `linear`
}

/// The loss of each clip divided by the number of its labels, at least 1, `[batch]`: what the mean of
/// `torch.nn.CTCLoss(blank=0)` is over.
fn losses(outputs: &Tensor, layout: &Layout<'_>, targets: &LabelStrings) -> Result<Tensor> {
    let log_probabilities = layout
        .unpack(&outputs.f_log_softmax(1, None::<Kind>)?)? //                 [batch, time, classes + 1]
        .f_transpose(0, 1)?; //                                               [time, batch, classes + 1]
    let labels: Vec<i64> = targets.labels.iter().map(|label| label + 1).collect();
    let labels = Tensor::f_from_slice(&labels)?.f_to_device(outputs.device())?;
    let losses = Tensor::f_ctc_loss(
        &log_probabilities,
        &labels,
        layout.counts().as_slice(),
        targets.counts.as_slice(),
        BLANK,
        Reduction::None,
        false,
    )?; //                                                                    [batch]
    let divisors: Vec<f64> = targets.counts.iter().map(|&count| count.max(1) as f64).collect();
    let divisors = Tensor::f_from_slice(&divisors)?
        .f_to_kind(losses.kind())?
        .f_to_device(losses.device())?;
    Ok(losses.f_div(&divisors)?)
}

/// ln(eˣ + eʸ).
fn add(x: f64, y: f64) -> f64 {
    let (larger, smaller) = if x >= y { (x, y) } else { (y, x) };
    if smaller == f64::NEG_INFINITY {
        return larger;
    }
    larger + (smaller - larger).exp().ln_1p()
}

/// The likeliest output of each frame, int64 of `[frames]`: of equal ones the first, -1 where they are not numbers.
fn best_path(outputs: &Tensor) -> Result<Tensor> {
    let is_number = outputs.f_amax([1].as_slice(), false)?.f_isfinite()?;
    Ok(outputs.f_argmax(1, false)?.f_where_scalarother(&is_number, -1)?)
}
