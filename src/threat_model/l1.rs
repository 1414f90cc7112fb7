//! The L1 ball: its projection by sorting and its steepest sparse step.

use super::Radii;
use crate::error::Result;
use tch::{Kind, Tensor};

/// The share of pixels that a step leaves alone, as foolbox' `SparseL1DescentAttack`.
const QUANTILE: f64 = 0.99;

/// The nearest perturbation to `delta` of L1 norm at most `eps` that keeps `centre` + it in [0,1].
///
/// It is sign(d) clamp(|d| - t, 0, u) with u the room to the end of the range; the norm falls
/// piecewise linearly in t, with a corner wherever a pixel starts or ends to shrink, so that
/// sorting the corners finds t. Croce and Hein 2021, Mind the box, proposition 2.1.
///
/// # Errors
/// Shapes differ.
pub(super) fn project(delta: &Tensor, centre: &Tensor, eps: &Radii) -> Result<Tensor> {
    let wide = |x: &Tensor| -> Result<Tensor> { Ok(x.f_to_kind(Kind::Double)?.f_flatten(1, -1)?) };
    let (d, x) = (wide(delta)?, wide(centre)?);
    let up = d.f_gt(0.0)?;
    let room = x.f_rsub_scalar(1.0)?.f_where_self(&up, &x)?;
    let size = d.f_abs()?;
    let corners = Tensor::f_cat(&[&size, &size.f_sub(&room)?.f_clamp_min(0.0)?], 1)?;
    let (corners, order) = corners.f_sort(1, true)?;
    let one = size.f_ones_like()?;
    let slopes = Tensor::f_cat(&[&one, &one.f_neg()?], 1)?.f_gather(1, &order, false)?;
    let slopes = slopes.f_cumsum(1, Kind::Double)?;
    // The norm at each corner: what the slopes before it have gathered.
    let gaps = corners.f_narrow(1, 0, corners.size()[1] - 1)?.f_sub(&corners.f_narrow(
        1,
        1,
        corners.size()[1] - 1,
    )?)?;
    let risen = slopes.f_narrow(1, 0, corners.size()[1] - 1)?.f_mul(&gaps)?;
    let norms = Tensor::f_cat(
        &[&corners.f_narrow(1, 0, 1)?.f_zeros_like()?, &risen.f_cumsum(1, Kind::Double)?],
        1,
    )?;
    let radii = eps.of(&norms.f_narrow(1, 0, 1)?)?;
    let below = norms.f_le_tensor(&radii)?.f_to_kind(Kind::Int64)?;
    let place = below
        .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Int64)?
        .f_sub_scalar(1)?
        .f_clamp_min(0)?;
    let at = |of: &Tensor| -> Result<Tensor> { Ok(of.f_gather(1, &place, false)?) };
    let slope = at(&slopes)?.f_clamp_min(1.0)?;
    let level = at(&corners)?.f_sub(&radii.f_sub(&at(&norms)?)?.f_div(&slope)?)?;
    let level = level.f_clamp_min(0.0)?;
    let kept = size.f_sub(&level)?.f_clamp_min(0.0)?.f_minimum(&room)?;
    let found = d.f_sign()?.f_mul(&kept)?;
    Ok(found.f_view(delta.size().as_slice())?.f_to_kind(delta.f_kind()?)?)
}

/// The signs of the largest hundredth of the gradient over their number, without pixels that the
/// range stops: an ascent direction of L1 norm 1. Tramer and Boneh 2019, section 3.
///
/// # Errors
/// Shapes differ.
pub(super) fn direction(x: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let down = x.f_le(0.0)?.f_logical_and(&gradient.f_lt(0.0)?)?;
    let stopped = x.f_ge(1.0)?.f_logical_and(&gradient.f_gt(0.0)?)?.f_logical_or(&down)?;
    let free = gradient.f_masked_fill(&stopped, 0.0)?;
    let size = free.f_abs()?;
    let sorted = size.f_flatten(1, -1)?.f_sort(1, false)?.0;
    // numpy's quantile: between two order statistics.
    let place = QUANTILE * (sorted.size()[1] - 1) as f64;
    let low = sorted.f_narrow(1, place.floor() as i64, 1)?;
    let high = sorted.f_narrow(1, place.ceil() as i64, 1)?;
    let bound = low.f_add(&high.f_sub(&low)?.f_mul_scalar(place.fract())?)?;
    let kept = size.f_ge_tensor(&bound.f_view([-1, 1, 1, 1])?)?;
    let signs = free.f_sign()?.f_mul(&kept.f_to_kind(free.f_kind()?)?)?;
    let count = super::l1(&signs)?.f_clamp_min(1.0)?;
    Ok(signs.f_div(&count)?)
}
