//! What there is to train: one network, or several in lockstep.

use super::objectives::Size;
use super::{Arm, Recipe};
use crate::attack::Attacker;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::loader;
use crate::seed::Stream;
use std::collections::BTreeMap;
use std::rc::Rc;

/// One training to do, or to find done.
pub struct Job<'a> {
    /// The networks that step on the same batches; what the first makes of a batch is what others
    /// may follow.
    pub parts: Vec<Part<'a>>,
    /// The images.
    pub split: &'a Split,
    /// Images that are not trained on, for evaluations on the way.
    pub held_out: Option<&'a Split>,
    /// The epochs between two evaluations, or 0 for none, and the attack for robust accuracy.
    pub watch: (i64, Option<Attacker>),
    /// The optimisation.
    pub recipe: Recipe,
    /// What the progress bar says.
    pub what: String,
    /// What the store keeps of it.
    pub keep: Keep,
}

/// One network of a job.
pub struct Part<'a> {
    /// What is asked for; the result is kept under its address.
    pub lineage: Rc<Lineage>,
    /// The objective.
    pub arm: &'a Arm,
    /// How large the network is.
    pub size: Size,
}

/// What the store keeps of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Result and weights; a stored result does instead of training.
    Result,
    /// The same, but the weights are wanted: a stored result does not do.
    Weights,
    /// Its last checkpoint only, which the caller drops: the training is a step of other work.
    Checkpoint,
}

impl Job<'_> {
    /// What is claimed and checkpointed: the part itself where there is one, else all together.
    pub(super) fn lineage(&self) -> Rc<Lineage> {
        if let [part] = self.parts.as_slice() {
            return part.lineage.clone();
        }
        let name = |(place, part): (usize, &Part)| (format!("{place:03}"), part.lineage.clone());
        let inputs = self.parts.iter().enumerate().map(name).collect();
        Lineage::new("train::lockstep", 1, BTreeMap::new(), inputs)
    }
}

/// How many updates a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub epochs: i64,
    /// Batches of an epoch.
    pub batches: usize,
    /// Updates in a row on one batch.
    pub replays: i64,
    /// Updates of an epoch.
    pub per_epoch: u64,
    pub total: u64,
}

impl Steps {
    /// # Errors
    /// Objectives that cannot step together; a budget that no length of training spends.
    pub fn of(job: &Job) -> Result<Self> {
        let mut common = None;
        for part in &job.parts {
            let steps = Self::of_part(job, part)?;
            if common.is_some_and(|common| common != steps) {
                return Err(Error::usage(format!(
                    "train: objective {} takes another number of updates than the lead",
                    crate::registry::Handle::label(part.arm)
                ))
                .hint("train objectives with a budget or replays of their own apart"));
            }
            common = Some(steps);
        }
        common.ok_or_else(|| Error::usage("train: expected a model, found none"))
    }

    fn of_part(job: &Job, part: &Part) -> Result<Self> {
        let objective = &part.arm.objective;
        let (recipe, replays) = (&job.recipe, objective.replays().max(1));
        if replays > 1 && recipe.accumulate > 1 {
            return Err(Error::usage("train: accumulate does not go with replays")
                .at_key("accumulate")
                .hint("an objective that replays its batches updates at each of them"));
        }
        let stretched = recipe.epochs as f64 * objective.stretch(job.split, part.size)?;
        let epochs = (stretched.round() as i64).max(1);
        let order = Some(Stream::new(0, "order"));
        let batches = loader::batches(job.split.len(), recipe.batch_size as usize, order).len();
        let per_epoch = batches.div_ceil(recipe.accumulate as usize) as u64 * replays as u64;
        Ok(Self { epochs, batches, replays, per_epoch, total: epochs as u64 * per_epoch })
    }
}
