//! Gaussian noise of the norm of the attack it controls.

use super::{Attack, Build, Cost, Perturbation, Target};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;
use crate::threat_model::{NormBall, normals};
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::gaussian_noise`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "gaussian_noise",
        home: Home::Namespace("attack"),
        doc: "Gaussian noise of a given norm. A standard normal direction per image is \
              scaled to norm eps (L2, or the largest absolute value for linf), added and \
              clamped to [0,1]. Clamping shortens it; the realised norm is recorded. It \
              costs no pass through the network.",
        inputs: &[],
        params: &[NormBall::NORM, NormBall::EPS, Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "attack::gaussian_noise(#{ eps: 0.5 })",
            shows: "gaussian_noise: l2 eps 0.5",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct GaussianNoise {
    ball: NormBall,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(GaussianNoise { ball: NormBall::from_args(args)? }))
}

/// The images plus a normal direction of norm eps each, clamped to [0,1].
pub(super) fn noisy(ball: &NormBall, target: &Target<'_>, stream: Stream) -> Result<Tensor> {
    let x = target.x.f_detach()?;
    let noise = normals(&x, target.ids, stream)?;
    let lengths = ball.norm.of(&noise)?.f_add_scalar(1e-10)?;
    let noise = ball.around(target.eps.as_ref())?.eps.scale(&noise.f_div(&lengths)?)?;
    Ok(x.f_add(&noise)?.f_clamp(0.0, 1.0)?)
}

impl Attack for GaussianNoise {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let x = noisy(&self.ball, target, target.stream)?;
        Perturbation::between(target.x, x, &self.ball)
    }

    fn cost(&self) -> Cost {
        Cost { forwards: 0, backwards: 0 }
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
