//! Projected gradient descent on the cross-entropy.

use super::{Attack, Best, Build, Cost, Perturbation, Target};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use crate::threat_model::NormBall;
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::pgd`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "pgd",
        home: Home::Namespace("attack"),
        doc: "Projected gradient descent up the cross-entropy, in a ball around each image. \
              Each of `steps` steps has length `step_size`, is projected into the ball and \
              then clamped to [0,1]. It equals the robustness library step by step: the \
              gradient of the batch mean over its norm + 1e-10 (L2) or its sign (linf). With \
              keep \"best\" every image keeps the iterate of highest loss, the start included \
              and ties to the earlier, for one more forward pass; with \"last\" it keeps the \
              last. A random start is uniform on the sphere (L2) or in the box (linf).",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            Param::int("steps", 3, 0, "Gradient steps."),
            Param::optional(
                "step_size",
                Kind::Float { min: 0.0, max: f64::INFINITY },
                "Length of a step in pixels of [0,1]; 2/3 of eps if left out.",
            ),
            Param::bool("random_start", false, "Starts at a random point instead of the image."),
            Param::choice("keep", &["best", "last"], "Which iterate an image keeps."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::pgd(#{ norm: \"l2\", eps: 0.5, steps: 3 })",
            shows: "pgd: l2 eps 0.5",
        },
        cite: "Madry et al. 2018; MadryLab/robustness attacker.py; step 2 eps / 3 as Salman et al. \
               2020, appendix A.1",
        version: 1,
    },
    build,
};

struct Pgd {
    ball: NormBall,
    steps: i64,
    step_size: f64,
    random_start: bool,
    keep_best: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let ball = NormBall::from_args(args)?;
    Ok(Rc::new(Pgd {
        ball,
        steps: args.int("steps")?,
        step_size: step_size(args, &ball)?,
        random_start: args.bool("random_start")?,
        keep_best: args.text("keep")? == "best",
    }))
}

fn step_size(args: &Args, ball: &NormBall) -> Result<f64> {
    match args.value("step_size")? {
        Value::Unit => Ok(ball.eps * 2.0 / 3.0),
        _ => args.float("step_size"),
    }
}

impl Attack for Pgd {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let mut x = match self.random_start {
            true => self.ball.random_start(&centre, target.ids, target.stream)?,
            false => centre.shallow_clone(),
        };
        let mut best = None;
        for _ in 0..self.steps {
            let leaf = x.f_detach()?.f_set_requires_grad(true)?;
            let losses = target.losses("pgd", &leaf)?;
            let mean = losses.f_mean(tch::Kind::Float)?;
            let gradient = Tensor::f_run_backward(&[&mean], &[&leaf], false, false)?.pop();
            let gradient = gradient
                .filter(Tensor::defined)
                .ok_or_else(|| Error::internal("pgd: the loss does not depend on the image"))?;
            let _guard = no_grad_guard();
            if self.keep_best {
                best = Some(Best::update(best, &x, &losses.f_detach()?)?);
            }
            x = self.ball.project(&self.ball.step(&x, &gradient, self.step_size)?, &centre)?;
        }
        let _guard = no_grad_guard();
        if self.keep_best {
            let losses = target.losses("pgd", &x)?;
            x = Best::update(best, &x, &losses)?.x;
        }
        Perturbation::between(&centre, x, &self.ball)
    }

    fn cost(&self) -> Cost {
        Cost { forwards: self.steps + i64::from(self.keep_best), backwards: self.steps }
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
