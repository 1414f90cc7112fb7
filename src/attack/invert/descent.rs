//! Descent on the distance between features: what one batch of an inversion does.
//!
//! Follows `Attacker.forward` of MadryLab/robustness (a954124) with the loss of its notebook on
//! inversion: a step of length `step_size` down the gradient of each image, projection into the
//! ball around the start, clamp to [0,1].

use crate::attack::Best;
use crate::error::{Error, Result};
use crate::model::Folded;
use crate::threat_model::NormBall;
use crate::torch;
use tch::{Kind, Tensor, no_grad_guard};

/// What an inversion sees of a model: features of shape (N, D), differentiable in the pixels.
pub trait FeatureMap {
    /// The features of pixels in [0,1].
    ///
    /// # Errors
    /// The images have the wrong shape.
    fn features(&self, x: &Tensor) -> Result<Tensor>;
}

impl FeatureMap for Folded {
    fn features(&self, x: &Tensor) -> Result<Tensor> {
        Self::features(self, x)
    }
}

/// The features that a batch is to reach.
pub(super) struct Goal<'a> {
    map: &'a dyn FeatureMap,
    features: Tensor,
    lengths: Tensor,
}

impl<'a> Goal<'a> {
    /// The features of `images`, f32 of shape (N, C, H, W) in [0,1].
    ///
    /// # Errors
    /// The images have the wrong shape; the features of one are all zero or not finite, so that
    /// there is no relative distance.
    pub(super) fn new(map: &'a dyn FeatureMap, images: &Tensor) -> Result<Self> {
        let _guard = no_grad_guard();
        let features = map.features(images)?;
        let lengths = features.f_norm_scalaropt_dim(2.0, [1], false)?;
        let usable = lengths.f_isfinite()?.f_logical_and(&lengths.f_gt(0.0)?)?;
        if usable.f_all()?.f_int64_value(&[])? != 1 {
            let first = usable.f_to_kind(Kind::Int64)?.f_argmin(0, false)?.f_int64_value(&[])?;
            let found = lengths.f_double_value(&[first])?;
            return Err(Error::diverged(format!(
                "invert: expected features that are finite and not all zero, found norm {found}"
            ))
            .hint("the model has diverged or does not see these images"));
        }
        Ok(Self { map, features, lengths })
    }

    /// The distance of each image's features from the goal, over the length of the goal, shape
    /// (N); differentiable in `x`.
    ///
    /// # Errors
    /// Another number of images; a distance that is not finite.
    pub(super) fn distances(&self, x: &Tensor) -> Result<Tensor> {
        let away = self.map.features(x)?.f_sub(&self.features)?;
        let distances = away.f_norm_scalaropt_dim(2.0, [1], false)?.f_div(&self.lengths)?;
        if distances.f_isfinite()?.f_all()?.f_int64_value(&[])? != 1 {
            return Err(Error::diverged("invert: the distance is not finite"));
        }
        Ok(distances)
    }
}

/// A batch between two steps.
pub(super) struct Point {
    /// The images as they are now.
    pub(super) x: Tensor,
    /// The iterate of least distance so far, with minus its distance; none where the last one is
    /// kept, and before the first step.
    pub(super) best: Option<Best>,
}

/// How a batch moves.
#[derive(Clone, Copy)]
pub(super) struct Descent {
    /// The set around the start that it stays in.
    pub(super) ball: NormBall,
    /// The length of a step, in pixels of [0,1].
    pub(super) step_size: f64,
    /// Whether an image keeps its best iterate instead of the last.
    pub(super) keep_best: bool,
}

impl Descent {
    /// One step from `point` towards `goal` within the ball around `start`; also the distances
    /// before the step, shape (N).
    ///
    /// # Errors
    /// A distance that is not finite.
    pub(super) fn step(
        &self,
        goal: &Goal<'_>,
        start: &Tensor,
        point: Point,
    ) -> Result<(Point, Tensor)> {
        let leaf = point.x.f_detach()?.f_set_requires_grad(true)?;
        let distances = goal.distances(&leaf)?;
        let sum = distances.f_sum(Kind::Float)?;
        let gradient = torch::gradients(&sum, &[&leaf], false, false)?.pop();
        let gradient = gradient
            .filter(Tensor::defined)
            .ok_or_else(|| Error::internal("invert: the features do not depend on the image"))?;
        let _guard = no_grad_guard();
        let distances = distances.f_detach()?;
        let best = self.better(point.best, &point.x, &distances)?;
        let x = self.ball.step(&point.x, &gradient.f_neg()?, self.step_size)?;
        Ok((Point { x: self.ball.project(&x, start)?, best }, distances))
    }

    /// What the batch keeps after its last step: images, their distances, and the distances of
    /// the last iterate.
    ///
    /// # Errors
    /// A distance that is not finite.
    pub(super) fn end(&self, goal: &Goal<'_>, point: Point) -> Result<(Tensor, Tensor, Tensor)> {
        let _guard = no_grad_guard();
        let last = goal.distances(&point.x)?;
        Ok(match self.better(point.best, &point.x, &last)? {
            Some(best) => (best.x, best.losses.f_neg()?, last),
            None => (point.x, last.shallow_clone(), last),
        })
    }

    fn better(&self, best: Option<Best>, x: &Tensor, distances: &Tensor) -> Result<Option<Best>> {
        if !self.keep_best {
            return Ok(None);
        }
        Best::update(best, x, &distances.f_neg()?).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use crate::threat_model::{Norm, normals};
    use tch::Device;

    /// Features that are a linear function of the pixels, or the pixels themselves.
    struct Linear(Option<Tensor>);

    impl FeatureMap for Linear {
        fn features(&self, x: &Tensor) -> Result<Tensor> {
            let pixels = x.f_flatten(1, -1)?;
            Ok(match &self.0 {
                Some(weights) => pixels.f_matmul(weights)?,
                None => pixels,
            })
        }
    }

    /// Five images around grey; the standard deviation of their pixels is 0.1.
    fn images(seed: i64) -> Tensor {
        let like = Tensor::zeros([5, 2, 3, 4], (Kind::Float, Device::Cpu));
        let noise = normals(&like, &[0, 1, 2, 3, 4], Stream::new(seed, "test")).unwrap();
        (noise * 0.1 + 0.5).clamp(0.0, 1.0)
    }

    fn descent(norm: Norm, eps: f64, step_size: f64) -> Descent {
        Descent { ball: NormBall { norm, eps }, step_size, keep_best: true }
    }

    /// Images, their distances, and the distances before every step.
    fn run(
        map: &Linear,
        by: Descent,
        steps: usize,
        to: &Tensor,
        from: &Tensor,
    ) -> (Tensor, Tensor, Vec<f64>) {
        let goal = Goal::new(map, to).unwrap();
        let mut point = Point { x: from.copy(), best: None };
        let mut curve = Vec::new();
        for _ in 0..steps {
            let (next, distances) = by.step(&goal, from, point).unwrap();
            curve.push(distances.mean(Kind::Double).double_value(&[]));
            point = next;
        }
        let (x, distances, _) = by.end(&goal, point).unwrap();
        (x, distances, curve)
    }

    fn norms(x: &Tensor) -> Tensor {
        x.flatten(1, -1).norm_scalaropt_dim(2.0, [1], false)
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    #[test]
    fn where_features_are_the_pixels_the_way_is_straight() {
        let (to, from) = (images(1), images(2));
        let away = norms(&(&to - &from));
        let (step, steps) = (0.04, 5);
        let (x, distances, curve) =
            run(&Linear(None), descent(Norm::L2, 1e3, step), steps, &to, &from);
        let share = (&away - steps as f64 * step) / &away;
        let expected = &to + (&from - &to) * share.view([-1, 1, 1, 1]);
        assert!(largest(&(x - expected)) < 1e-6);
        let left = (&away - steps as f64 * step) / norms(&to);
        assert!(largest(&(distances - left)) < 1e-6);
        let first = (&away / norms(&to)).mean(Kind::Double).double_value(&[]);
        assert!((curve[0] - first).abs() < 1e-6);
    }

    #[test]
    fn where_features_are_the_pixels_the_images_come_back_to_half_a_step() {
        let (to, from) = (images(1), images(2));
        let step = 0.01;
        let (x, distances, _) = run(&Linear(None), descent(Norm::L2, 1e3, step), 300, &to, &from);
        assert!(norms(&(x - &to)).max().double_value(&[]) <= 0.5 * step + 1e-5);
        assert!((distances * norms(&to)).max().double_value(&[]) <= 0.5 * step + 1e-5);
    }

    /// What the features do not see stays as it was at the start: the least-norm solution.
    #[test]
    fn a_linear_map_is_inverted_within_its_row_space() {
        let (to, from) = (images(1), images(2));
        let mut generator = Stream::new(3, "weights").generator();
        let weights: Vec<f32> = (0..24 * 4).map(|_| generator.normal()).collect();
        let weights = Tensor::from_slice(&weights).view([24, 4]);
        let delta = (&to - &from).flatten(1, -1);
        let inverse = weights.pinverse(1e-12);
        let expected = &from + delta.matmul(&weights).matmul(&inverse).view([5, 2, 3, 4]);
        assert!(expected.min().double_value(&[]) > 0.0 && expected.max().double_value(&[]) < 1.0);
        let (x, distances, _) =
            run(&Linear(Some(weights)), descent(Norm::L2, 1e3, 0.002), 1500, &to, &from);
        assert!(distances.max().double_value(&[]) < 0.02, "{distances:?}");
        assert!(largest(&(x - expected)) < 5e-3);
    }

    #[test]
    fn the_ball_around_the_start_and_the_range_of_pixels_are_kept() {
        let to = images(1);
        // Many pixels at both ends of the range.
        let from = ((images(2) - 0.5) * 5.0 + 0.5).clamp(0.0, 1.0);
        for (norm, eps) in [(Norm::L2, 0.2), (Norm::Linf, 0.05), (Norm::L2, 1e3)] {
            let by = descent(norm, eps, 0.5);
            let (x, distances, curve) = run(&Linear(None), by, 20, &to, &from);
            let longest = by.ball.norms(&(&x - &from)).unwrap().max().double_value(&[]);
            assert!(longest <= eps * (1.0 + 1e-6) + 1e-7, "{longest} > {eps}");
            assert!(x.min().double_value(&[]) >= 0.0 && x.max().double_value(&[]) <= 1.0);
            assert!(distances.mean(Kind::Double).double_value(&[]) <= curve[0] + 1e-9);
        }
    }

    #[test]
    fn the_best_is_never_above_any_iterate_and_the_last_may_be() {
        let (to, from) = (images(1), images(2));
        // Steps longer than the way there: every one overshoots.
        let by = descent(Norm::L2, 1e3, 2.0);
        let (_, best, curve) = run(&Linear(None), by, 7, &to, &from);
        let last = Descent { keep_best: false, ..by };
        let (_, last, _) = run(&Linear(None), last, 7, &to, &from);
        let mean = |distances: &Tensor| distances.mean(Kind::Double).double_value(&[]);
        assert!(curve.iter().all(|distance| mean(&best) <= distance + 1e-9), "{curve:?}");
        assert!(mean(&last) > mean(&best));
    }

    #[test]
    fn features_of_length_zero_have_no_relative_distance() {
        let zero = Tensor::zeros([24, 3], (Kind::Float, Device::Cpu));
        let error = Goal::new(&Linear(Some(zero)), &images(1)).err().unwrap();
        assert!(error.to_string().contains("not all zero, found norm 0"), "{error}");
    }
}
