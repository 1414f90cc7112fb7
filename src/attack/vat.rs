//! Virtual adversarial perturbations: adversarial without labels.

use super::{Attack, Build, Cost, Perturbation, Target, slope};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, ThreatModel, normals};
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::vat`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "vat",
        home: Home::Namespace("attack"),
        doc: "The perturbation that changes the network's own prediction most; needs no labels. \
              From a random direction, `iterations` times the gradient of the divergence KL(p(x) \
              || p(x + xi d)) in the unit direction d is normalised: the power method for the \
              first eigenvector of its curvature. The last one is scaled to eps (linf: its sign) \
              and clamped to [0,1].",
        inputs: &[],
        params: &[
            Param::choice("norm", &["l2", "linf"], NormBall::NORM.doc),
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::int("iterations", 1, 1, "Steps of the power method."),
            Param::float(
                "xi",
                0.1,
                0.0,
                "L2 distance at which the divergence is taken, in pixels of [0,1]; the paper's \
                 1e-6 is lost in f32.",
            ),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example { code: "attack::vat(#{ eps: 0.5 })", shows: "vat: l2 eps 0.5" },
        cite: "Miyato et al. 2018, arXiv 1704.03976, algorithm 1",
        version: 1,
    },
    build,
};

struct Vat {
    ball: NormBall,
    iterations: i64,
    xi: f64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(Vat {
        ball: NormBall::from_args(args)?,
        iterations: args.int("iterations")?,
        xi: args.float("xi")?,
    }))
}

fn unit(direction: &Tensor) -> Result<Tensor> {
    Ok(direction.f_div(&Norm::L2.of(direction)?.f_clamp_min(1e-30)?)?)
}

impl Attack for Vat {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let kind = centre.f_kind()?;
        let own = {
            let _guard = no_grad_guard();
            target.logits("vat", &centre)?.f_softmax(1, kind)?
        };
        let mut direction = unit(&normals(&centre, target.ids, target.stream)?)?;
        for _ in 0..self.iterations {
            let leaf = direction.f_detach()?.f_set_requires_grad(true)?;
            let logits = target.logits("vat", &centre.f_add(&leaf.f_mul_scalar(self.xi)?)?)?;
            // KL up to the entropy of p(x), which is constant.
            let divergence = own.f_mul(&logits.f_log_softmax(1, kind)?)?.f_sum(kind)?.f_neg()?;
            let gradient = slope("vat", &divergence, &leaf, false)?;
            let _guard = no_grad_guard();
            direction = unit(&gradient)?;
        }
        let _guard = no_grad_guard();
        let balls = self.ball.around(target.eps.as_ref())?;
        let x = balls.project(&balls.step(&centre, &direction, &balls.eps)?, &centre)?;
        Perturbation::between(&centre, x, &self.ball)
    }

    fn cost(&self, _: i64) -> Cost {
        Cost::of(1 + self.iterations, self.iterations)
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
