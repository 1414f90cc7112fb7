//! The perturbations of another attack, put on the wrong images.

use super::{Attack, Attacker, Build, Cost, Perturbation, Target};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;
use crate::threat_model::NormBall;
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::shuffled`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "shuffled",
        home: Home::Namespace("attack"),
        doc: "Gives every image the perturbation that another attack made for another image \
              of its batch. The permutation is uniformly random without fixed points; the \
              result is clamped to [0,1]. Norm and structure of the perturbations stay, \
              their relation to the image goes. In a batch of one image there is no other: \
              it stays unperturbed.",
        inputs: &[Param::input("attack", Kind::Handle("attack"), "The attack to shuffle.")],
        params: &[Param::label("Name in tables and plots.")],
        returns: "attack",
        example: Example {
            code: "attack::shuffled(attack::pgd(#{ eps: 0.5 }))",
            shows: "shuffled(pgd): l2 eps 0.5",
        },
        cite: "",
        version: 1,
    },
    build,
};

struct Shuffled {
    inner: Rc<dyn Attack>,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(Shuffled { inner: args.handle::<Attacker>("attack")?.attack }))
}

/// A uniformly random permutation of 0..n that moves every element, for n >= 2: permutations are
/// drawn until one does (2.7 draws on average).
fn derangement(n: usize, stream: Stream) -> Vec<usize> {
    let mut generator = stream.generator();
    let mut order: Vec<usize> = (0..n).collect();
    while n > 1 && order.iter().enumerate().any(|(place, item)| place == *item) {
        generator.shuffle(&mut order);
    }
    order
}

impl Attack for Shuffled {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let inner = self.inner.perturb(target)?;
        let _guard = no_grad_guard();
        let x = target.x.f_detach()?;
        if target.ids.len() < 2 {
            return Perturbation::between(&x, x.shallow_clone(), &self.ball());
        }
        let stream = target.ids.iter().fold(target.stream.at(u64::MAX), |s, id| s.at(*id));
        let order: Vec<i64> =
            derangement(target.ids.len(), stream).into_iter().map(|item| item as i64).collect();
        let order = Tensor::f_from_slice(&order)?.f_to_device(x.device())?;
        let moved = inner.delta.f_index_select(0, &order)?;
        let adversarial = x.f_add(&moved)?.f_clamp(0.0, 1.0)?;
        Perturbation::between(&x, adversarial, &self.ball())
    }

    fn cost(&self) -> Cost {
        self.inner.cost()
    }

    fn ball(&self) -> NormBall {
        self.inner.ball()
    }

    fn per_example(&self) -> bool {
        false
    }

    fn is_control(&self) -> bool {
        true
    }

    fn strength(&self) -> String {
        self.inner.strength()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derangement_moves_everything_and_both_of_three_come_equally_often() {
        let mut cycles = 0;
        for index in 0..2000 {
            let order = derangement(3, Stream::new(0, "test").at(index));
            assert!(order.iter().enumerate().all(|(place, item)| place != *item), "{order:?}");
            cycles += usize::from(order == [1, 2, 0]);
        }
        assert!((900..1100).contains(&cycles), "{cycles} of 2000");
        assert_eq!(derangement(1, Stream::new(0, "test")), [0]);
    }
}
