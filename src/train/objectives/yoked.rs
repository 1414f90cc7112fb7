//! Training on what the lead of a lockstep made of the batch.

use super::{Build, Moment, Objective, Passes, Step};
use crate::attack::{Clean, DERIVATIONS, Derivation, derivation};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use std::rc::Rc;

struct Yoked {
    derivation: Rc<dyn Derivation>,
}

/// The child of an epoch's stream that a change draws from; the attack draws from those of images.
const CHANGE: u64 = u64::MAX / 2;

impl Objective for Yoked {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let lead = moment.lead.ok_or_else(|| {
            Error::usage("train: a yoked objective expected a lead that perturbs, found none")
                .hint("the lead's objective is train::perturbed(attack)")
        })?;
        let (batch, stream) = (moment.batch, moment.stream.at(CHANGE));
        let clean = Clean { x: &batch.x, y: &batch.y, ids: &batch.ids, stream, ball: lead.ball };
        let perturbation = {
            let _guard = tch::no_grad_guard();
            self.derivation.derive(&lead.perturbation, &clean)?
        };
        let logits = moment.logits(&perturbation.adversarial)?;
        let loss = moment.cross_entropy(&logits)?;
        Ok(Step { perturbation: Some(perturbation), ..Step::plain(loss, logits) })
    }

    fn passes(&self, _: i64) -> Passes {
        Passes::PERTURBED
    }

    fn follows(&self) -> bool {
        true
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let change = args.text("change")?;
    let derivation = derivation(change)
        .ok_or_else(|| Error::internal(format!("yoked: no derivation {change}")))?;
    Ok((Rc::new(Yoked { derivation }), format!("yoked {change}").replace('_', " ")))
}

/// `train::yoked`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "yoked",
        home: Home::Namespace("train"),
        doc: "Trains on a change of what the lead of a lockstep made of the same batch. All \
              followers see the perturbations that were made against the lead, so that they differ \
              from it in nothing but the change: \"same\" leaves them (identical training images, \
              made against other weights), \"random_sign\" turns half of them round, \
              \"within_class\" and \"other_class\" give them to another image, \
              \"phase_scrambled\" keeps their amplitude spectrum, and \"noise\" keeps their norm \
              only. For train::lockstep.",
        inputs: &[Param::input("change", Kind::Choice(DERIVATIONS), "What is done to them.")],
        params: &[Param::label("Name in tables and plots.")],
        returns: "objective",
        example: Example { code: "train::yoked(\"random_sign\").name", shows: "yoked random sign" },
        cite: "",
        version: 1,
    },
    build,
};
