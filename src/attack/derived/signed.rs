//! Perturbations that are turned round with some probability.

use super::{ATTACK, Clean, Composed, Derivation, RENORM};
use crate::attack::{Attack, Build, Perturbation, of_images};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use std::rc::Rc;
use tch::Tensor;

/// `attack::signed`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "signed",
        home: Home::Namespace("attack"),
        doc: "Turns the perturbations of another attack round, but for a share that stays. It \
              doses the alignment with the loss at the same norm: with p 1 every perturbation \
              climbs, with 0.5 it is `attack::random_sign`, with 0 all descend, which tells the \
              network the label.",
        inputs: &[ATTACK],
        params: &[
            Param::float("p", 0.0, 0.0, "Probability that an image's stays as it is.").up_to(1.0),
            RENORM,
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example {
            code: "attack::signed(attack::pgd(#{ eps: 0.5 }), #{ p: 0.25 })",
            shows: "signed(pgd): l2 eps 0.5",
        },
        cite: "",
        version: 1,
    },
    build,
};

/// Keeps the sign of a perturbation with probability `p`, and turns it round otherwise.
pub(super) struct Signed {
    pub(super) p: f64,
    pub(super) renorm: bool,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Composed::of(args, Signed { p: args.float("p")?, renorm: args.bool("renorm")? })
}

impl Derivation for Signed {
    fn derive(&self, given: &Perturbation, clean: &Clean<'_>) -> Result<Perturbation> {
        let sign = |id: &u64| {
            let drawn = f64::from(clean.stream.at(*id).at(1).generator().uniform());
            if drawn < self.p { 1.0 } else { -1.0 }
        };
        let signs: Vec<f64> = clean.ids.iter().map(sign).collect();
        let delta = &given.delta;
        let signs = of_images(&Tensor::f_from_slice(&signs)?)?.f_to_kind(delta.f_kind()?)?;
        let turned = delta.f_mul(&signs.f_to_device(delta.device())?)?;
        clean.put(&turned, self.renorm.then_some(&given.norms))
    }
}

#[cfg(test)]
mod tests {
    use crate::attack::Victim;
    use crate::attack::laws::{attacker, run};
    use crate::attack::linear::linear;
    use crate::attack::losses::Loss;
    use crate::registry::Value;
    use tch::Kind;

    /// The cross-entropy of two logits that are m apart is log(1 + exp(-m)).
    #[test]
    fn turned_round_it_lowers_the_loss_of_a_linear_model_by_the_closed_form() {
        let (model, batch) = linear();
        let options = [("eps", Value::Float(0.3)), ("p", Value::Float(0.0))];
        let found = run(&attacker("signed", &options), &model, &batch, 0);
        let logits = model.logits(&found.adversarial).unwrap();
        let losses = Loss::CrossEntropy.of(&logits, &batch.1, None).unwrap();
        let score = model.0.sum(Kind::Float).double_value(&[]) / 2.0;
        let gained = 0.3 * model.0.norm().double_value(&[]);
        for (image, margin) in [-score, score].into_iter().enumerate() {
            let expected = (-(margin + gained)).exp().ln_1p();
            let loss = losses.double_value(&[image as i64]);
            assert!((loss - expected).abs() < 1e-6, "{loss} is not {expected}");
            assert!(loss < (-margin).exp().ln_1p());
        }
    }

    #[test]
    fn with_p_of_one_nothing_changes() {
        let (model, batch) = linear();
        let options = [("eps", Value::Float(0.3)), ("p", Value::Float(1.0))];
        let x = |name| run(&attacker(name, &options), &model, &batch, 0).adversarial;
        assert!((x("signed") - x("pgd")).abs().max().double_value(&[]) < 1e-7);
    }
}
