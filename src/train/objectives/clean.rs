//! Training on the images as they are.

use super::{Build, Moment, Objective, Passes, Step};
use crate::attack::{Attacker, Cost};
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use std::rc::Rc;

/// Mean cross-entropy on clean images, for as many passes as a budget allows.
struct Clean {
    budget: Option<(Cost, Unit)>,
}

/// What is matched to training on an attack.
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

    fn passes(&self) -> Passes {
        Passes::CLEAN
    }

    fn stretch(&self, images: &Split) -> Result<f64> {
        let Some((cost, unit)) = self.budget else { return Ok(1.0) };
        let attack = (cost.forwards + cost.backwards) as f64;
        Ok(match unit {
            Unit::Updates | Unit::Images => 1.0,
            Unit::DistinctInputs if images.is_random() => 1.0,
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
            Unit::Forwards => (cost.forwards + 1) as f64,
            Unit::Passes => (attack + 2.0) / 2.0,
            Unit::Flops => (attack + 3.0) / 3.0,
        })
    }
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let attacker = args.optional_handle::<Attacker>("match_budget")?;
    let unit = Unit::named(args.text("unit")?);
    let label = if attacker.is_some() { "clean, budget matched" } else { "clean" };
    let budget = attacker.map(|attacker| (attacker.attack.cost(), unit));
    Ok((Rc::new(Clean { budget }), label.to_owned()))
}

/// `train::clean`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "clean",
        home: Home::Namespace("train"),
        doc: "Trains on the images as they are. With match_budget the schedule is stretched until \
              as much of `unit` is spent as training on that attack spends: the control for \
              \"adversarial training sees more samples\". Training on PGD makes as many updates \
              on as many images as clean training, so that units \"updates\" and \"images\" stretch \
              nothing; \"flops\" counts one network for a forward pass and for a backward pass to \
              the images, and two for one to the weights.",
        inputs: &[],
        params: &[
            Param::label("Name in tables and plots."),
            Param::optional(
                "match_budget",
                Kind::Handle("attack"),
                "Attack whose training cost is matched.",
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
