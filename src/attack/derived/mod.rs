//! Perturbations made of others: something of them is kept and something taken away.

mod noise;
mod signed;

use super::Perturbation;
use crate::error::Result;
use crate::seed::Stream;
use crate::threat_model::NormBall;
use noise::Noise;
use signed::Signed;
use std::rc::Rc;
use tch::Tensor;

/// The images that perturbations are put on.
pub struct Clean<'a> {
    /// The images, of shape (N, C, H, W) in [0,1].
    pub x: &'a Tensor,
    /// Their classes, i64 of shape (N).
    pub y: &'a Tensor,
    /// Their numbers in their data set: image i draws from `stream.at(ids[i])`.
    pub ids: &'a [u64],
    /// The stream of this seed, purpose and epoch; not the one that the attack draws from.
    pub stream: Stream,
    /// The ball of the attack, in whose norm perturbations are measured.
    pub ball: NormBall,
}

impl Clean<'_> {
    /// The images plus `delta`, clamped to [0,1]. `norms`, of shape (N), are then made up for as
    /// far as the range lets them.
    fn put(&self, delta: &Tensor, norms: Option<&Tensor>) -> Result<Perturbation> {
        let x = self.x.f_detach()?;
        let adversarial = match norms {
            None => x.f_add(delta)?.f_clamp(0.0, 1.0)?,
            Some(norms) => self.ball.around(Some(norms))?.reach(&x, delta)?,
        };
        Perturbation::between(&x, adversarial, &self.ball)
    }
}

/// A change of the perturbations of a batch. It does not matter which network they were made for.
pub trait Derivation {
    /// The perturbations made of `given`, one for each image of `clean`; `given` is as long.
    ///
    /// # Errors
    /// Shapes differ.
    fn derive(&self, given: &Perturbation, clean: &Clean<'_>) -> Result<Perturbation>;

    /// Whether what an image gets depends on its own perturbation only, not on its batch.
    fn per_example(&self) -> bool {
        true
    }
}

/// The names that [`derivation`] knows.
pub const DERIVATIONS: &[&str] = &["same", "random_sign", "noise"];

/// The derivation of this name, with the norm of its perturbations kept:
///
/// * `same`: the perturbations as they are,
/// * `random_sign`: times +1 or -1, each with probability 1/2,
/// * `noise`: a normal direction of the same norm.
pub fn derivation(name: &str) -> Option<Rc<dyn Derivation>> {
    Some(match name {
        "same" => Rc::new(Same),
        "random_sign" => Rc::new(Signed { p: 0.5, renorm: true }),
        "noise" => Rc::new(Noise),
        _ => return None,
    })
}

struct Same;

impl Derivation for Same {
    /// The very bytes: adding a difference again would round.
    fn derive(&self, given: &Perturbation, _: &Clean<'_>) -> Result<Perturbation> {
        Ok(Perturbation {
            adversarial: given.adversarial.shallow_clone(),
            delta: given.delta.shallow_clone(),
            norms: given.norms.shallow_clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::of_images;
    use crate::threat_model::Norm;
    use tch::{Device, Kind};

    /// `count` images of 3 x 4 x 5 pixels and a perturbation of each; their sizes differ.
    pub(super) fn batch(count: i64, ball: &NormBall) -> (Tensor, Perturbation) {
        let mut generator = Stream::new(1, "derived").generator();
        let mut uniforms = |low: f64, high: f64| {
            let each = |_| low + (high - low) * f64::from(generator.uniform());
            let values: Vec<f64> = (0..count * 60).map(each).collect();
            Tensor::from_slice(&values).view([count, 3, 4, 5])
        };
        let x = uniforms(-0.2, 1.2).clamp(0.0, 1.0);
        let sizes = (Tensor::arange(count, (Kind::Double, Device::Cpu)) + 1.0) / count as f64;
        let adversarial = &x + uniforms(-0.3, 0.3) * of_images(&sizes).unwrap();
        let given = Perturbation::between(&x, adversarial.clamp(0.0, 1.0), ball).unwrap();
        (x, given)
    }

    /// What the derivation of this name makes of the batch of `count` images.
    pub(super) fn derive(
        name: &str,
        count: i64,
        norm: Norm,
    ) -> (Tensor, Perturbation, Perturbation) {
        let ball = NormBall { norm, eps: 1.0 };
        let (x, given) = batch(count, &ball);
        let y = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(3);
        let ids: Vec<u64> = (0..count as u64).collect();
        let stream = Stream::new(7, "derivation");
        let clean = Clean { x: &x, y: &y, ids: &ids, stream, ball };
        let found = derivation(name).unwrap().derive(&given, &clean).unwrap();
        (x, given, found)
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    #[test]
    fn every_derivation_keeps_norms_and_range() {
        for name in DERIVATIONS {
            for norm in [Norm::L1, Norm::L2, Norm::Linf] {
                let (_, given, found) = derive(name, 8, norm);
                let sorted = |norms: &Tensor| norms.sort(0, false).0;
                let apart = largest(&(sorted(&found.norms) - sorted(&given.norms)));
                assert!(apart < 1e-9, "{name} {norm:?}: {apart:e}");
                assert!(found.adversarial.min().double_value(&[]) >= 0.0, "{name}");
                assert!(found.adversarial.max().double_value(&[]) <= 1.0, "{name}");
            }
        }
        assert!(derivation("nothing").is_none());
    }

    #[test]
    fn the_same_is_what_was_given() {
        let (_, given, found) = derive("same", 8, Norm::L2);
        assert!(largest(&(found.adversarial - given.adversarial)) < 1e-15);
    }

    #[test]
    fn noise_has_no_direction_of_its_own() {
        let (_, given, found) = derive("noise", 400, Norm::L2);
        let product =
            (&given.delta * &found.delta).sum_dim_intlist([1i64, 2, 3].as_slice(), false, None);
        let cosines = product / (&given.norms * &found.norms);
        // Of two directions of 60 pixels, 400 times; clipping takes a pixel towards the middle.
        let mean = cosines.mean(Kind::Double).double_value(&[]);
        assert!(mean.abs() < 0.08, "{mean}");
    }
}
