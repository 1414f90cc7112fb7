//! Attacks away from a random wrong class.

use super::ATTACK;
use crate::attack::losses::Goal;
use crate::attack::{Attack, Attacker, Build, Cost, Perturbation, Target};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::NormBall;
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::random_label`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "random_label",
        home: Home::Namespace("attack"),
        doc: "Leads every image away from a wrong class drawn for it at random. Another attack is \
              told that class in the place of the label, and raises its loss. That takes little \
              from the right class, so that it is almost harmless; towards the same classes goes \
              `attack::targeted_random`. It is meant for attacks that climb however far eps is, as \
              `attack::pgd`: those that stop at a misclassification find every image \
              misclassified.",
        inputs: &[ATTACK],
        params: &[Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "attack::random_label(attack::pgd(#{ eps: 0.5 }))",
            shows: "random_label(pgd): l2 eps 0.5",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct RandomLabel {
    inner: Rc<dyn Attack>,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(RandomLabel { inner: args.handle::<Attacker>("attack")?.attack }))
}

impl Attack for RandomLabel {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let y = {
            let _guard = no_grad_guard();
            Goal::Random.among(&target.logits("random_label", target.x)?, target)?
        };
        let eps = target.eps.as_ref().map(Tensor::shallow_clone);
        self.inner.perturb(&Target { y: &y, eps, ..*target })
    }

    fn cost(&self, classes: i64) -> Cost {
        let inner = self.inner.cost(classes);
        Cost { forwards: inner.forwards + Goal::Random.forwards(), ..inner }
    }

    fn ball(&self) -> NormBall {
        self.inner.ball()
    }

    fn strength(&self) -> String {
        self.inner.strength()
    }

    fn in_box(&self) -> bool {
        self.inner.in_box()
    }

    fn derivations(&self) -> u64 {
        self.inner.derivations()
    }

    fn per_example(&self) -> bool {
        self.inner.per_example()
    }

    fn is_control(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::attack::laws::{attacker, run};
    use crate::attack::linear::linear;
    use crate::registry::Value;
    use tch::Tensor;

    /// Of two classes the wrong one is the other: it goes down the loss of the label.
    #[test]
    fn away_from_the_other_of_two_classes_a_linear_model_gets_surer() {
        let (model, batch) = linear();
        let options = [("eps", Value::Float(0.3))];
        let found = run(&attacker("random_label", &options), &model, &batch, 0);
        let signs = Tensor::from_slice(&[-1f32, 1.0]).view([2, 1, 1, 1]);
        let direction = (&model.0 / model.0.norm()).view([1, 1, 3, 4]);
        let apart = found.delta - direction * signs * 0.3;
        assert!(apart.abs().max().double_value(&[]) < 1e-6);
    }
}
