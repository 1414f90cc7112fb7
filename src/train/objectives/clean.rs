//! Training on the images as they are.

use super::{Arm, Build, Moment, Objective, Passes, Size, Step};
use crate::attack::{Attack, Attacker};
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use std::rc::Rc;

/// Mean cross-entropy on clean images, for as many passes as a budget allows.
struct Clean {
    budget: Option<(Budget, Unit)>,
}

/// Whose cost is matched.
enum Budget {
    Attack(Rc<dyn Attack>),
    Objective(Rc<dyn Objective>),
}

impl Budget {
    /// What an update costs, and the number of updates in units of clean training's.
    fn of(&self, images: &Split, size: Size) -> Result<(Passes, f64)> {
        Ok(match self {
            Self::Attack(attack) => (Passes::of_attack(attack.cost(size.classes)), 1.0),
            Self::Objective(other) => {
                let updates = other.stretch(images, size)? * other.replays().max(1) as f64;
                (other.passes(size.classes), updates)
            }
        })
    }
}

/// What is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Updates,
    Images,
    DistinctInputs,
    Forwards,
    Passes,
    Flops,
}

const UNITS: &[&str] = &["forwards", "passes", "flops", "updates", "images", "distinct_inputs"];

impl Unit {
    fn named(name: &str) -> Self {
        match name {
            "updates" => Self::Updates,
            "images" => Self::Images,
            "distinct_inputs" => Self::DistinctInputs,
            "passes" => Self::Passes,
            "flops" => Self::Flops,
            _ => Self::Forwards,
        }
    }
}

impl Objective for Clean {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let logits = moment.logits(&moment.batch.x)?;
        Ok(Step::plain(moment.cross_entropy(&logits)?, logits))
    }

    fn passes(&self, _: i64) -> Passes {
        Passes::CLEAN
    }

    fn stretch(&self, images: &Split, size: Size) -> Result<f64> {
        let Some((budget, unit)) = &self.budget else { return Ok(1.0) };
        let (passes, updates) = budget.of(images, size)?;
        let (matched, own) = match unit {
            Unit::Flops => return Ok(updates * passes.flops(size) / Passes::CLEAN.flops(size)),
            Unit::Updates => (1, 1),
            Unit::Images => (passes.images, 1),
            Unit::DistinctInputs if images.is_random() => (passes.given + passes.fresh, 1),
            Unit::DistinctInputs => {
                return Err(Error::usage(format!(
                    "train: match_budget in distinct_inputs expected images that differ from \
                     epoch to epoch, found {} as it is",
                    images.name()
                ))
                .at_key("unit")
                .hint("no length of training on the same images spends it")
                .hint("give the dataset a random train_transform, or match \"flops\""));
            }
            Unit::Forwards => (passes.forwards, 1),
            Unit::Passes => (passes.forwards + passes.to_images + passes.to_weights, 2),
        };
        Ok(updates * matched as f64 / own as f64)
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let attacker = args.handle_if::<Attacker>("match_budget")?;
    let arm = args.handle_if::<Arm>("match_budget")?;
    let budget = attacker
        .map(|attacker| Budget::Attack(attacker.attack))
        .or(arm.map(|arm| Budget::Objective(arm.objective)));
    let unit = Unit::named(args.text("unit")?);
    let label = if budget.is_some() { "clean, budget matched" } else { "clean" };
    Ok((Rc::new(Clean { budget: budget.map(|budget| (budget, unit)) }), label.to_owned()))
}

/// `train::clean`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "clean",
        home: Home::Namespace("train"),
        doc: "Trains on the images as they are. With match_budget the schedule is stretched until \
              as much of `unit` is spent as training on that attack, or with that objective, \
              spends: the control for \"adversarial training sees more samples\". Training on PGD \
              makes as many updates on as many images as clean training, so that units \"updates\" \
              and \"images\" stretch nothing; \"flops\" counts one network for a forward pass and for a backward pass to \
              the images, and two for one to the weights.",
        inputs: &[],
        params: &[
            Param::label("Name in tables and plots."),
            Param::optional(
                "match_budget",
                Kind::Either { words: &[], kinds: &["attack", "objective"] },
                "Attack or objective whose training cost is matched.",
            ),
            Param {
                name: "unit",
                kind: Kind::Choice(UNITS),
                default: Default::Text("forwards"),
                doc: "What is matched; \"passes\" are forward and backward passes together.",
                label: false,
            },
        ],
        returns: "objective",
        example: Example { code: "train::clean(#{ name: \"standard\" }).name", shows: "standard" },
        cite: "",
        version: 1,
    },
    build,
};
