//! Training on, after a new head: what `full_network`, `blocks`, `bn_only` and `salman2020` share.

use super::factors::Factors;
use super::{Method, Transferred};
use crate::context::Context;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::evaluate::measure;
use crate::lineage::Lineage;
use crate::model::{Learning, Learns, Model, Network};
use crate::registry::{Args, Param};
use crate::seed::Stream;
use crate::train::{Arm, EpochPoint, Job, Keep, Part, Recipe, Size, Status, interrupted, run};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How a network with a new head is trained on.
pub struct FineTuning {
    /// The optimisation; its seed is that of the transfer.
    pub recipe: Recipe,
    /// Which parameters train.
    pub learns: Learns,
    /// What is independent of these.
    pub factors: Factors,
    arm: Arm,
}

/// Called after every epoch with its point and, unless it is told again after a break, the
/// network as it is then.
pub type OnEpoch<'a> = &'a mut dyn FnMut(&EpochPoint, Option<&Network>) -> Result<()>;

impl FineTuning {
    /// A fine-tuning of parameters that minimises the mean cross-entropy.
    ///
    /// # Errors
    /// Internal: an objective without its defaults.
    pub fn new(recipe: Recipe, learns: Learns, factors: Factors) -> Result<Self> {
        Ok(Self { recipe, learns, factors, arm: Arm::clean()? })
    }

    /// Reads the options of [`params`].
    ///
    /// # Errors
    /// Options that do not go together.
    pub fn read(args: &Args, learns: Learns) -> Result<Self> {
        Self::new(Recipe::read(args, 0)?, learns, Factors::read(args)?)
    }

    /// Trains on `target.train`, as the target gives it; `lineage` is what its checkpoint is kept
    /// under, and dropped with [`FineTuning::discard`].
    ///
    /// # Errors
    /// Interrupted, with a checkpoint; a loss that is not finite; those of `on_epoch`.
    pub fn run(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        seed: i64,
        lineage: &Rc<Lineage>,
        on_epoch: OnEpoch,
    ) -> Result<Network> {
        let classes = target.classes();
        let multiplications = model.spec().architecture.multiplications(classes)?;
        let size = Size { classes, multiplications };
        let job = Job {
            parts: vec![Part { lineage: lineage.clone(), arm: &self.arm, size }],
            split: &target.train,
            held_out: None,
            watch: (0, None),
            recipe: Recipe { seed, ..self.recipe.clone() },
            what: format!("fine-tune on {} (seed {seed})", target.name()),
            keep: Keep::Checkpoint,
        };
        let learning = Learning { learns: self.learns, statistics: self.factors.statistics };
        let start = |_| {
            let head = Stream::new(seed, "head");
            let network = model.network(context)?.replace_head(target.classes(), head)?;
            self.factors.normaliser.applied(network, target).learning(learning)
        };
        let outcome =
            run(context, &job, &start, &mut |_, point, _, network| on_epoch(point, network))?;
        let (ended, stopped) = outcome.single()?;
        if stopped {
            return Err(interrupted(ended.trained.spent.updates));
        }
        if ended.trained.status == Status::Diverged {
            return Err(Error::diverged("transfer: fine-tuning diverged").hint("a smaller lr"));
        }
        ended.network.ok_or_else(|| Error::internal("transfer: a fine-tuning gave no network"))
    }

    /// Removes the checkpoint that [`FineTuning::run`] left.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn discard(context: &Context, lineage: &Lineage) -> Result<()> {
        context.store.drop_partial(lineage.address())
    }
}

/// The options of a recipe with these defaults, then `factors`, then `own` options.
pub const fn params<const N: usize>(
    (epochs, lr): (i64, f64),
    factors: [Param; 3],
    own: &[Param],
) -> [Param; N] {
    let recipe = Recipe::params(epochs, lr);
    let mut all = [recipe[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < own.len() {
            own[at]
        } else if at < own.len() + recipe.len() {
            recipe[at - own.len()]
        } else {
            factors[at - own.len() - recipe.len()]
        };
        at += 1;
    }
    all
}

/// What a transfer fine-tunes under: with another number for each of several fine-tunings.
pub fn lineage(transfer: &Rc<Lineage>, number: Option<usize>) -> Rc<Lineage> {
    let inputs = BTreeMap::from([("transfer".to_owned(), transfer.clone())]);
    let number = number.map(|number| ("number".to_owned(), Json::from(number)));
    Lineage::new("transfer::fine_tuning", 1, number.into_iter().collect(), inputs)
}

impl Method for FineTuning {
    fn apply(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        seed: i64,
        transfer: &Rc<Lineage>,
    ) -> Result<Transferred> {
        let target = self.factors.target(target)?;
        let lineage = lineage(transfer, None);
        let network = self.run(context, model, &target, seed, &lineage, &mut |_, _| Ok(()))?;
        let stream = Stream::new(seed, "evaluation");
        let tested = measure(context, &network.folded()?, &target.test, None, 256, stream)?;
        Ok(Transferred { answers: tested.answers, selected: BTreeMap::new(), notes: Vec::new() })
    }

    fn discard(&self, context: &Context, transfer: &Rc<Lineage>) -> Result<()> {
        Self::discard(context, &lineage(transfer, None))
    }
}
