//! DeepFool: steps to the nearest linearised boundary.

use super::boundary::{length, nearest};
use super::{Attack, Build, Cost, Part, Perturbation, Target, correct, of_images, within};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind as Takes, Param, Spec, Value};
use crate::threat_model::{Norm, NormBall, ThreatModel};
use std::rc::Rc;
use tch::{Kind, Tensor, no_grad_guard};

/// The option `eps` of attacks that look for the nearest adversarial image.
pub(super) const EPS: Param = Param::optional(
    "eps",
    Takes::Float { min: 0.0, max: f64::INFINITY },
    "Images whose adversarial is farther stay unperturbed, in pixels of [0,1]; unlimited if left \
     out.",
);

/// Reads [`EPS`].
pub(super) fn farthest(args: &Args) -> Result<f64> {
    match args.value("eps")? {
        Value::Unit => Ok(f64::INFINITY),
        _ => args.float("eps"),
    }
}

/// `attack::deepfool`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "deepfool",
        home: Home::Namespace("attack"),
        doc: "DeepFool: looks for the nearest misclassified image by linear steps. \
              Each step goes to the nearest of the boundaries to the `candidates` most likely \
              classes, as they look from the present point, and `overshoot` farther. An image \
              stops when it is misclassified; one that is so already stays as it is. The norm of \
              what comes out is an upper bound of the distance to the boundary. There is no l1: the \
              shortest way to a plane moves one pixel there, which the range stops.",
        inputs: &[],
        params: &[
            Param::choice("norm", &["l2", "linf"], NormBall::NORM.doc),
            EPS,
            ThreatModel::PARAM,
            Param::int("steps", 50, 1, "Most steps of an image."),
            Param::int("candidates", 10, 2, "Classes considered, the most likely ones."),
            Param::float("overshoot", 0.02, 0.0, "Share of the way that is gone in addition."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example { code: "attack::deepfool(#{ eps: 1.0 })", shows: "deepfool: l2 eps 1" },
        cite: "Moosavi-Dezfooli et al. 2016, arXiv 1511.04599; foolbox 3.3.4 deepfool.py",
        version: 1,
    },
    build,
};

struct DeepFool {
    ball: NormBall,
    steps: i64,
    candidates: i64,
    overshoot: f64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(DeepFool {
        ball: NormBall { norm: NormBall::norm_of(args)?, eps: farthest(args)? },
        steps: args.int("steps")?,
        candidates: args.int("candidates")?,
        overshoot: args.float("overshoot")?,
    }))
}

impl DeepFool {
    /// The step to the nearest boundary from `x`; `classes` (N, candidates), the first the image's
    /// own. Also which images are misclassified already.
    fn step(&self, target: &Target<'_>, x: &Tensor, classes: &Tensor) -> Result<(Tensor, Tensor)> {
        let found = nearest("deepfool", target, x, classes, self.ball.norm)?;
        let _guard = no_grad_guard();
        // For stability, as foolbox.
        let farther = found.distance.f_add_scalar(1e-4)?;
        let step = match self.ball.norm {
            Norm::Linf => found.gradient.f_sign()?.f_mul(&farther)?,
            norm => found.gradient.f_mul(&farther.f_div(&length(norm, &found.gradient)?)?)?,
        };
        Ok((step, correct(&found.logits, target.y)?.f_logical_not()?))
    }
}

impl Attack for DeepFool {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let (mut x, mut total) = (centre.shallow_clone(), centre.f_zeros_like()?);
        let classes = {
            let _guard = no_grad_guard();
            let logits = target.logits("deepfool", &centre)?;
            let count = self.candidates.min(logits.size().last().copied().unwrap_or(0));
            logits.f_topk(count, 1, true, true)?.1
        };
        let mut standing = target.y.f_ones_like()?.f_to_kind(Kind::Bool)?;
        for _ in 0..self.steps {
            let Some(part) = Part::of(target, &standing)? else { break };
            let row = |of: &Tensor| of.f_index_select(0, &part.rows);
            let inner = part.target(target.model, target.stream);
            let (step, wrong) = self.step(&inner, &row(&x)?, &row(&classes)?)?;
            let _guard = no_grad_guard();
            let gone = row(&total)?.f_add(&step)?;
            let next =
                part.x.f_add(&gone.f_mul_scalar(1.0 + self.overshoot)?)?.f_clamp(0.0, 1.0)?;
            let next = row(&x)?.f_where_self(&of_images(&wrong)?, &next)?;
            total = part.put(&total, &gone)?;
            x = part.put(&x, &next)?;
            standing = part.put(&standing, &wrong.f_logical_not()?)?;
        }
        let _guard = no_grad_guard();
        Perturbation::between(&centre, within(&self.ball, target, x)?, &self.ball)
    }

    fn cost(&self, classes: i64) -> Cost {
        let others = self.candidates.min(classes) - 1;
        Cost::of(1 + self.steps, self.steps * others)
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
