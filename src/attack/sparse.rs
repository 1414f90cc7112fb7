//! Steps of Auto-PGD in L1: sparse ones, which follow the sparsity of the best iterate.

use crate::error::Result;
use crate::threat_model::{Balls, Norm};
use tch::{Kind, Tensor};

/// The sparsity of L1 steps, per image.
pub(super) struct Sparsity {
    /// The share of pixels that step.
    pub(super) share: Tensor,
    /// How many pixels the best iterate had changed.
    pub(super) changed: Tensor,
}

/// A step of `length` along the signs of the `share` largest gradients.
pub(super) fn sparse_step(
    balls: &Balls,
    centre: &Tensor,
    x: &Tensor,
    (gradient, length): (&Tensor, &Tensor),
    share: &Tensor,
) -> Result<Tensor> {
    let size = gradient.f_abs()?;
    let (sorted, _) = size.f_flatten(1, -1)?.f_sort(1, false)?;
    let pixels = sorted.size()[1];
    let place =
        share.f_rsub_scalar(1.0)?.f_mul_scalar(pixels as f64)?.f_clamp(0.0, (pixels - 1) as f64)?;
    let place = place.f_view([-1, 1])?.f_to_kind(Kind::Int64)?;
    let bound = sorted.f_gather(1, &place, false)?.f_view([-1, 1, 1, 1])?;
    let kept = size.f_ge_tensor(&bound)?.f_to_kind(gradient.f_kind()?)?;
    let signs = gradient.f_mul(&kept)?.f_sign()?;
    let unit = signs.f_div(&Norm::L1.of(&signs)?.f_add_scalar(1e-10)?)?;
    balls.project(&x.f_add(&unit.f_mul(length)?)?, centre)
}

impl Sparsity {
    /// Follows the best perturbation; where it got sparser, steps are long again and go on from
    /// it, elsewhere they are divided by 1.5.
    pub(super) fn check(
        &mut self,
        best: &Tensor,
        length: &mut Tensor,
        longest: &Tensor,
    ) -> Result<Tensor> {
        let pixels = best.size().iter().skip(1).product::<i64>() as f64;
        let changed = Norm::L1.of(&best.f_ne(0.0)?.f_to_kind(best.f_kind()?)?)?;
        let sparser = changed.f_div(&self.changed)?.f_lt(0.95)?;
        self.share = changed.f_div_scalar(pixels * 1.5)?;
        let shorter = length.f_div_scalar(1.5)?.f_maximum(&longest.f_div_scalar(10.0)?)?;
        *length = longest.f_where_self(&sparser, &shorter)?;
        self.changed = changed;
        Ok(sparser.f_flatten(0, -1)?)
    }
}
