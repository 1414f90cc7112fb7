//! Threat models: the set of images an attacker may reach, and steps within it.
//!
//! Semantics and order of operations of L2 and linf follow `robustness/attack_steps.py`
//! (MadryLab, a954124).

mod draws;
mod handle;
mod l1;
#[cfg(test)]
mod laws;
mod radii;
mod reach;

pub use draws::{normals, uniforms};
pub use handle::{THREAT_MODELS, ThreatModel};
pub use radii::Radii;

use crate::error::Result;
use crate::registry::{Args, Param};
use crate::seed::Stream;
use tch::Tensor;

/// How the length of a perturbation is measured, over all pixels and channels of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// The sum of absolute values.
    L1,
    /// Euclidean.
    L2,
    /// The largest absolute value.
    Linf,
}

impl Norm {
    /// The name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Linf => "linf",
        }
    }

    /// The norm of this name in options, L2 by default.
    fn named(name: &str) -> Self {
        match name {
            "linf" => Self::Linf,
            "l1" => Self::L1,
            _ => Self::L2,
        }
    }

    /// The norm of each image, shape (N, 1, 1, 1).
    ///
    /// # Errors
    /// `x` is not a batch of images.
    pub fn of(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::L1 => l1(x),
            Self::L2 => Ok(x.f_norm_scalaropt_dim(2.0, [1, 2, 3], true)?),
            Self::Linf => Ok(x.f_abs()?.f_amax([1, 2, 3], true)?),
        }
    }

    /// The norm that measures gradients where this one measures perturbations, shape (N, 1, 1, 1).
    ///
    /// # Errors
    /// `x` is not a batch of images.
    pub fn dual(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::L1 => Self::Linf.of(x),
            Self::L2 => Self::L2.of(x),
            Self::Linf => Self::L1.of(x),
        }
    }
}

/// The absolute sum of each image, shape (N, 1, 1, 1).
fn l1(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_abs()?.f_sum_dim_intlist([1i64, 2, 3].as_slice(), true, None::<tch::Kind>)?)
}

/// Where a random start lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the image.
    None,
    /// Uniform in the ball.
    Ball,
    /// On its surface: uniform for L1 and L2, a uniform point of the box pushed out to it for linf.
    Sphere,
}

impl Start {
    /// The option `random_start` of attackers.
    pub const PARAM: Param = Param::choice(
        "random_start",
        &["none", "ball", "sphere"],
        "Where it starts: at the image, at a uniform point of the ball or on its surface.",
    );

    /// Reads [`Self::PARAM`].
    ///
    /// # Errors
    /// The entry lacks it.
    pub fn from_args(args: &Args) -> Result<Self> {
        Ok(match args.text(Self::PARAM.name)? {
            "ball" => Self::Ball,
            "sphere" => Self::Sphere,
            _ => Self::None,
        })
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
        Param::choice("norm", &["l2", "linf", "l1"], "How perturbations are measured, per image.");
    /// The option `eps` of attackers.
    pub const EPS: Param =
        Param::float("eps", 0.5, 0.0, "Largest norm of a perturbation, in pixels of [0,1].");

    /// Reads the options [`Self::NORM`] and [`Self::EPS`].
    ///
    /// # Errors
    /// The entry lacks one of them.
    pub fn from_args(args: &Args) -> Result<Self> {
        Ok(Self { norm: Self::norm_of(args)?, eps: args.float("eps")? })
    }

    /// Reads the option [`Self::NORM`].
    ///
    /// # Errors
    /// The entry lacks it.
    pub fn norm_of(args: &Args) -> Result<Norm> {
        Ok(Norm::named(args.text(Self::NORM.name)?))
    }

    /// The balls of a batch; `each` of shape (N) replaces the radius, image by image.
    ///
    /// # Errors
    /// libtorch cannot reshape `each`.
    pub fn around(&self, each: Option<&Tensor>) -> Result<Balls> {
        let eps = match each {
            None => Radii::All(self.eps),
            Some(each) => Radii::Each(each.f_view([-1, 1, 1, 1])?),
        };
        Ok(Balls { norm: self.norm, eps })
    }

    /// [`Balls::project`] with the same radius for all.
    ///
    /// # Errors
    /// Shapes differ.
    pub fn project(&self, x: &Tensor, centre: &Tensor) -> Result<Tensor> {
        self.around(None)?.project(x, centre)
    }

    /// [`Balls::step`] of `step_size` pixels for all.
    ///
    /// # Errors
    /// Shapes differ.
    pub fn step(&self, x: &Tensor, gradient: &Tensor, step_size: f64) -> Result<Tensor> {
        self.around(None)?.step(x, gradient, &Radii::All(step_size))
    }

    /// The norm of each image's perturbation, shape (N).
    ///
    /// # Errors
    /// `delta` is not a batch of images.
    pub fn norms(&self, delta: &Tensor) -> Result<Tensor> {
        Ok(self.norm.of(delta)?.f_flatten(0, -1)?)
    }
}

/// The balls around the images of a batch.
#[derive(Debug)]
pub struct Balls {
    /// The distance.
    pub norm: Norm,
    /// The radii.
    pub eps: Radii,
}

impl Balls {
    /// The nearest point of the ball around `centre`, then clamped to [0,1], which may shorten the
    /// perturbation further; for L1 the nearest point of the ball and [0,1] together. One radius
    /// in L2 is libtorch's `renorm`. Both of shape (N, C, H, W).
    ///
    /// # Errors
    /// Shapes differ.
    pub fn project(&self, x: &Tensor, centre: &Tensor) -> Result<Tensor> {
        let delta = x.f_sub(centre)?;
        let delta = match (self.norm, &self.eps) {
            (Norm::L1, eps) => l1::project(&delta, centre, eps)?,
            (Norm::L2, Radii::All(eps)) => delta.f_renorm(2.0, 0, *eps)?,
            (Norm::L2, Radii::Each(_)) => {
                let lengths = self.norm.of(&delta)?;
                let eps = self.eps.of(&lengths)?;
                let factor = eps.f_div(&lengths.f_add_scalar(1e-7)?)?;
                delta.f_mul(
                    &factor.f_where_self(&lengths.f_gt_tensor(&eps)?, &lengths.f_ones_like()?)?,
                )?
            }
            (Norm::Linf, Radii::All(eps)) => delta.f_clamp(-*eps, *eps)?,
            (Norm::Linf, Radii::Each(eps)) => {
                let eps = eps.f_to_kind(delta.f_kind()?)?;
                delta.f_minimum(&eps)?.f_maximum(&eps.f_neg()?)?
            }
        };
        Ok(centre.f_add(&delta)?.f_clamp(0.0, 1.0)?)
    }

    /// `x` moved by `lengths` along the steepest direction: the sign of the gradient (linf), the
    /// gradient over its norm + 1e-10 per image (L2), or the signs of its largest hundredth (L1).
    ///
    /// # Errors
    /// Shapes differ.
    pub fn step(&self, x: &Tensor, gradient: &Tensor, lengths: &Radii) -> Result<Tensor> {
        let direction = match self.norm {
            Norm::L1 => l1::direction(x, gradient)?,
            Norm::L2 => gradient.f_div(&self.norm.of(gradient)?.f_add_scalar(1e-10)?)?,
            Norm::Linf => gradient.f_sign()?,
        };
        Ok(x.f_add(&lengths.scale(&direction)?)?)
    }

    /// `x` moved along `direction` and clamped to [0,1], so far that the clamped perturbation has
    /// the norm `eps`: clamping alone would shorten it. Where the range ends before that, as far
    /// as it goes; where the direction is zero, `x`. Both of shape (N, C, H, W).
    ///
    /// # Errors
    /// Shapes differ.
    pub fn reach(&self, x: &Tensor, direction: &Tensor) -> Result<Tensor> {
        reach::reach(self.norm, &self.eps, x, direction)
    }

    /// Where an attack of `x` starts: [`Self::draw`] added and clamped to [0,1].
    ///
    /// # Errors
    /// `ids` has another length than the batch.
    pub fn start(&self, x: &Tensor, start: Start, ids: &[u64], stream: Stream) -> Result<Tensor> {
        match start {
            Start::None => Ok(x.shallow_clone()),
            _ => Ok(x.f_add(&self.draw(x, start, ids, stream)?)?.f_clamp(0.0, 1.0)?),
        }
    }

    /// A random perturbation of the shape of `x`; image i draws from `stream.at(ids[i])`.
    ///
    /// In the ball the radius of a point of the sphere is multiplied by U^(1/d) (L2), or a uniform
    /// point of the simplex is taken (L1).
    ///
    /// # Errors
    /// `ids` has another length than the batch.
    pub fn draw(&self, x: &Tensor, start: Start, ids: &[u64], stream: Stream) -> Result<Tensor> {
        let each = x.size().iter().skip(1).product::<i64>().max(1) as f64;
        let noise = match (self.norm, start) {
            (_, Start::None) => return Ok(x.f_zeros_like()?),
            (Norm::Linf, Start::Ball) => draws::uniforms(x, ids, stream)?,
            (Norm::Linf, Start::Sphere) => {
                let noise = draws::uniforms(x, ids, stream)?;
                noise.f_div(&self.norm.of(&noise)?.f_clamp_min(1e-12)?)?
            }
            (Norm::L2, _) => {
                let noise = normals(x, ids, stream)?;
                let noise = noise.f_div(&self.norm.of(&noise)?.f_add_scalar(1e-10)?)?;
                match start {
                    Start::Ball => {
                        let radius = draws::one_each(x, ids, stream)?;
                        noise.f_mul(&radius.f_pow_tensor_scalar(1.0 / each)?)?
                    }
                    _ => noise,
                }
            }
            (Norm::L1, _) => {
                let noise = draws::laplacians(x, ids, stream)?;
                let lengths = self.norm.of(&noise)?;
                let rest = match start {
                    Start::Ball => {
                        draws::one_each(x, ids, stream)?.f_rsub_scalar(1.0)?.f_log()?.f_neg()?
                    }
                    _ => lengths.f_zeros_like()?,
                };
                noise.f_div(&lengths.f_add(&rest)?.f_clamp_min(1e-12)?)?
            }
        };
        self.eps.scale(&noise)
    }
}
