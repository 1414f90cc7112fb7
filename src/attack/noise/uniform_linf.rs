//! Noise that is uniform in the box around each image.

use super::{Attack, Build, Cost, NO_PASS, Perturbation, Target};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, Start, ThreatModel};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::uniform_linf`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "uniform_linf",
        home: Home::Namespace("attack"),
        doc: "Noise that is uniform between -eps and eps, value by value. It fills the linf ball \
              evenly; its L2 norm is about eps times the root of a third of the number of values. \
              Then it is clamped to [0,1].",
        inputs: &[],
        params: &[NormBall::EPS, ThreatModel::PARAM, Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "attack::uniform_linf(#{ eps: 8.0 / 255.0 }).name",
            shows: "uniform_linf",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct UniformLinf {
    ball: NormBall,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(UniformLinf { ball: NormBall { norm: Norm::Linf, eps: args.float("eps")? } }))
}

impl Attack for UniformLinf {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        let balls = self.ball.around(target.eps.as_ref())?;
        let noisy = balls.start(&x, Start::Ball, target.ids, target.stream)?;
        Perturbation::between(&x, noisy, &self.ball)
    }

    fn cost(&self, _: i64) -> Cost {
        NO_PASS
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
