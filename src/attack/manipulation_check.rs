//! What a perturbation does: the facts that say whether an arm is what its name says.

use super::losses::Loss;
use super::{Perturbation, Target, frequency};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

/// Means over the images of a batch, or of several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ManipulationCheck {
    /// The number of images.
    pub n: u64,
    /// The norm as applied, after clipping, in pixels of [0,1].
    pub norm: f64,
    /// The radius that was asked for, in pixels of [0,1]; none where it is not known or infinite.
    pub nominal: Option<f64>,
    /// How much higher the cross-entropy is than that of the images as they are.
    pub loss_increase: f64,
    /// The cosine of perturbation and gradient of the loss at the image as it is, over the images
    /// that are perturbed; 0 where the gradient is zero.
    pub cosine: f64,
    /// The share of the energy in eight bands of frequency, each 1/16 cycle per pixel wide, the
    /// last with all that is beyond, over the images that are perturbed; zeros if none is.
    pub spectrum: Vec<f64>,
    /// The share of images that are not perturbed at all.
    pub zero: f64,
}

impl ManipulationCheck {
    /// The images that are perturbed.
    fn perturbed(&self) -> f64 {
        self.n as f64 * (1.0 - self.zero)
    }

    /// The check of all images of `parts` together.
    pub fn mean(parts: &[Self]) -> Self {
        let images: f64 = parts.iter().map(|part| part.n as f64).sum();
        let perturbed: f64 = parts.iter().map(Self::perturbed).sum();
        let all = |value: &dyn Fn(&Self) -> f64| -> f64 {
            parts.iter().map(|part| part.n as f64 / images.max(1.0) * value(part)).sum()
        };
        let moved = |value: &dyn Fn(&Self) -> f64| -> f64 {
            parts.iter().map(|part| part.perturbed() / perturbed.max(1.0) * value(part)).sum()
        };
        let band = |k: usize| moved(&|part| part.spectrum.get(k).copied().unwrap_or(0.0));
        let known = !parts.is_empty() && parts.iter().all(|part| part.nominal.is_some());
        Self {
            n: parts.iter().map(|part| part.n).sum(),
            norm: all(&|part| part.norm),
            nominal: known.then(|| all(&|part| part.nominal.unwrap_or(0.0))),
            loss_increase: all(&|part| part.loss_increase),
            cosine: moved(&|part| part.cosine),
            spectrum: (0..frequency::BANDS as usize).map(band).collect(),
            zero: all(&|part| part.zero),
        }
    }
}

/// Checks a perturbation of the batch `target` on its model: two forward passes, one backward.
///
/// # Errors
/// Shapes differ; the loss is not finite.
pub fn manipulation_check(
    target: &Target<'_>,
    perturbation: &Perturbation,
) -> Result<ManipulationCheck> {
    let name = "manipulation_check";
    let clean = target.climb(name, target.x, Loss::CrossEntropy, None, false)?;
    let _guard = no_grad_guard();
    let losses = target.losses(name, &perturbation.adversarial)?;
    let rows = |x: &Tensor| -> Result<Tensor> { Ok(x.f_to_kind(Kind::Double)?.f_flatten(1, -1)?) };
    let (delta, gradient) = (rows(&perturbation.delta)?, rows(&clean.gradient)?);
    let sums = |x: Tensor| x.f_sum_dim_intlist([1i64].as_slice(), false, None::<Kind>);
    let lengths = sums(delta.f_square()?)?.f_mul(&sums(gradient.f_square()?)?)?.f_sqrt()?;
    let cosines = sums(delta.f_mul(&gradient)?)?.f_div(&lengths.f_clamp_min(f64::MIN_POSITIVE)?)?;
    let still = delta.f_abs()?.f_amax([1], false)?.f_eq(0.0)?.f_to_kind(Kind::Double)?;
    let moved = still.f_sum(Kind::Double)?.f_neg()?.f_add_scalar(delta.size()[0] as f64)?;
    // Those that are not perturbed add nothing.
    let over_moved = |x: &Tensor| {
        x.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Double)?.f_div(&moved.f_clamp_min(1.0)?)
    };
    let mean = |x: &Tensor| x.f_mean(Kind::Double)?.f_double_value(&[]);
    let spectrum = over_moved(&frequency::bands(&perturbation.delta)?)?;
    Ok(ManipulationCheck {
        n: target.ids.len() as u64,
        norm: mean(&perturbation.norms)?,
        nominal: target.eps.as_ref().map(mean).transpose()?,
        loss_increase: mean(&losses.f_sub(&clean.losses)?)?,
        cosine: over_moved(&cosines)?.f_double_value(&[])?,
        spectrum: Vec::try_from(spectrum.f_to_device(Device::Cpu)?)?,
        zero: mean(&still)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::laws::attacker;
    use super::super::linear::linear;
    use super::*;
    use crate::registry::Value;
    use crate::seed::Stream;
    use crate::threat_model::{Norm, NormBall};

    fn batch<'a>(
        (model, x, y): (&'a super::super::linear::Linear, &'a Tensor, &'a Tensor),
        eps: Option<Tensor>,
    ) -> Target<'a> {
        Target { model, x, y, ids: &[3, 5], stream: Stream::new(0, "test"), eps }
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }

    /// Of logits 0 and w . x, for classes 0 and 1: a step e along w or against it raises the loss
    /// to log(1 + exp(m + e |w|)), with m the margin before.
    #[test]
    fn pgd_on_a_linear_model_follows_the_gradient() {
        let (model, (x, y)) = linear();
        let target = batch((&model, &x, &y), None);
        let pgd = attacker("pgd", &[("eps", Value::Float(0.3))]);
        let found = manipulation_check(&target, &pgd.attack.perturb(&target).unwrap()).unwrap();
        let (score, slope) = (model.0.sum(Kind::Double).double_value(&[]) * 0.5, model.0.norm());
        let slope = slope.double_value(&[]);
        let rise = |margin: f64| (1.0 + (margin + 0.3 * slope).exp()).ln() - margin.exp().ln_1p();
        close(found.loss_increase, (rise(score) + rise(-score)) / 2.0);
        close(found.cosine, 1.0);
        close(found.norm, 0.3);
        close(found.spectrum.iter().sum(), 1.0);
        assert_eq!((found.n, found.zero, found.nominal), (2, 0.0, None));
    }

    #[test]
    fn the_opposite_of_the_gradient_has_a_cosine_of_minus_one() {
        let (model, (x, y)) = linear();
        let target = batch((&model, &x, &y), Some(Tensor::from_slice(&[0.2, 0.4])));
        let pgd = attacker("pgd", &[]).attack.perturb(&target).unwrap();
        let ball = NormBall { norm: Norm::L2, eps: 1.0 };
        let flipped = Perturbation::between(&x, &x - &pgd.delta, &ball).unwrap();
        let found = manipulation_check(&target, &flipped).unwrap();
        close(found.cosine, -1.0);
        close(found.norm, 0.3);
        close(found.nominal.unwrap(), 0.3);
        assert!(found.loss_increase < 0.0);
    }

    #[test]
    fn images_that_stay_are_counted_and_bear_on_no_direction() {
        let (model, (x, y)) = linear();
        let radii = |of: &[f64; 2]| Some(Tensor::from_slice(of));
        let check = |of| {
            let target = batch((&model, &x, &y), radii(of));
            let pgd = attacker("pgd", &[]).attack.perturb(&target).unwrap();
            manipulation_check(&target, &pgd).unwrap()
        };
        let none = check(&[0.0, 0.0]);
        let expected = ManipulationCheck {
            n: 2,
            nominal: Some(0.0),
            spectrum: vec![0.0; 8],
            zero: 1.0,
            ..ManipulationCheck::default()
        };
        assert_eq!(none, expected);
        let half = check(&[0.0, 0.4]);
        assert_eq!(half.zero, 0.5);
        close(half.norm, 0.2);
        close(half.cosine, 1.0);
        close(half.spectrum.iter().sum(), 1.0);
    }

    /// Means over batches are those over all their images, whatever part of them is perturbed.
    #[test]
    fn the_mean_of_batches_is_the_check_of_all() {
        let (model, (x, y)) = linear();
        let all = |x: &Tensor, y: &Tensor, delta: &Tensor| {
            let ids: Vec<u64> = (0..x.size()[0] as u64).collect();
            let stream = Stream::new(0, "test");
            let target = Target { model: &model, x, y, ids: &ids, stream, eps: None };
            let ball = NormBall { norm: Norm::L2, eps: 1.0 };
            let made = Perturbation::between(x, x + delta, &ball).unwrap();
            manipulation_check(&target, &made).unwrap()
        };
        let wide = |of: &Tensor| Tensor::cat(&[of, of, of], 0);
        let (x, y) = (wide(&x), wide(&y));
        let delta = Tensor::from_slice(&[0.0f32, 0.1, -0.2, 0.0, 0.3, 0.0]).view([6, 1, 1, 1])
            * Tensor::arange(12, (Kind::Float, Device::Cpu)).view([1, 1, 3, 4]);
        let whole = all(&x, &y, &delta);
        let row = |of: &Tensor, from, count| of.narrow(0, from, count);
        let parts: Vec<_> = [(0, 1), (1, 3), (4, 2)]
            .into_iter()
            .map(|(from, n)| all(&row(&x, from, n), &row(&y, from, n), &row(&delta, from, n)))
            .collect();
        let mean = ManipulationCheck::mean(&parts);
        assert_eq!((mean.n, mean.nominal), (6, None));
        close(mean.zero, 0.5);
        let numbers = |c: &ManipulationCheck| {
            [&[c.norm, c.loss_increase, c.cosine, c.zero][..], &c.spectrum].concat()
        };
        for (mean, whole) in numbers(&mean).into_iter().zip(numbers(&whole)) {
            close(mean, whole);
        }
        let none = ManipulationCheck { spectrum: vec![0.0; 8], ..ManipulationCheck::default() };
        assert_eq!(ManipulationCheck::mean(&[]), none);
    }
}
