//! Training on perturbed images only, as adversarial training does.

use super::{Build, Moment, Objective, Passes, Step};
use crate::attack::{Attacker, Perturbation, Target};
use crate::error::Result;
use crate::model::{Folded, Network};
use crate::registry::{Args, Entry, Example, Handle, Home, Kind, Param, Spec};
use crate::threat_model::NormBall;
use std::cell::RefCell;
use std::rc::Rc;
use tch::Tensor;

/// Mean cross-entropy on what an attack makes of the images.
pub(super) struct Perturbed {
    attacker: Attacker,
    eps_warmup: f64,
    frozen: Frozen,
}

impl Perturbed {
    /// Training on `attacker`, whose eps rises over this share of the training.
    pub fn new(attacker: Attacker, eps_warmup: f64) -> Self {
        Self { attacker, eps_warmup, frozen: Frozen::default() }
    }

    /// The share of eps that it has grown to.
    fn grown(&self, progress: f64) -> f64 {
        let grown = progress / self.eps_warmup;
        if grown < 1.0 { grown } else { 1.0 }
    }
}

/// The copy that an attack sees, its memory reused from step to step.
#[derive(Default)]
pub(super) struct Frozen(RefCell<Option<Folded>>);

impl Frozen {
    /// What `attack` makes of the batch against the network as it is now.
    ///
    /// # Errors
    /// Those of the attack.
    pub fn perturb(
        &self,
        attacker: &Attacker,
        moment: &Moment<'_>,
        eps: Option<Tensor>,
    ) -> Result<Perturbation> {
        self.with(moment.network, |model| {
            let batch = moment.batch;
            let (x, y, ids, stream) = (&batch.x, &batch.y, &batch.ids, moment.stream);
            attacker.attack.perturb(&Target { model, x, y, ids, stream, eps })
        })
    }

    /// Calls `work` with `network` in evaluation mode.
    ///
    /// # Errors
    /// Those of `work`; memory is short.
    pub fn with<T>(&self, network: &Network, work: impl FnOnce(&Folded) -> Result<T>) -> Result<T> {
        let mut folded = self.0.borrow_mut();
        match folded.as_mut() {
            Some(folded) if folded.is_of(network) && folded.precision() == network.precision() => {
                folded.refresh(network)?;
                work(folded)
            }
            _ => work(folded.insert(network.folded()?)),
        }
    }
}

impl Objective for Perturbed {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let eps = match self.grown(moment.progress) {
            grown if grown < 1.0 => {
                let eps = grown * self.attacker.attack.ball().eps;
                let options = (moment.batch.x.f_kind()?, moment.batch.x.device());
                Some(Tensor::f_full([moment.batch.ids.len() as i64], eps, options)?)
            }
            _ => None,
        };
        let perturbation = self.frozen.perturb(&self.attacker, moment, eps)?;
        let logits = moment.logits(&perturbation.adversarial)?;
        let loss = moment.cross_entropy(&logits)?;
        Ok(Step { perturbation: Some(perturbation), ..Step::plain(loss, logits) })
    }

    fn passes(&self, classes: i64) -> Passes {
        Passes::of_attack(self.attacker.attack.cost(classes))
    }

    fn attack(&self) -> Option<&Attacker> {
        Some(&self.attacker)
    }

    fn ball(&self, progress: f64) -> Option<NormBall> {
        let ball = self.attacker.attack.ball();
        Some(NormBall { eps: self.grown(progress) * ball.eps, ..ball })
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let attacker: Attacker = args.handle("attack")?;
    let label = attacker.label();
    Ok((Rc::new(Perturbed::new(attacker, args.float("eps_warmup")?)), label))
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
        params: &[
            Param::label("Name in tables and plots; the attack's name by default."),
            Param::float(
                "eps_warmup",
                0.0,
                0.0,
                "Share of the training over which eps rises linearly from 0.",
            )
            .up_to(1.0),
        ],
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
