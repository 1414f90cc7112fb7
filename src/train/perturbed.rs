//! Training on perturbed images only, as adversarial training does.

use super::clean::cross_entropy;
use super::{Build, Objective, Step};
use crate::attack::{Attacker, Cost, Target};
use crate::dataset::Batch;
use crate::error::Result;
use crate::model::{Draws, Folded, Network};
use crate::registry::{Args, Entry, Example, Handle, Home, Kind, Param, Spec};
use crate::seed::Stream;
use std::cell::RefCell;
use std::rc::Rc;

struct Perturbed {
    attacker: Attacker,
    /// The copy that the attack sees, its memory reused from step to step.
    folded: RefCell<Option<Folded>>,
}

impl Objective for Perturbed {
    fn loss(&self, network: &Network, batch: &Batch, stream: Stream) -> Result<Step> {
        let mut folded = self.folded.borrow_mut();
        let folded = match folded.as_mut() {
            Some(folded) if folded.is_of(network) && folded.precision() == network.precision() => {
                folded.refresh(network)?;
                folded
            }
            _ => folded.insert(network.folded()?),
        };
        let target =
            Target { model: folded, x: &batch.x, y: &batch.y, ids: &batch.ids, stream, eps: None };
        let draws = Draws { stream, ids: &batch.ids };
        let perturbation = self.attacker.attack.perturb(&target)?;
        let norm = perturbation.norms.f_mean(tch::Kind::Float)?.f_double_value(&[])?;
        let logits = network.train_logits(&perturbation.adversarial, draws)?;
        Ok(Step { loss: cross_entropy(&logits, &batch.y)?, logits, norm })
    }

    fn cost(&self) -> Cost {
        let cost = self.attacker.attack.cost();
        Cost { forwards: cost.forwards + 1, backwards: cost.backwards + 1 }
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let attacker: Attacker = args.handle("attack")?;
    let label = attacker.label();
    Ok((Rc::new(Perturbed { attacker, folded: RefCell::default() }), label))
}

/// `train::perturbed`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "perturbed",
        home: Home::Namespace("train"),
        doc: "Trains on the perturbed images only. The attack sees the network in eval mode, as \
              it is before the update; the update sees the perturbed batch in train mode. With \
              attack::pgd this is adversarial training.",
        inputs: &[Param::input("attack", Kind::Handle("attack"), "What perturbs each batch.")],
        params: &[Param::label("Name in tables and plots; the attack's name by default.")],
        returns: "objective",
        example: Example {
            code: "train::perturbed(attack::pgd(#{ eps: 0.5 })).name",
            shows: "pgd",
        },
        cite: "Madry et al. 2018, arXiv 1706.06083",
        version: 1,
    },
    build,
};
