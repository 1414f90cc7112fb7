//! Perturbations of a random sign.

use super::signed::Signed;
use super::{ATTACK, Composed, RENORM};
use crate::attack::{Attack, Build};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use std::rc::Rc;

/// `attack::random_sign`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "random_sign",
        home: Home::Namespace("attack"),
        doc: "Turns the perturbation of another attack round for each image with probability 1/2. \
              It is as specific to the image as before, of the same norm and spectrum, but says \
              nothing about the label: on average the loss changes in second order only.",
        inputs: &[ATTACK],
        params: &[RENORM, Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "attack::random_sign(attack::pgd(#{ eps: 0.5 }))",
            shows: "random_sign(pgd): l2 eps 0.5",
        },
        cite: "",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Composed::of(args, Signed { p: 0.5, renorm: args.bool("renorm")? })
}

#[cfg(test)]
mod tests {
    use super::super::tests::in_the_middle;
    use crate::attack::laws::{attacker, run, with};
    use crate::attack::linear::linear;
    use tch::{Kind, Tensor};

    #[test]
    fn half_of_the_perturbations_turn_round_and_nothing_else_changes() {
        let (given, found) = in_the_middle("random_sign", 2000);
        let dims: &[i64] = &[1, 2, 3];
        let products = (&given.delta * &found.delta).sum_dim_intlist(dims, true, Kind::Double);
        let signs = products.sign();
        let kept = signs.gt(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!((900..1100).contains(&kept), "{kept} of 2000");
        let rest = &found.delta - &given.delta * signs;
        assert!(rest.abs().max().double_value(&[]) < 1e-12);
        // Of values that are uniform in [-s, s], s from 0 to 0.3.
        let mean = found.delta.mean_dim([0i64].as_slice(), false, Kind::Double);
        assert!(mean.abs().max().double_value(&[]) < 4.0 * 0.1 / 2000f64.sqrt());
    }

    #[test]
    fn one_around_another_draws_signs_of_its_own() {
        let (model, (x, y)) = linear();
        let batch = (Tensor::cat(&[&x; 20], 0), Tensor::cat(&[&y; 20], 0));
        let once = attacker("random_sign", &[("eps", 0.1.into())]);
        let twice = with("random_sign", &once, &[]);
        let [one, two] = [&once, &twice].map(|attacker| run(attacker, &model, &batch, 0).delta);
        let images = batch.1.size()[0];
        let dims: &[i64] = &[1, 2, 3];
        let turned = (one * two).sum_dim_intlist(dims, false, Kind::Double);
        let turned = turned.lt(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!(images / 4 < turned && turned < images * 3 / 4, "{turned} of {images}");
    }
}
