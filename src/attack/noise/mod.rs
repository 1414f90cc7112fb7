//! Noise: perturbations that follow no gradient. Image i draws from `target.stream.at(ids[i])`.

pub(super) mod ball_l2;
pub(super) mod band_noise;
pub(super) mod gaussian;
pub(super) mod gaussian_noise;
#[cfg(test)]
mod laws;
pub(super) mod low_frequency;
pub(super) mod rademacher_linf;
pub(super) mod salt_pepper;
pub(super) mod uniform_linf;
pub(super) mod worst_of_noise;

use super::{Attack, Attacker, Build, Cost, Perturbation, Target};
use crate::error::{Error, Result};
use crate::registry::Param;
use crate::threat_model::{Balls, Norm, NormBall, Radii};
use tch::Tensor;

/// The option `renorm` of noises of a given norm.
const RENORM: Param = Param::bool(
    "renorm",
    false,
    "Whether noise that clamping shortens is lengthened until the norm after clamping is that of \
     the noise, or the range ends.",
);

/// What noise costs.
const NO_PASS: Cost = Cost::of(0, 0);

/// `x` plus `noise`, clamped to [0,1]; with `renorm` as long in `norm` as the noise.
fn clamped(norm: Norm, x: &Tensor, noise: &Tensor, renorm: bool) -> Result<Tensor> {
    match renorm {
        true => Balls { norm, eps: Radii::Each(norm.of(noise)?) }.reach(x, noise),
        false => Ok(x.f_add(noise)?.f_clamp(0.0, 1.0)?),
    }
}

/// `x` plus `noise` scaled to the radius of `ball`, or to that of each image where the target has radii,
/// as `clamped` has it.
fn as_long_as(
    ball: &NormBall,
    target: &Target<'_>,
    x: &Tensor,
    noise: &Tensor,
    renorm: bool,
) -> Result<Perturbation> {
    let lengths = ball.norm.of(noise)?.f_add_scalar(1e-10)?;
    let noise = ball.around(target.eps.as_ref())?.eps.scale(&noise.f_div(&lengths)?)?;
    Perturbation::between(x, clamped(ball.norm, x, &noise, renorm)?, ball)
}

/// Refuses radii for the attack `name`, whose strength is not a radius.
fn no_radii(name: &str, target: &Target<'_>, strength: &str) -> Result<()> {
    match target.eps {
        None => Ok(()),
        Some(_) => Err(Error::usage(format!("{name}: expected no eps, found one for each image"))
            .at_key("eps")
            .hint(format!("its strength is {strength}"))),
    }
}
