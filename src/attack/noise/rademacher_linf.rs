//! Noise at the corners of the box around each image.

use super::{Attack, Build, Cost, NO_PASS, Perturbation, Target};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, ThreatModel, uniforms};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::rademacher_linf`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "rademacher_linf",
        home: Home::Namespace("attack"),
        doc: "Noise of eps or -eps, each with probability 1/2, value by value. It lies in a corner \
              of the linf ball, as the perturbations of `attack::fgsm` do, with signs that say \
              nothing. Then it is clamped to [0,1].",
        inputs: &[],
        params: &[NormBall::EPS, ThreatModel::PARAM, Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "attack::rademacher_linf(#{ eps: 8.0 / 255.0 }).name",
            shows: "rademacher_linf",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct RademacherLinf {
    ball: NormBall,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(RademacherLinf { ball: NormBall { norm: Norm::Linf, eps: args.float("eps")? } }))
}

impl Attack for RademacherLinf {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        let up = uniforms(&x, target.ids, target.stream)?.f_ge(0.0)?;
        let signs = up.f_to_kind(x.f_kind()?)?.f_mul_scalar(2)?.f_sub_scalar(1)?;
        let noise = self.ball.around(target.eps.as_ref())?.eps.scale(&signs)?;
        Perturbation::between(&x, x.f_add(&noise)?.f_clamp(0.0, 1.0)?, &self.ball)
    }

    fn cost(&self, _: i64) -> Cost {
        NO_PASS
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
