//! One step of the length of the ball.

use super::losses::{Goal, Loss};
use super::pgd::{Pgd, Schedule, StepSize};
use super::{Attack, Build};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::threat_model::{NormBall, Start, ThreatModel};
use std::rc::Rc;

/// `attack::fgsm`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "fgsm",
        home: Home::Namespace("attack"),
        doc: "The fast gradient sign method: one step to the surface of the ball. \
              It is `attack::pgd` with one step, whose end is kept. Without a start its step is \
              eps long, with a random one 1.25 eps, as Wong et al. train. In L2 it follows the \
              gradient, in l1 the signs of its largest hundredth.",
        inputs: &[],
        params: &[
            Param::choice("norm", &["linf", "l2", "l1"], NormBall::NORM.doc),
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::optional(
                "step_size",
                Kind::Float { min: 0.0, max: f64::INFINITY },
                "Length of the step in pixels of [0,1].",
            ),
            Start::PARAM,
            Loss::PARAM,
            Goal::PARAM,
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::fgsm(#{ eps: 8.0 / 255.0, random_start: \"ball\" }).name",
            shows: "fgsm",
        },
        cite: "Goodfellow et al. 2015, arXiv 1412.6572; random start: Wong et al. 2020, arXiv \
               2001.03994",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let start = Start::from_args(args)?;
    let share = if start == Start::None { 1.0 } else { 1.25 };
    Ok(Rc::new(Pgd {
        name: "fgsm",
        ball: NormBall::from_args(args)?,
        steps: 1,
        step_size: StepSize::from_args(args, share)?,
        schedule: Schedule::Constant,
        start,
        restarts: 1,
        loss: Loss::from_args(args)?,
        goal: Goal::from_args(args)?,
        keep_best: false,
    }))
}
