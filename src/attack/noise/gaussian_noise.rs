//! Gaussian noise of the norm of the attack it controls.

use super::{Attack, Build, Cost, NO_PASS, Perturbation, RENORM, Target, as_long_as};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{NormBall, ThreatModel, normals};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::gaussian_noise`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "gaussian_noise",
        home: Home::Namespace("attack"),
        doc: "Gaussian noise of a given norm. A standard normal direction per image is \
              scaled to norm eps (L2, or the largest absolute value for linf), added and \
              clamped to [0,1]. In L2 this is what others call gaussian_l2 and, as normal \
              directions are uniform on the sphere, sphere_l2. Clamping shortens it unless \
              `renorm` is set; the realised norm is recorded. It costs no pass through the \
              network.",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            ThreatModel::PARAM,
            RENORM,
            Param::label("Name in tables and plots."),
        ],
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

pub(super) struct GaussianNoise {
    pub(super) ball: NormBall,
    pub(super) renorm: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let (ball, renorm) = (NormBall::from_args(args)?, args.bool("renorm")?);
    Ok(Rc::new(GaussianNoise { ball, renorm }))
}

impl Attack for GaussianNoise {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        let noise = normals(&x, target.ids, target.stream)?;
        as_long_as(&self.ball, target, &x, &noise, self.renorm)
    }

    fn cost(&self, _: i64) -> Cost {
        NO_PASS
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
