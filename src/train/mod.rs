//! Training: one loop, and the objectives that say what a step minimises.

mod clean;
mod curve;
mod outcome;
mod perturbed;
mod recipe;
mod schedule;
mod state;
mod trained;
mod trainer;

pub use curve::{EpochPoint, Trained};
pub use outcome::Outcome;
pub use recipe::Recipe;
pub use schedule::Schedule;
pub use trained::{OnEpoch, TRAIN, TrainReport, interrupted, train};
pub use trainer::{Job, Keep, run};

use crate::attack::Cost;
use crate::dataset::Batch;
use crate::error::Result;
use crate::lineage::Lineage;
use crate::model::Network;
use crate::registry::{Args, Entry, Handle};
use crate::seed::Stream;
use std::any::Any;
use std::rc::Rc;
use tch::Tensor;

/// What one step minimises.
pub trait Objective {
    /// The loss and the logits of one batch, with autograd to the parameters; `stream` is that of
    /// the epoch, from which draws for single images derive.
    fn loss(&self, network: &Network, batch: &Batch, stream: Stream) -> Result<Step>;

    /// Network passes per image and step.
    fn cost(&self) -> Cost;

    /// The factor by which a budget lengthens the schedule.
    fn stretch(&self) -> f64 {
        1.0
    }
}

/// One step before its update.
pub struct Step {
    /// The mean loss of the batch, with autograd.
    pub loss: Tensor,
    /// The logits on the images trained on.
    pub logits: Tensor,
    /// The mean norm of the perturbation as it was applied; 0 without one.
    pub norm: f64,
}

/// An objective as a script holds it: `train::perturbed(pgd)`.
#[derive(Clone)]
pub struct Arm {
    /// What a step minimises.
    pub objective: Rc<dyn Objective>,
    label: String,
    lineage: Rc<Lineage>,
}

impl Arm {
    /// Makes the objective of `entry`; its label is the `name` option or its default.
    ///
    /// # Errors
    /// Arguments that do not go together.
    pub fn build(entry: &'static Entry<Build>, args: &Args) -> Result<Self> {
        let (objective, default_label) = (entry.build)(args)?;
        let label = args.optional_text("name")?.map_or(default_label, str::to_owned);
        Ok(Self { objective, label, lineage: args.lineage(&[], &[]) })
    }
}

impl Handle for Arm {
    fn kind(&self) -> &'static str {
        "objective"
    }

    fn lineage(&self) -> Rc<Lineage> {
        self.lineage.clone()
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    fn summary(&self) -> String {
        format!("objective {} [{}]", self.label, self.lineage.address().short())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Makes an objective and its default label.
pub type Build = fn(&Args) -> Result<(Rc<dyn Objective>, String)>;

/// All objectives, in the order of the manual.
pub const OBJECTIVES: &[&Entry<Build>] = &[&clean::ENTRY, &perturbed::ENTRY];
