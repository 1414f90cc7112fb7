//! The worst of several noises: adversarial choice without a gradient.

use super::gaussian_noise::noisy;
use super::{Attack, Build, Cost, Perturbation, Target};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::NormBall;
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::worst_of_noise`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "worst_of_noise",
        home: Home::Namespace("attack"),
        doc: "Draws several noises and keeps, per image, the one of highest cross-entropy. \
              The `tries` noises are those of `attack::gaussian_noise`; of equal ones the \
              earlier is kept. It controls for choosing by the loss without using a \
              gradient; each try costs one forward pass.",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            Param::int("tries", 4, 1, "Noises drawn per image."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::worst_of_noise(#{ eps: 0.5, tries: 4 })",
            shows: "worst_of_noise: l2 eps 0.5",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct WorstOfNoise {
    ball: NormBall,
    tries: i64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(WorstOfNoise { ball: NormBall::from_args(args)?, tries: args.int("tries")? }))
}

impl Attack for WorstOfNoise {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let mut worst = None;
        for attempt in 0..self.tries {
            let stream = target.stream.at(attempt.unsigned_abs());
            let x = noisy(&self.ball, target, stream)?;
            let losses = target.losses("worst_of_noise", &x)?;
            worst = Some(super::Best::update(worst, &x, &losses)?);
        }
        let x = worst.map_or_else(|| target.x.shallow_clone(), |best| best.x);
        Perturbation::between(target.x, x, &self.ball)
    }

    fn cost(&self) -> Cost {
        Cost { forwards: self.tries, backwards: 0 }
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
