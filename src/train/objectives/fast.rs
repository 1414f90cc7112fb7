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

#[cfg(test)]
mod tests {
    use super::super::parity::{arm, batch, moment};
    use super::*;
    use crate::attack::parity::network;
    use crate::threat_model::uniforms;
    use tch::{Reduction, Tensor};

    /// Wong et al.: delta = U(-eps, eps), kept in [0,1]; delta += alpha sign(grad); delta is
    /// clamped to eps and to [0,1]; the update sees what then are the images.
    #[test]
    fn a_step_is_fgsm_from_a_uniform_start_by_hand() {
        let eps = 0.06;
        for (step_size, options) in
            [(0.075, vec![]), (0.02, vec![("step_size", Value::Float(0.02))])]
        {
            let (network, batch) = (network(), batch());
            let moment = moment(&network, &batch);
            let start = uniforms(&batch.x, &batch.ids, moment.stream).unwrap() * eps;
            let start = (&batch.x + start).clamp(0.0, 1.0);
            let leaf = start.copy().set_requires_grad(true);
            let logits = network.folded().unwrap().logits(&leaf).unwrap();
            let weight = None::<&Tensor>;
            let loss = logits.cross_entropy_loss(&batch.y, weight, Reduction::Mean, -100, 0.0);
            let gradient = Tensor::run_backward(&[&loss], &[&leaf], false, false).remove(0);
            let options =
                [vec![("eps", Value::Float(eps)), ("guard", Value::Bool(false))], options];
            let fast = arm("fast", Vec::new(), &options.concat());
            let step = fast.objective.step(&moment).unwrap();
            let delta = &start + gradient.sign() * step_size - &batch.x;
            let expected = (&batch.x + delta.clamp(-eps, eps)).clamp(0.0, 1.0);
            let found = step.perturbation.unwrap();
            let apart = (&found.adversarial - &expected).abs().max().double_value(&[]);
            assert!(apart < 1e-6, "{step_size}: {apart:e}");
            let inside = found.delta.abs().lt(eps - 1e-4).to_kind(tch::Kind::Double);
            let share = inside.mean(tch::Kind::Double).double_value(&[]);
            assert!(share > 0.1 && share < 0.9, "{step_size}: {share} of the pixels inside");
            let logits = moment.logits(&expected).unwrap();
            let loss = moment.cross_entropy(&logits).unwrap().double_value(&[]);
            assert!((step.loss.double_value(&[]) - loss).abs() < 1e-5);
            assert_eq!(fast.objective.passes(5).forwards, 2);
        }
    }
}
