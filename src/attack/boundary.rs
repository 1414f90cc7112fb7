//! The nearest of several boundaries between classes, as they look from a point.

use super::{Target, of_images, slope};
use crate::error::{Error, Result};
use crate::threat_model::Norm;
use tch::{Tensor, no_grad_guard};

/// The linearised boundary between each image's class and another.
pub(super) struct Boundary {
    /// The logits of the point, shape (N, classes).
    pub(super) logits: Tensor,
    /// The logit of the other class less that of the image's own, shape (N).
    pub(super) gap: Tensor,
    /// The gap's gradient, of the shape of the images.
    pub(super) gradient: Tensor,
    /// How far the boundary is, shape (N, 1, 1, 1).
    pub(super) distance: Tensor,
}

/// For each image the boundary of least `distance` in `norm` from `x`, of those between its own
/// class, the first column of `classes` (N, candidates), and the others. Costs a forward pass, and a
/// backward pass for each of the others.
///
/// # Errors
/// One candidate only; logits that are not finite.
pub(super) fn nearest(
    attack: &str,
    target: &Target<'_>,
    x: &Tensor,
    classes: &Tensor,
    norm: Norm,
) -> Result<Boundary> {
    let leaf = x.f_detach()?.f_set_requires_grad(true)?;
    let logits = target.logits(attack, &leaf)?;
    let chosen = logits.f_gather(1, classes, false)?;
    let gaps = chosen.f_sub(&chosen.f_narrow(1, 0, 1)?)?;
    let candidates = classes.size().get(1).copied().unwrap_or(0);
    let mut nearest: Option<Boundary> = None;
    for candidate in 1..candidates {
        let gap = gaps.f_select(1, candidate)?;
        let sum = gap.f_sum(gap.f_kind()?)?;
        let gradient = slope(attack, &sum, &leaf, candidate + 1 < candidates)?;
        let _guard = no_grad_guard();
        let gap = gap.f_detach()?;
        let distance = of_images(&gap.f_abs()?)?.f_div(&length(norm, &gradient)?)?;
        nearest = Some(match nearest {
            None => Boundary { logits: logits.f_detach()?, gap, gradient, distance },
            Some(known) => {
                let nearer = distance.f_lt_tensor(&known.distance)?;
                Boundary {
                    gap: gap.f_where_self(&nearer.f_flatten(0, -1)?, &known.gap)?,
                    gradient: gradient.f_where_self(&nearer, &known.gradient)?,
                    distance: distance.f_minimum(&known.distance)?,
                    ..known
                }
            }
        });
    }
    nearest.ok_or_else(|| Error::usage(format!("{attack}: expected at least 2 classes, found 1")))
}

/// How fast a gap with this gradient closes, shape (N, 1, 1, 1); never 0, as in foolbox.
pub(super) fn length(norm: Norm, gradient: &Tensor) -> Result<Tensor> {
    Ok(norm.dual(gradient)?.f_add_scalar(1e-8)?)
}
