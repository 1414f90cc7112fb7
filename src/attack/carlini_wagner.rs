//! Carlini and Wagner's attack: the nearest adversarial image by optimisation.

use super::deepfool::{EPS, farthest};
use super::losses::{at, others};
use super::{Attack, Build, Cost, Perturbation, Target, correct, of_images, slope, within};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, ThreatModel};
use std::rc::Rc;
use tch::{Kind, Tensor, no_grad_guard};

/// `attack::carlini_wagner`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "carlini_wagner",
        home: Home::Namespace("attack"),
        doc: "Carlini and Wagner's L2 attack: minimises the squared norm plus a constant times \
              the margin. It descends with Adam in the arctanh of the pixels, so that they stay \
              in [0,1]. The constant is searched per image: ten times larger until it fools, then \
              by bisection. The nearest misclassified iterate of all runs is kept; images without \
              one stay unperturbed. It follows foolbox without its early stop, which depends on \
              the other images of the batch.",
        inputs: &[],
        params: &[
            EPS,
            ThreatModel::PARAM,
            Param::int("steps", 200, 1, "Adam steps for each constant."),
            Param::int("searches", 9, 1, "Constants tried."),
            Param::float("step_size", 0.01, 0.0, "Step of Adam, in the arctanh of the pixels."),
            Param::float("initial_const", 0.001, 0.0, "The first constant."),
            Param::float("confidence", 0.0, 0.0, "Margin of logits that has to be crossed."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::carlini_wagner(#{ steps: 100, eps: 1.0 })",
            shows: "carlini_wagner: l2 eps 1",
        },
        cite: "Carlini and Wagner 2017, arXiv 1608.04644; foolbox 3.3.4 carlini_wagner.py",
        version: 1,
    },
    build,
};

struct CarliniWagner {
    ball: NormBall,
    steps: i64,
    searches: i64,
    step_size: f64,
    initial_const: f64,
    confidence: f64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(CarliniWagner {
        ball: NormBall { norm: Norm::L2, eps: farthest(args)? },
        steps: args.int("steps")?,
        searches: args.int("searches")?,
        step_size: args.float("step_size")?,
        initial_const: args.float("initial_const")?,
        confidence: args.float("confidence")?,
    }))
}

/// The first and second moments of Adam.
struct Adam {
    first: Tensor,
    second: Tensor,
    step: i32,
}

impl Adam {
    fn of(like: &Tensor) -> Result<Self> {
        Ok(Self { first: like.f_zeros_like()?, second: like.f_zeros_like()?, step: 0 })
    }

    fn update(&mut self, gradient: &Tensor, step_size: f64) -> Result<Tensor> {
        let (b1, b2) = (0.9, 0.999);
        self.step += 1;
        self.first = self.first.f_mul_scalar(b1)?.f_add(&gradient.f_mul_scalar(1.0 - b1)?)?;
        let square = gradient.f_square()?;
        self.second = self.second.f_mul_scalar(b2)?.f_add(&square.f_mul_scalar(1.0 - b2)?)?;
        let first = self.first.f_div_scalar(1.0 - b1.powi(self.step))?;
        let second = self.second.f_div_scalar(1.0 - b2.powi(self.step))?;
        Ok(first.f_mul_scalar(step_size)?.f_div(&second.f_sqrt()?.f_add_scalar(1e-8)?)?)
    }
}

/// The nearest misclassified images so far.
struct Nearest {
    x: Tensor,
    norms: Tensor,
}

impl CarliniWagner {
    /// One descent with the constants `consts`, shape (N); which images were fooled.
    fn descend(&self, target: &Target<'_>, consts: &Tensor, best: &mut Nearest) -> Result<Tensor> {
        let centre = target.x;
        let space =
            centre.f_sub_scalar(0.5)?.f_div_scalar(0.5)?.f_mul_scalar(0.999_999)?.f_arctanh()?;
        let pixels = |w: &Tensor| w.f_tanh()?.f_mul_scalar(0.5)?.f_add_scalar(0.5);
        let restored = pixels(&space)?;
        let consts = consts.f_to_kind(centre.f_kind()?)?;
        let mut delta = space.f_zeros_like()?;
        let mut adam = Adam::of(&delta)?;
        let mut fooled = target.y.f_zeros_like()?.f_to_kind(Kind::Bool)?;
        for _ in 0..self.steps {
            let leaf = delta.f_detach()?.f_set_requires_grad(true)?;
            let x = pixels(&space.f_add(&leaf)?)?;
            let logits = target.logits("carlini_wagner", &x)?;
            let margin = at(&logits, target.y)?.f_sub(&others(&logits, target.y)?)?;
            let margin = margin.f_add_scalar(self.confidence)?.f_clamp_min(0.0)?;
            let kind = centre.f_kind()?;
            let squares = x.f_sub(&restored)?.f_square()?.f_sum(kind)?;
            let loss = margin.f_mul(&consts)?.f_sum(kind)?.f_add(&squares)?;
            let gradient = slope("carlini_wagner", &loss, &leaf, false)?;
            let _guard = no_grad_guard();
            delta = delta.f_sub(&adam.update(&gradient, self.step_size)?)?;
            let x = x.f_detach()?;
            let mut judged = logits.f_detach()?;
            if self.confidence > 0.0 {
                let own = target.y.f_unsqueeze(1)?;
                let higher =
                    at(&judged, target.y)?.f_add_scalar(self.confidence)?.f_unsqueeze(1)?;
                judged = judged.f_scatter(1, &own, &higher)?;
            }
            let wrong = correct(&judged, target.y)?.f_logical_not()?;
            fooled = fooled.f_logical_or(&wrong)?;
            let norms = self.ball.norms(&x.f_sub(centre)?)?;
            let nearer = norms.f_lt_tensor(&best.norms)?.f_logical_and(&wrong)?;
            best.x = x.f_where_self(&of_images(&nearer)?, &best.x)?;
            best.norms = norms.f_where_self(&nearer, &best.norms)?;
        }
        Ok(fooled)
    }
}

impl Attack for CarliniWagner {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let eps = target.eps.as_ref().map(Tensor::shallow_clone);
        let target = Target { x: &centre, eps, ..*target };
        let norms = self.ball.norms(&centre)?;
        let mut best =
            Nearest { x: centre.shallow_clone(), norms: norms.f_full_like(f64::INFINITY)? };
        let wide = norms.f_to_kind(Kind::Double)?;
        let mut consts = wide.f_full_like(self.initial_const)?;
        let (mut lower, mut upper) = (wide.f_zeros_like()?, wide.f_full_like(f64::INFINITY)?);
        for search in 0..self.searches {
            if search + 1 == self.searches && self.searches >= 10 {
                consts = upper.f_clamp_max(1e10)?;
            }
            let fooled = self.descend(&target, &consts, &mut best)?;
            upper = consts.f_where_self(&fooled, &upper)?;
            lower = lower.f_where_self(&fooled, &consts)?;
            let between = lower.f_add(&upper)?.f_mul_scalar(0.5)?;
            consts = consts.f_mul_scalar(10.0)?.f_where_self(&upper.f_isinf()?, &between)?;
        }
        let _guard = no_grad_guard();
        Perturbation::between(&centre, within(&self.ball, &target, best.x)?, &self.ball)
    }

    fn cost(&self, _: i64) -> Cost {
        let passes = self.steps * self.searches;
        Cost::of(passes, passes)
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}
