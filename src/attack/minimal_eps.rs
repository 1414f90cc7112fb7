//! The smallest radius at which an attack succeeds, image by image.

use super::{Attack, Attacker, Build, Cost, Perturbation, Target, correct, of_images};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind as Takes, Param, Spec};
use crate::threat_model::{Norm, NormBall};
use std::rc::Rc;
use tch::{Kind, no_grad_guard};

/// `attack::minimal_eps`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "minimal_eps",
        home: Home::Namespace("attack"),
        doc: "Searches, per image, the smallest eps at which another attack succeeds. It runs the \
              attack at its own eps and then bisects: each image of the batch has its own radius. \
              What is kept is the nearest misclassified result, so that its norm is an upper \
              bound of the distance to the boundary; images that stand at the attack's eps, or \
              are misclassified as they are, stay unperturbed. A step_size in pixels stays as it \
              is while eps shrinks: leave it out.",
        inputs: &[Param::input(
            "attack",
            Takes::Handle("attack"),
            "The attack; its eps is the largest.",
        )],
        params: &[
            Param::int("searches", 10, 1, "Bisections; each halves the interval."),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::minimal_eps(attack::pgd(#{ eps: 2.0, steps: 10 }))",
            shows: "minimal_eps(pgd): l2 eps 2",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct MinimalEps {
    inner: Rc<dyn Attack>,
    searches: i64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let inner = args.handle::<Attacker>("attack")?.attack;
    if !inner.ball().eps.is_finite() {
        return Err(Error::usage("minimal_eps: expected an attack of a finite eps")
            .hint("deepfool and carlini_wagner search the nearest by themselves"));
    }
    if !inner.per_example() {
        return Err(Error::usage("minimal_eps: expected an attack of single images")
            .hint("a shuffled perturbation was made for another image's radius"));
    }
    Ok(Rc::new(MinimalEps { inner, searches: args.int("searches")? }))
}

impl Attack for MinimalEps {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let ball = self.ball();
        let standing = {
            let _guard = no_grad_guard();
            correct(&target.logits("minimal_eps", &centre)?, target.y)?
        };
        let like = ball.norms(&centre)?;
        let mut upper =
            ball.around(target.eps.as_ref())?.eps.of(&Norm::Linf.of(&centre)?)?.f_view_as(&like)?;
        let mut lower = upper.f_zeros_like()?;
        let mut radius = upper.shallow_clone();
        let mut x = centre.shallow_clone();
        let mut fooled = standing.f_zeros_like()?;
        for _ in 0..=self.searches {
            let inner = Target { x: &centre, eps: Some(radius.shallow_clone()), ..*target };
            let found = self.inner.perturb(&inner)?;
            let _guard = no_grad_guard();
            let wrong = correct(&target.logits("minimal_eps", &found.adversarial)?, target.y)?;
            let wrong = wrong.f_logical_not()?.f_logical_and(&standing)?;
            x = found.adversarial.f_where_self(&of_images(&wrong)?, &x)?;
            fooled = fooled.f_logical_or(&wrong)?;
            // What was reached may lie well inside.
            upper = found.norms.f_minimum(&radius)?.f_where_self(&wrong, &upper)?;
            lower = lower.f_where_self(&wrong, &radius)?;
            let middle = lower.f_add(&upper)?.f_mul_scalar(0.5)?;
            // Images that stand at the largest radius keep it: nothing more is to be found.
            radius = middle.f_where_self(&fooled, &radius)?;
            if fooled.f_any()?.f_to_kind(Kind::Int64)?.f_int64_value(&[])? == 0 {
                break;
            }
        }
        Perturbation::between(&centre, x, &ball)
    }

    fn cost(&self, classes: i64) -> Cost {
        let runs = self.inner.cost(classes).runs(self.searches + 1);
        Cost { forwards: 1 + runs.forwards, ..runs }
    }

    fn ball(&self) -> NormBall {
        self.inner.ball()
    }
}
