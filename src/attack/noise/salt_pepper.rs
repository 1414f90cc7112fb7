//! Pixels that are black or white by chance.

use super::{Attack, Build, Cost, NO_PASS, Perturbation, Target, no_radii};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, uniforms};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::salt_pepper`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "salt_pepper",
        home: Home::Namespace("attack"),
        doc: "Sets pixels to black or white by chance. Each pixel changes with probability \
              `fraction`, in all of its channels together, to 0 or 1 equally often. The norm is \
              recorded in L2; no radius bounds it.",
        inputs: &[],
        params: &[
            Param::float("fraction", 0.05, 0.0, "Probability that a pixel changes.").up_to(1.0),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::salt_pepper(#{ fraction: 0.1 })",
            shows: "salt_pepper: fraction 0.1",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct SaltPepper {
    fraction: f64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(SaltPepper { fraction: args.float("fraction")? }))
}

impl Attack for SaltPepper {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        no_radii("salt_pepper", target, "fraction")?;
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        // Uniform in [-1, 1): half of the fraction at each end.
        let draws = uniforms(&x.f_narrow(1, 0, 1)?, target.ids, target.stream)?;
        let black = draws.f_lt(self.fraction - 1.0)?;
        let white = draws.f_ge(1.0 - self.fraction)?;
        let noisy = x.f_masked_fill(&black, 0.0)?.f_masked_fill(&white, 1.0)?;
        Perturbation::between(&x, noisy, &self.ball())
    }

    fn cost(&self, _: i64) -> Cost {
        NO_PASS
    }

    fn ball(&self) -> NormBall {
        NormBall { norm: Norm::L2, eps: f64::INFINITY }
    }

    fn strength(&self) -> String {
        format!("fraction {}", self.fraction)
    }
}
