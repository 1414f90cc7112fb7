//! Fast adversarial training: one step from a random start, with a guard.

use super::perturbed::Perturbed;
use super::{Build, EPS, Moment, NORM, Objective, Passes, Step, ball};
use crate::attack::Attacker;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use crate::train::overfit;
use std::rc::Rc;

struct Fast {
    perturbed: Perturbed,
    guard: Option<Attacker>,
}

impl Objective for Fast {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        self.perturbed.step(moment)
    }

    fn passes(&self, classes: i64) -> Passes {
        self.perturbed.passes(classes)
    }

    fn attack(&self) -> Option<&Attacker> {
        self.perturbed.attack()
    }

    fn guard(&self) -> Option<&Attacker> {
        self.guard.as_ref()
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let ball = ball(args)?;
    let step_size = args.optional_float("step_size")?.unwrap_or(1.25 * ball.eps);
    let attack = |name, more: &[(&str, Value)]| {
        let start = [("random_start", Value::Text("ball".to_owned()))];
        overfit::attack(name, &ball, &[&start, more].concat())
    };
    let fgsm = attack("fgsm", &[("step_size", Value::Float(step_size))])?;
    let ten = [("steps", Value::Int(10)), ("step_size", Value::Float(ball.eps / 4.0))];
    let guard = if args.bool("guard")? { Some(attack("pgd", &ten)?) } else { None };
    Ok((Rc::new(Fast { perturbed: Perturbed::new(fgsm, 0.0), guard }), "fast".to_owned()))
}

/// `train::fast`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "fast",
        home: Home::Namespace("train"),
        doc: "Trains on FGSM from a random start in the ball, and stops before it overfits to it. \
              With the guard, up to 256 training images, as in testing, are attacked after every \
              epoch by PGD of 10 steps of eps / 4 from a random start. Where the accuracy falls \
              by more than 0.2 from one epoch to the next, training ends, the weights of the \
              epoch before become the model and the status is overfit; the curve keeps the epoch \
              in which it fell. The attack sees the network in eval mode; the reference code \
              attacks in train mode.",
        inputs: &[],
        params: &[
            NORM,
            EPS,
            Param::optional(
                "step_size",
                Kind::Float { min: 0.0, max: f64::INFINITY },
                "Length of the step in pixels of [0,1]; 1.25 eps if left out.",
            ),
            Param::bool("guard", true, "Whether training stops where robust accuracy falls."),
            Param::label("Name in tables and plots."),
        ],
        returns: "objective",
        example: Example {
            code: "let m = model::resnet8(#{ width: 4, size: 8 });\n\
                   let data = dataset::digits(#{ limit: 200 });\n\
                   let r = m.train(data, #{ epochs: 1, objective: train::fast() });\n\
                   r.curve[0].guard_accuracy <= 1.0",
            shows: "true",
        },
        cite: "Wong et al. 2020, arXiv 2001.03994",
        version: 1,
    },
    build,
};
