//! Noise that is uniform in the L2 ball.

use super::{Attack, Build, Cost, NO_PASS, Perturbation, RENORM, Target, clamped};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, Start, ThreatModel};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::ball_l2`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "ball_l2",
        home: Home::Namespace("attack"),
        doc: "Noise that is uniform in the L2 ball. A uniform direction has length eps u^(1/d) for \
              d pixels and channels and a uniform u: the mean length is d / (d + 1) of eps, so that \
              for images this is nearly `attack::gaussian_noise`. Then it is clamped to [0,1].",
        inputs: &[],
        params: &[
            NormBall::EPS,
            ThreatModel::PARAM,
            RENORM,
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example { code: "attack::ball_l2(#{ eps: 0.5 })", shows: "ball_l2: l2 eps 0.5" },
        cite: "",
        version: 1,
    },
    build,
};

struct BallL2 {
    ball: NormBall,
    renorm: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let ball = NormBall { norm: Norm::L2, eps: args.float("eps")? };
    Ok(Rc::new(BallL2 { ball, renorm: args.bool("renorm")? }))
}

impl Attack for BallL2 {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        let balls = self.ball.around(target.eps.as_ref())?;
        let noise = balls.draw(&x, Start::Ball, target.ids, target.stream)?;
        let noisy = clamped(self.ball.norm, &x, &noise, self.renorm)?;
        Perturbation::between(&x, noisy, &self.ball)
    }

    fn cost(&self, _: i64) -> Cost {
        NO_PASS
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
