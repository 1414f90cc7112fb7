//! Full-network transfer: a new head, and all weights train on.

use super::{Build, Method, Transferred};
use crate::context::Context;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::evaluate::measure;
use crate::lineage::Lineage;
use crate::model::Model;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::seed::Stream;
use crate::train::{Arm, Job, Keep, Part, Recipe, Status, interrupted, run};
use std::collections::BTreeMap;
use std::rc::Rc;

struct FullNetwork {
    recipe: Recipe,
    arm: Arm,
}

impl Method for FullNetwork {
    fn apply(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        seed: i64,
        lineage: &Rc<Lineage>,
    ) -> Result<Transferred> {
        let job = Job {
            parts: vec![Part { lineage: fine_tuning(lineage), arm: &self.arm }],
            split: &target.train,
            held_out: None,
            watch: (0, None),
            recipe: Recipe { seed, ..self.recipe.clone() },
            what: format!("fine-tune on {} (seed {seed})", target.name()),
            keep: Keep::Checkpoint,
        };
        let head = Stream::new(seed, "head");
        let start = |_| model.network(context)?.replace_head(target.classes(), head);
        let (ended, stopped) = run(context, &job, &start, &mut |_, _, _, _| Ok(()))?.single()?;
        if stopped {
            return Err(interrupted(ended.trained.spent.updates));
        }
        if ended.trained.status == Status::Diverged {
            return Err(Error::diverged("transfer: fine-tuning diverged").hint("a smaller lr"));
        }
        let network = ended
            .network
            .ok_or_else(|| Error::internal("transfer: a fine-tuning gave no network"))?;
        let stream = Stream::new(seed, "evaluation");
        let tested = measure(context, &network.folded()?, &target.test, None, 256, stream)?;
        Ok(Transferred { answers: tested.answers, selected: BTreeMap::new(), notes: Vec::new() })
    }

    fn discard(&self, context: &Context, lineage: &Rc<Lineage>) -> Result<()> {
        context.store.drop_partial(fine_tuning(lineage).address())
    }
}

fn fine_tuning(transfer: &Rc<Lineage>) -> Rc<Lineage> {
    let inputs = BTreeMap::from([("transfer".to_owned(), transfer.clone())]);
    Lineage::new("transfer::fine_tuning", 1, BTreeMap::new(), inputs)
}

fn build(args: &Args) -> Result<Rc<dyn Method>> {
    let arm = Arm::clean()?;
    let recipe = Recipe::read(args, 0)?;
    Ok(Rc::new(FullNetwork { recipe, arm }))
}

const PARAMS: [Param; 16] = Recipe::params(10, 0.01);

/// `transfer::full_network`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "full_network",
        home: Home::Namespace("transfer"),
        doc: "Replaces the head and trains all weights on target.train with a fixed recipe. Batch \
              norms are trained too; nothing is selected, target.val is not used.",
        inputs: &[],
        params: &PARAMS,
        returns: "protocol",
        example: Example {
            code: "transfer::full_network(#{ epochs: 5, lr: 0.01 }).name",
            shows: "full_network",
        },
        cite: "Salman et al. 2020, arXiv 2007.08489, section 2",
        version: 1,
    },
    build,
};
