//! Threat models: the set of images an attacker may reach, and steps within it.
//!
//! Semantics and order of operations follow `robustness/attack_steps.py` (MadryLab, a954124).

use crate::error::{Error, Result};
use crate::registry::{Args, Param};
use crate::seed::Stream;
use tch::Tensor;

/// How the length of a perturbation is measured, over all pixels and channels of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Euclidean.
    L2,
    /// The largest absolute value.
    Linf,
}

impl Norm {
    /// The name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::L2 => "l2",
            Self::Linf => "linf",
        }
    }
}

/// The images within [0,1] at a distance of at most `eps` from a centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormBall {
    /// The distance.
    pub norm: Norm,
    /// The radius in pixel units of [0,1].
    pub eps: f64,
}

impl NormBall {
    /// The option `norm` of attackers.
    pub const NORM: Param =
        Param::choice("norm", &["l2", "linf"], "How perturbations are measured, per image.");
    /// The option `eps` of attackers.
    pub const EPS: Param =
        Param::float("eps", 0.5, 0.0, "Largest norm of a perturbation, in pixels of [0,1].");

    /// Reads the options [`Self::NORM`] and [`Self::EPS`].
    ///
    /// # Errors
    /// The entry lacks one of them.
    pub fn from_args(args: &Args) -> Result<Self> {
        let norm = match args.text("norm")? {
            "linf" => Norm::Linf,
            _ => Norm::L2,
        };
        Ok(Self { norm, eps: args.float("eps")? })
    }

    /// The nearest point of the ball around `centre` (L2: by libtorch's `renorm`), then clamped
    /// to [0,1], which may shorten the perturbation further. Both of shape (N, C, H, W).
    ///
    /// # Errors
    /// Shapes differ.
    pub fn project(&self, x: &Tensor, centre: &Tensor) -> Result<Tensor> {
        let delta = x.f_sub(centre)?;
        let delta = match self.norm {
            Norm::L2 => delta.f_renorm(2.0, 0, self.eps)?,
            Norm::Linf => delta.f_clamp(-self.eps, self.eps)?,
        };
        Ok(centre.f_add(&delta)?.f_clamp(0.0, 1.0)?)
    }

    /// `x` moved by `step_size` (in pixel units) along the steepest direction: the sign of the
    /// gradient, or the gradient over its norm + 1e-10 per image.
    ///
    /// # Errors
    /// Shapes differ.
    pub fn step(&self, x: &Tensor, gradient: &Tensor, step_size: f64) -> Result<Tensor> {
        let direction = match self.norm {
            Norm::L2 => gradient.f_div(&l2(gradient)?.f_add_scalar(1e-10)?)?,
            Norm::Linf => gradient.f_sign()?,
        };
        Ok(x.f_add(&direction.f_mul_scalar(step_size)?)?)
    }

    /// A random start around `x`: uniform in the box for linf, uniform on the sphere of radius
    /// `eps` (not in the ball, as the reference does) for L2; then clamped to [0,1]. Image i
    /// draws from `stream.at(ids[i])`.
    ///
    /// # Errors
    /// `ids` has another length than the batch.
    pub fn random_start(&self, x: &Tensor, ids: &[u64], stream: Stream) -> Result<Tensor> {
        let noise = match self.norm {
            Norm::L2 => {
                let noise = normals(x, ids, stream)?;
                noise.f_div(&l2(&noise)?.f_add_scalar(1e-10)?)?
            }
            Norm::Linf => drawn(x, ids, stream, |generator| 2.0 * generator.uniform() - 1.0)?,
        };
        Ok(x.f_add(&noise.f_mul_scalar(self.eps)?)?.f_clamp(0.0, 1.0)?)
    }

    /// The norm of each image's perturbation, shape (N).
    ///
    /// # Errors
    /// `delta` is not a batch of images.
    pub fn norms(&self, delta: &Tensor) -> Result<Tensor> {
        Ok(match self.norm {
            Norm::L2 => l2(delta)?.f_flatten(0, -1)?,
            Norm::Linf => delta.f_abs()?.f_amax([1, 2, 3], false)?,
        })
    }
}

/// The Euclidean norm of each image, shape (N, 1, 1, 1).
fn l2(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_norm_scalaropt_dim(2.0, [1, 2, 3], true)?)
}

/// Standard normal noise of the shape of `x`; image i draws from `stream.at(ids[i])`.
///
/// # Errors
/// `ids` has another length than the batch.
pub fn normals(x: &Tensor, ids: &[u64], stream: Stream) -> Result<Tensor> {
    drawn(x, ids, stream, crate::seed::Generator::normal)
}

fn drawn(
    x: &Tensor,
    ids: &[u64],
    stream: Stream,
    draw: impl Fn(&mut crate::seed::Generator) -> f32,
) -> Result<Tensor> {
    let batch = usize::try_from(x.size().first().copied().unwrap_or(0)).unwrap_or(0);
    if batch != ids.len() {
        let found = ids.len();
        return Err(Error::internal(format!("noise: expected {batch} image ids, found {found}")));
    }
    let each = x.numel().checked_div(batch).unwrap_or(0);
    let mut values = Vec::with_capacity(x.numel());
    for id in ids {
        let mut generator = stream.at(*id).generator();
        values.extend((0..each).map(|_| draw(&mut generator)));
    }
    Ok(Tensor::f_from_slice(&values)?.f_view(x.size().as_slice())?.f_to_device(x.device())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn noise(seed: i64) -> Tensor {
        let like = Tensor::zeros([4, 3, 5, 5], (Kind::Float, Device::Cpu));
        normals(&like, &[0, 1, 2, 3], Stream::new(seed, "test")).unwrap()
    }

    #[test]
    fn projection_is_idempotent_and_leaves_the_inside_alone() {
        for norm in [Norm::L2, Norm::Linf] {
            let ball = NormBall { norm, eps: 0.3 };
            let centre = noise(0) * 0.05 + 0.5;
            let once = ball.project(&(&centre + noise(1)), &centre).unwrap();
            let twice = ball.project(&once, &centre).unwrap();
            assert!((&once - twice).abs().max().double_value(&[]) < 1e-7);
            let inside = &centre + noise(2) * 1e-3;
            let same = ball.project(&inside, &centre).unwrap();
            assert!((same - inside).abs().max().double_value(&[]) < 1e-7);
        }
    }

    #[test]
    fn l2_projection_keeps_the_direction() {
        let ball = NormBall { norm: Norm::L2, eps: 0.3 };
        let centre = Tensor::full([4, 3, 5, 5], 0.5, (Kind::Float, Device::Cpu));
        let away = noise(1);
        let found = ball.project(&(&centre + &away), &centre).unwrap() - &centre;
        let expected = &away / away.norm_scalaropt_dim(2.0, [1, 2, 3], true) * 0.3;
        assert!((found - expected).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn a_random_start_lies_on_the_sphere_or_in_the_box() {
        let x = Tensor::full([4, 3, 5, 5], 0.5, (Kind::Float, Device::Cpu));
        let start = |norm| {
            let ball = NormBall { norm, eps: 0.2 };
            let at = ball.random_start(&x, &[0, 1, 2, 3], Stream::new(0, "test")).unwrap();
            ball.norms(&(at - &x)).unwrap()
        };
        assert!((start(Norm::L2) - 0.2).abs().max().double_value(&[]) < 1e-6);
        let lengths = start(Norm::Linf);
        assert!(lengths.max().double_value(&[]) <= 0.2 + 1e-6);
        assert!(lengths.min().double_value(&[]) > 0.15);
    }

    #[test]
    fn ids_that_do_not_fit_the_batch_are_refused() {
        let x = Tensor::zeros([2, 1, 2, 2], (Kind::Float, Device::Cpu));
        assert!(normals(&x, &[0], Stream::new(0, "test")).is_err());
    }
}
