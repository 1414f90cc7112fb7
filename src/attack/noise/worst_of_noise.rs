//! The worst of several noises: adversarial choice without a gradient.

use super::gaussian_noise::GaussianNoise;
use super::{Attack, Attacker, Build, Cost, Perturbation, Target};
use crate::attack::Best;
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use crate::threat_model::{NormBall, ThreatModel};
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::worst_of_noise`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "worst_of_noise",
        home: Home::Namespace("attack"),
        doc: "Draws several noises and keeps, per image, the one of highest cross-entropy. \
              The `tries` noises are those of the attack that is given, or else of \
              `attack::gaussian_noise`; of equal ones the earlier is kept. It controls for \
              choosing by the loss without using a gradient; each try costs one forward pass, \
              and what the noise costs.",
        inputs: &[Param {
            default: Default::Unset,
            ..Param::input(
                "noise",
                Kind::Handle("attack"),
                "What is drawn, with a norm and an eps of its own.",
            )
        }],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::int("tries", 4, 1, "Noises drawn per image."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::worst_of_noise(attack::salt_pepper(), #{ tries: 4 })",
            shows: "worst_of_noise(salt_pepper): fraction 0.05",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct WorstOfNoise {
    noise: Rc<dyn Attack>,
    tries: i64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let noise = match args.optional_handle::<Attacker>("noise")? {
        None => Rc::new(GaussianNoise { ball: NormBall::from_args(args)?, renorm: false }),
        Some(noise) => {
            if let Some(key) = ["norm", "eps"].into_iter().find(|key| !args.is_defaulted(key)) {
                return Err(Error::usage(format!(
                    "worst_of_noise: expected no {key} beside a noise, found one"
                ))
                .at_key(key)
                .hint(format!("give {key} to the noise")));
            }
            noise.attack
        }
    };
    Ok(Rc::new(WorstOfNoise { noise, tries: args.int("tries")? }))
}

impl Attack for WorstOfNoise {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let mut worst = None;
        for attempt in 0..self.tries {
            let stream = target.stream.at(attempt.unsigned_abs());
            let eps = target.eps.as_ref().map(Tensor::shallow_clone);
            let x = self.noise.perturb(&Target { stream, eps, ..*target })?.adversarial;
            let _guard = no_grad_guard();
            let losses = target.losses("worst_of_noise", &x)?;
            worst = Some(Best::update(worst, &x, &losses)?);
        }
        let x = worst.map_or_else(|| centre.shallow_clone(), |best| best.x);
        Perturbation::between(&centre, x, &self.ball())
    }

    fn cost(&self, classes: i64) -> Cost {
        self.noise.cost(classes).runs(self.tries)
    }

    fn ball(&self) -> NormBall {
        self.noise.ball()
    }

    fn per_example(&self) -> bool {
        self.noise.per_example()
    }

    fn in_box(&self) -> bool {
        self.noise.in_box()
    }

    fn strength(&self) -> String {
        self.noise.strength()
    }
}
