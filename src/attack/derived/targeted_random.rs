//! Attacks towards a random wrong class.

use super::ATTACK;
use crate::attack::losses::Goal;
use crate::attack::{Attack, Attacker, Build};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Handle, Home, Param, Spec};
use std::rc::Rc;

/// `attack::targeted_random`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "targeted_random",
        home: Home::Namespace("attack"),
        doc: "Leads every image towards a wrong class drawn for it at random. Another attack \
              raises the log-probability of that class instead of the loss of the label. It is \
              adversarial, but not towards the nearest class; `attack::random_label` draws the \
              same classes and leads away from them. The attack is `attack::pgd` or \
              `attack::fgsm`, whose own option `target` this is.",
        inputs: &[ATTACK],
        params: &[Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "attack::targeted_random(attack::pgd(#{ eps: 0.5 }))",
            shows: "targeted_random(pgd): l2 eps 0.5",
        },
        cite: "Kurakin et al. 2017, arXiv 1611.01236",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let attacker: Attacker = args.handle("attack")?;
    attacker.attack.towards(Goal::Random).ok_or_else(|| {
        Error::usage(format!(
            "targeted_random: expected an attack that can be given a class, found {}",
            attacker.label()
        ))
        .at_key("attack")
        .hint("attack::pgd or attack::fgsm without a target; other changes go around this one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::laws::{attacker, images, network, run};
    use crate::attack::linear::linear;
    use crate::registry::Value;

    #[test]
    fn it_is_the_attack_with_a_random_target() {
        let (folded, batch) = (network().folded().unwrap(), images());
        for name in ["pgd", "fgsm"] {
            let inner = Value::Handle(Rc::new(attacker(name, &[])));
            let args = Args::resolve(&ENTRY.spec, vec![inner], vec![]).unwrap();
            let found = run(&Attacker::build(&ENTRY, &args).unwrap(), &folded, &batch, 0);
            let expected = run(&attacker(name, &[("target", "random".into())]), &folded, &batch, 0);
            assert_eq!(found.adversarial, expected.adversarial, "{name}");
        }
    }

    /// Of two classes the wrong one is the other: it goes where an untargeted attack goes.
    #[test]
    fn it_reaches_the_optimum_of_a_linear_model() {
        let (model, batch) = linear();
        let found = run(&attacker("targeted_random", &[]), &model, &batch, 0).adversarial;
        let expected = run(&attacker("pgd", &[]), &model, &batch, 0).adversarial;
        assert!((found - expected).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn an_attack_that_takes_no_class_is_refused() {
        for (inner, options) in [
            ("gaussian_noise", vec![]),
            ("shuffled", vec![]),
            ("vat", vec![]),
            ("pgd", vec![("target", "second".into())]),
        ] {
            let inner = attacker(inner, &options);
            let label = inner.label();
            let args = vec![Value::Handle(Rc::new(inner))];
            let args = Args::resolve(&ENTRY.spec, args, vec![]).unwrap();
            assert_eq!(
                build(&args).err().unwrap().to_string(),
                format!(
                    "targeted_random: expected an attack that can be given a class, found {label}"
                )
            );
        }
    }
}
