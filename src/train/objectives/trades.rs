//! TRADES: the loss on clean images, and how far perturbations move the prediction.

use super::perturbed::Frozen;
use super::{Build, EPS, Moment, NORM, Objective, Passes, Step, ball};
use crate::attack::{Attacker, Perturbation, Victim};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use crate::threat_model::{Norm, NormBall, normals};
use crate::torch;
use crate::train::overfit;
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

pub(super) struct Trades {
    ball: NormBall,
    steps: i64,
    step_size: f64,
    beta: f64,
    attacker: Attacker,
    frozen: Frozen,
}

/// The standard deviation of the noise that the ascent starts from.
const NOISE: f64 = 0.001;

/// The children of an image's stream count from here for directions where there is no gradient.
const LOST: u64 = u64::MAX / 2;

impl Trades {
    pub fn new(ball: NormBall, steps: i64, step_size: f64, beta: f64) -> Result<Self> {
        let options = [
            ("steps", Value::Int(steps)),
            ("step_size", Value::Float(step_size)),
            ("random_start", Value::Text("ball".to_owned())),
        ];
        let attacker = overfit::attack("pgd", &ball, &options)?;
        Ok(Self { ball, steps, step_size, beta, attacker, frozen: Frozen::default() })
    }

    /// The images in the ball around those of the batch, up the divergence from `noise` on.
    pub fn ascend(
        &self,
        model: &dyn Victim,
        moment: &Moment<'_>,
        noise: &Tensor,
    ) -> Result<Tensor> {
        let x = moment.batch.x.f_detach()?;
        let clean = {
            let _guard = no_grad_guard();
            model.logits(&x)?
        };
        let mut at = x.f_add(noise)?;
        for step in 0..self.steps {
            let leaf = at.f_detach()?.f_set_requires_grad(true)?;
            let divergence = divergence(&clean, &model.logits(&leaf)?)?;
            let gradient = torch::gradients(&divergence, &[&leaf], false, false)?
                .pop()
                .filter(Tensor::defined)
                .ok_or_else(|| Error::internal("trades: the logits do not depend on the images"))?;
            let _guard = no_grad_guard();
            at = match self.ball.norm {
                Norm::L2 => self.step_in_l2(moment, &x, &leaf, &gradient, step)?,
                _ => {
                    let moved = self.ball.step(&leaf.f_detach()?, &gradient, self.step_size)?;
                    self.ball.project(&moved, &x)?
                }
            };
        }
        Ok(at.f_clamp(0.0, 1.0)?)
    }

    /// As the reference code, which clamps to [0,1] before it projects, and takes noise for the
    /// direction where the gradient is zero.
    fn step_in_l2(
        &self,
        moment: &Moment<'_>,
        x: &Tensor,
        at: &Tensor,
        gradient: &Tensor,
        step: i64,
    ) -> Result<Tensor> {
        let lengths = Norm::L2.of(gradient)?;
        let lost = lengths.f_eq(0.0)?;
        let mut direction = gradient.f_div(&lengths)?;
        if lost.f_any()?.f_int64_value(&[])? == 1 {
            let stream = moment.stream.at(LOST + step.unsigned_abs());
            direction = normals(x, &moment.batch.ids, stream)?.f_where_self(&lost, &direction)?;
        }
        let moved = at.f_detach()?.f_add(&direction.f_mul_scalar(self.step_size)?)?;
        let delta = moved.f_clamp(0.0, 1.0)?.f_sub(x)?.f_renorm(2.0, 0, self.ball.eps)?;
        Ok(x.f_add(&delta)?)
    }

    /// The step on the batch and its `adversarial` images.
    pub fn descend(&self, moment: &Moment<'_>, adversarial: Tensor) -> Result<Step> {
        let x = &moment.batch.x;
        let clean = moment.logits(x)?;
        let perturbed = moment.logits(&adversarial)?;
        let apart = divergence(&clean, &perturbed)?.f_div_scalar(x.size()[0] as f64)?;
        let loss = moment.cross_entropy(&clean)?.f_add(&apart.f_mul_scalar(self.beta)?)?;
        let perturbation = Some(Perturbation::between(x, adversarial, &self.ball)?);
        Ok(Step { perturbation, ..Step::plain(loss, perturbed) })
    }
}

/// KL(p || q) of the predictions of two batches of logits, summed over the batch.
fn divergence(p: &Tensor, q: &Tensor) -> Result<Tensor> {
    let kind = p.f_kind()?;
    let (p, q) = (p.f_log_softmax(1, kind)?, q.f_log_softmax(1, kind)?);
    Ok(p.f_exp()?.f_mul(&p.f_sub(&q)?)?.f_sum(kind)?)
}

impl Objective for Trades {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let (x, ids) = (&moment.batch.x, &moment.batch.ids);
        let noise = normals(x, ids, moment.stream)?.f_mul_scalar(NOISE)?;
        let adversarial =
            self.frozen.with(moment.network, |model| self.ascend(model, moment, &noise))?;
        self.descend(moment, adversarial)
    }

    fn passes(&self, _: i64) -> Passes {
        Passes {
            images: 2,
            given: 1,
            fresh: 1,
            forwards: self.steps + 3,
            to_images: self.steps,
            to_weights: 2,
            ..Passes::CLEAN
        }
    }

    fn attack(&self) -> Option<&Attacker> {
        Some(&self.attacker)
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let (ball, steps) = (ball(args)?, args.int("steps")?);
    let step_size = args.optional_float("step_size")?;
    let step_size = step_size.unwrap_or(2.0 * ball.eps / steps.max(1) as f64);
    let trades = Trades::new(ball, steps, step_size, args.float("beta")?)?;
    Ok((Rc::new(trades), "trades".to_owned()))
}

/// `train::trades`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "trades",
        home: Home::Namespace("train"),
        doc: "Trains on the loss of clean images and on how far perturbations move predictions. \
              The loss is the mean cross-entropy, with label smoothing, plus beta times the mean \
              divergence KL(p(x) || p(x')), both predictions in train mode and differentiated. \
              The perturbed x' start at x + 0.001 N(0, 1) and take `steps` steps of step_size up \
              the same divergence against the network in eval mode: linf along the sign of the \
              gradient, L2 along its direction, clamped to [0,1] and then projected. Labels have \
              no part in them. The reference code runs the clean images through train mode \
              twice, which only its running statistics tell. In weak_attack, own is PGD on the \
              labels with the same steps.",
        inputs: &[],
        params: &[
            NORM,
            EPS,
            Param::int("steps", 10, 0, "Gradient steps."),
            Param::optional(
                "step_size",
                Kind::Float { min: 0.0, max: f64::INFINITY },
                "Length of a step in pixels of [0,1]; 2 eps / steps if left out.",
            ),
            Param::float("beta", 6.0, 0.0, "Weight of the divergence."),
            Param::label("Name in tables and plots."),
        ],
        returns: "objective",
        example: Example {
            code: "train::trades(#{ norm: \"l2\", eps: 0.5, steps: 3 }).name",
            shows: "trades",
        },
        cite: "Zhang et al. 2019, arXiv 1901.08573; the authors' trades.py",
        version: 1,
    },
    build,
};
