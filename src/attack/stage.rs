//! What an ensemble asks of the attacks it runs one after another.

use super::{Attack, Perturbation, Target};
use crate::error::Result;
use tch::Tensor;

/// An attack that takes the logits of the images as they are from those who know them.
pub trait Stage: Attack {
    /// [`Attack::perturb`] with these logits, which saves the first of its forward passes.
    ///
    /// # Errors
    /// As [`Attack::perturb`].
    fn perturb_known(&self, target: &Target<'_>, logits: &Tensor) -> Result<Perturbation>;
}
