//! Perturbations made for another network.

use super::ATTACK;
use crate::attack::{Attack, Attacker, Build, Cost, Perturbation, Target};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::{Folded, Model};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::tensor::expect_labels;
use crate::threat_model::NormBall;
use once_cell::unsync::OnceCell;
use std::rc::Rc;
use tch::Tensor;

/// `attack::transferred`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "transferred",
        home: Home::Namespace("attack"),
        doc: "Puts on each image the perturbation that another attack makes against `model`. That \
              network is frozen: the one the handle names when the attack is made, in eval mode \
              and f32. The network that is trained or evaluated is never asked, so that training \
              sees adversarial images of a fixed kind instead of its own. Passes and flops count \
              those of `model`.",
        inputs: &[
            ATTACK,
            Param::input("model", Kind::Handle("model"), "The network under attack."),
        ],
        params: &[Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "let frozen = model::resnet8(#{ width: 4, size: 8 });\n\
                   attack::transferred(attack::pgd(#{ eps: 0.5 }), frozen)",
            shows: "transferred(pgd): l2 eps 0.5",
        },
        cite: "Szegedy et al. 2014, arXiv 1312.6199",
        version: 2,
    },
    build,
};

struct Transferred {
    inner: Rc<dyn Attack>,
    model: Model,
    /// What a forward pass of the model costs.
    multiplications: i64,
    session: OnceCell<Context>,
    frozen: OnceCell<Folded>,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    let model = args.handle::<Model>("model")?.snapshot();
    let multiplications = {
        let spec = model.spec();
        spec.architecture.multiplications(spec.classes)?
    };
    Ok(Rc::new(Transferred {
        inner: args.handle::<Attacker>("attack")?.attack,
        model,
        multiplications,
        session: OnceCell::new(),
        frozen: OnceCell::new(),
    }))
}

impl Transferred {
    fn frozen(&self) -> Result<&Folded> {
        self.frozen.get_or_try_init(|| match self.session.get() {
            Some(context) => self.model.network(context)?.folded(),
            None => Err(Error::internal("transferred: no session to load the model in")),
        })
    }
}

impl Attack for Transferred {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let frozen = self.frozen()?;
        expect_labels(target.y, target.x.size()[0], frozen.classes()).map_err(|error| {
            error.within("transferred").hint("the model was made for other classes")
        })?;
        let eps = target.eps.as_ref().map(Tensor::shallow_clone);
        self.inner.perturb(&Target { model: frozen, eps, ..*target })
    }

    fn cost(&self, _: i64) -> Cost {
        self.inner.cost(self.model.spec().classes).through(self.multiplications)
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

    fn enter(&self, session: &Context) {
        self.session.get_or_init(|| session.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Victim;
    use crate::attack::laws::{attacker, frozen, images, run};
    use crate::registry::{Handle, Value};
    use crate::seed::Stream;

    /// A network that says the same of every image.
    struct Constant;

    impl Victim for Constant {
        fn logits(&self, x: &Tensor) -> Result<Tensor> {
            Ok(x.f_flatten(1, -1)?.f_narrow(1, 0, 10)?.f_zeros_like()?)
        }
    }

    #[test]
    fn against_its_own_network_it_is_the_attack_itself_and_others_do_not_matter() {
        let (model, context) = frozen();
        let folded = model.network(&context).unwrap().folded().unwrap();
        let batch = images();
        let own = run(&attacker("pgd", &[]), &folded, &batch, 0).adversarial;
        for victim in [&folded as &dyn Victim, &Constant] {
            assert_eq!(run(&attacker("transferred", &[]), victim, &batch, 0).adversarial, own);
        }
    }

    #[test]
    fn training_the_handle_later_changes_neither_network_nor_address() {
        let ((model, context), batch) = (frozen(), images());
        let build = || {
            let inputs: [Rc<dyn Handle>; 2] =
                [Rc::new(attacker("pgd", &[])), Rc::new(model.clone())];
            let inputs = inputs.map(Value::Handle).into();
            Attacker::build(&ENTRY, &Args::resolve(&ENTRY.spec, inputs, vec![]).unwrap()).unwrap()
        };
        let made = build();
        made.attack.enter(&context);
        let address = made.lineage().address().clone();
        let scaled = model.read(&context, "fc.weight").unwrap() * -1.0;
        model.write(&context, "fc.weight", &scaled).unwrap();
        assert_ne!(*build().lineage().address(), address);
        assert_eq!(*made.lineage().address(), address);
        let before = run(&attacker("transferred", &[]), &Constant, &batch, 0).adversarial;
        assert_eq!(run(&made, &Constant, &batch, 0).adversarial, before);
    }

    #[test]
    fn classes_that_the_frozen_network_does_not_know_are_refused() {
        let (x, y) = images();
        let (model, context) = frozen();
        let folded = model.network(&context).unwrap().folded().unwrap();
        let ids: Vec<u64> = (0..9).collect();
        let stream = Stream::new(0, "attack");
        let (y, eps) = (y.full_like(10), None);
        let target = Target { model: &folded, x: &x, y: &y, ids: &ids, stream, eps };
        let error = attacker("transferred", &[]).attack.perturb(&target).err().unwrap();
        assert_eq!(error.to_string(), "transferred: labels: expected 0 to 9, found 10");
    }
}
