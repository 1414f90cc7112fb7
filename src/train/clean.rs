//! Training on the images as they are.

use super::{Build, Objective, Step};
use crate::attack::{Attacker, Cost};
use crate::dataset::Batch;
use crate::error::Result;
use crate::model::{Draws, Network};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;
use std::rc::Rc;
use tch::Tensor;

/// Mean cross-entropy on clean images, for as many passes as a budget allows.
struct Clean {
    stretch: f64,
}

impl Objective for Clean {
    fn loss(&self, network: &Network, batch: &Batch, stream: Stream) -> Result<Step> {
        let logits = network.train_logits(&batch.x, Draws { stream, ids: &batch.ids })?;
        Ok(Step { loss: cross_entropy(&logits, &batch.y)?, logits, norm: 0.0 })
    }

    fn cost(&self) -> Cost {
        Cost { forwards: 1, backwards: 1 }
    }

    fn stretch(&self) -> f64 {
        self.stretch
    }
}

/// The mean cross-entropy of `logits` `[B, C]` against classes `y` `[B]`.
pub(super) fn cross_entropy(logits: &Tensor, y: &Tensor) -> Result<Tensor> {
    let weight: Option<Tensor> = None;
    Ok(logits.f_cross_entropy_loss(y, weight, tch::Reduction::Mean, -100, 0.0)?)
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let stretch = match args.optional_handle::<Attacker>("match_budget")? {
        None => 1.0,
        Some(attacker) => {
            let cost = attacker.attack.cost();
            match args.text("unit")? {
                "forwards" => (cost.forwards + 1) as f64,
                _ => (cost.forwards + cost.backwards + 2) as f64 / 2.0,
            }
        }
    };
    let label = if stretch == 1.0 { "clean" } else { "clean, budget matched" };
    Ok((Rc::new(Clean { stretch }), label.to_owned()))
}

/// `train::clean`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "clean",
        home: Home::Namespace("train"),
        doc: "Trains on the images as they are. With match_budget the schedule is stretched until \
              as many passes are spent as training on that attack spends: the control for \
              \"adversarial training sees more samples\".",
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
                kind: Kind::Choice(&["forwards", "passes"]),
                default: Default::Text("forwards"),
                doc: "What is matched: forward passes, or forward and backward passes together.",
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
