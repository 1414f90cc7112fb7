//! Free adversarial training: one backward pass moves weights and perturbations.

use super::{Build, EPS, Moment, NORM, Objective, Passes, Size, Step, ball};
use crate::attack::{Attacker, Perturbation};
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use crate::threat_model::{Norm, NormBall};
use crate::train::overfit;
use std::rc::Rc;
use tch::Tensor;

pub(super) struct Free {
    ball: NormBall,
    step_size: f64,
    replays: i64,
    attacker: Attacker,
}

impl Free {
    pub fn new(ball: NormBall, step_size: f64, replays: i64) -> Result<Self> {
        let start = Value::Text("ball".to_owned());
        let options = [("step_size", Value::Float(step_size)), ("random_start", start)];
        Ok(Self { ball, step_size, replays, attacker: overfit::attack("fgsm", &ball, &options)? })
    }
}

impl Objective for Free {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let x = &moment.batch.x;
        // Of as many rows as the largest batch so far; those that a short one lacks stay.
        let carried = match moment.carried {
            None => x.f_zeros_like()?,
            Some(carried) => {
                let missing = (x.size()[0] - carried.size()[0]).max(0);
                Tensor::f_cat(&[carried, &x.f_narrow(0, 0, missing)?.f_zeros_like()?], 0)?
            }
        };
        let leaf = carried.f_set_requires_grad(true)?;
        let adversarial = x.f_add(&leaf.f_narrow(0, 0, x.size()[0])?)?.f_clamp(0.0, 1.0)?;
        let logits = moment.logits(&adversarial)?;
        let loss = moment.cross_entropy(&logits)?;
        let perturbation = {
            let _guard = tch::no_grad_guard();
            Perturbation::between(x, adversarial.f_detach()?, &self.ball)?
        };
        let perturbation = Some(perturbation);
        Ok(Step { perturbation, leaf: Some(leaf), ..Step::plain(loss, logits) })
    }

    fn passes(&self, _: i64) -> Passes {
        Passes { to_images: 1, ..Passes::PERTURBED }
    }

    fn replays(&self) -> i64 {
        self.replays
    }

    fn carry(&self, step: &Step, gradient: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let leaf =
            step.leaf.as_ref().ok_or_else(|| Error::internal("free: a step without leaf"))?;
        let moved = self.ball.step(&leaf.f_detach()?, gradient, self.step_size)?;
        Ok(match self.ball.norm {
            Norm::L2 => moved.f_renorm(2.0, 0, self.ball.eps)?,
            _ => moved.f_clamp(-self.ball.eps, self.ball.eps)?,
        })
    }

    fn stretch(&self, _: &Split, _: Size) -> Result<f64> {
        Ok(1.0 / self.replays as f64)
    }

    fn attack(&self) -> Option<&Attacker> {
        Some(&self.attacker)
    }

    fn carries(&self) -> bool {
        true
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let ball = ball(args)?;
    let step_size = args.optional_float("step_size")?.unwrap_or(ball.eps);
    let free = Free::new(ball, step_size, args.int("replays")?)?;
    Ok((Rc::new(free), "free".to_owned()))
}

/// `train::free`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "free",
        home: Home::Namespace("train"),
        doc: "Trains on a perturbation that moves with every update, from the same backward pass. \
              Each batch is used `replays` times in a row, and each time one backward pass gives \
              the gradient of the weights and that of the perturbation, which takes a step of \
              step_size up the loss, label smoothing included, and is kept within eps. It starts \
              at zero and goes on from batch to batch, row by row; rows that a short batch lacks \
              stay as they are. Epochs are divided by replays, so that it makes as many updates \
              as other objectives. As in the reference code the gradient is that of train mode.",
        inputs: &[],
        params: &[
            NORM,
            EPS,
            Param::optional(
                "step_size",
                Kind::Float { min: 0.0, max: f64::INFINITY },
                "Length of a step in pixels of [0,1]; eps if left out.",
            ),
            Param::int("replays", 4, 1, "Updates in a row on one batch."),
            Param::label("Name in tables and plots."),
        ],
        returns: "objective",
        example: Example {
            code: "let m = model::resnet8(#{ width: 4, size: 8 });\n\
                   let data = dataset::digits(#{ limit: 200 });\n\
                   let free = train::free(#{ replays: 2 });\n\
                   m.train(data, #{ epochs: 2, objective: free }).updates",
            shows: "4",
        },
        cite: "Shafahi et al. 2019, arXiv 1904.12843; the authors' main_free.py",
        version: 1,
    },
    build,
};
