//! Gaussian noise of a given deviation, as randomised smoothing adds it.

use super::{Attack, Build, Cost, NO_PASS, Perturbation, Target, no_radii};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, normals};
use std::rc::Rc;
use tch::no_grad_guard;

/// `attack::gaussian`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "gaussian",
        home: Home::Namespace("attack"),
        doc: "Gaussian noise of a given deviation, the same for every pixel. It is not clamped to \
              [0,1] unless asked for: Cohen et al. train and certify with noise that leaves the \
              range, and the normalisation of pixels does not clamp either. The norm is recorded \
              in L2, about sigma times the root of the number of pixels and channels; no radius \
              bounds it. `attack::gaussian_noise` has a given norm instead.",
        inputs: &[],
        params: &[
            Param::float("sigma", 0.25, 0.0, "Standard deviation, in pixels of [0,1]."),
            Param::bool("clamp", false, "Whether noisy images are clamped to [0,1]."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::gaussian(#{ sigma: 0.25 })",
            shows: "gaussian: sigma 0.25",
        },
        cite: "Cohen et al. 2019, arXiv 1902.02918, section 3.3",
        version: 1,
    },
    build,
};

struct Gaussian {
    sigma: f64,
    clamp: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(Gaussian { sigma: args.float("sigma")?, clamp: args.bool("clamp")? }))
}

impl Attack for Gaussian {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        no_radii("gaussian", target, "sigma")?;
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        let noise = normals(&x, target.ids, target.stream)?;
        let noisy = x.f_add(&noise.f_mul_scalar(self.sigma)?)?;
        let noisy = if self.clamp { noisy.f_clamp(0.0, 1.0)? } else { noisy };
        Perturbation::between(&x, noisy, &self.ball())
    }

    fn cost(&self, _: i64) -> Cost {
        NO_PASS
    }

    fn ball(&self) -> NormBall {
        NormBall { norm: Norm::L2, eps: f64::INFINITY }
    }

    fn in_box(&self) -> bool {
        self.clamp
    }

    fn strength(&self) -> String {
        format!("sigma {}{}", self.sigma, if self.clamp { ", clamped" } else { "" })
    }
}
