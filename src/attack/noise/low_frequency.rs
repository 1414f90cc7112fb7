//! Smooth noise of a given norm.

use super::{Attack, Build, Cost, NO_PASS, Perturbation, RENORM, Target, as_long_as};
use crate::attack::frequency;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{NormBall, ThreatModel, normals};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::low_frequency`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "low_frequency",
        home: Home::Namespace("attack"),
        doc: "Gaussian noise without high frequencies, of a given norm. Of a standard normal image \
              only the waves of at most `cutoff` cycles per pixel stay, in all directions alike, \
              channel by channel and wrapped around the edges; 0.5 is the finest that a row can \
              hold. What is left is scaled to norm eps, added and clamped to [0,1], which brings \
              some high frequencies back where it clips.",
        inputs: &[],
        params: &[
            NormBall::NORM,
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::float("cutoff", 0.125, 0.0, "The highest frequency, in cycles per pixel.")
                .up_to(1.0),
            RENORM,
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::low_frequency(#{ eps: 0.5, cutoff: 0.1 })",
            shows: "low_frequency: l2 eps 0.5",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct LowFrequency {
    ball: NormBall,
    cutoff: f64,
    renorm: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let (ball, cutoff) = (NormBall::from_args(args)?, args.float("cutoff")?);
    Ok(Rc::new(LowFrequency { ball, cutoff, renorm: args.bool("renorm")? }))
}

impl Attack for LowFrequency {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        // A frequency k / n that equals the cutoff may miss it by its rounding.
        let kept = frequency::radial(&x)?.f_le(self.cutoff + 1e-9)?;
        let noise = frequency::only(&normals(&x, target.ids, target.stream)?, &kept)?;
        as_long_as(&self.ball, target, &x, &noise, self.renorm)
    }

    fn cost(&self, _: i64) -> Cost {
        NO_PASS
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
