//! The training loop: claimed by address, resumable inside an epoch, bit for bit.

use super::state::State;
use super::{Arm, EpochPoint, Objective, Outcome, Recipe, Trained};
use crate::checkpoint;
use crate::context::Context;
use crate::dataset::{Batch, Split};
use crate::error::{Kind, Result};
use crate::lineage::Lineage;
use crate::loader::{self, Feed};
use crate::model::Network;
use crate::seed::Stream;
use std::rc::Rc;
use tch::Tensor;

/// The blob of finished weights.
pub(super) const WEIGHTS: &str = "weights.safetensors";

/// One training to do, or to find done.
pub struct Job<'a> {
    /// What is asked for; the result is kept under its address.
    pub lineage: Rc<Lineage>,
    /// The images.
    pub split: &'a Split,
    /// The objective.
    pub arm: &'a Arm,
    /// The optimisation.
    pub recipe: Recipe,
    /// What the progress bar says.
    pub what: String,
    /// What the store keeps of it.
    pub keep: Keep,
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

/// Called after every epoch with its point and the number of updates so far; on a stored result
/// it is replayed without a network.
pub type OnEpoch<'a> = &'a mut dyn FnMut(&EpochPoint, u64, Option<&Network>) -> Result<()>;

/// Trains, resumes, or finds the stored result.
///
/// # Errors
/// A store that cannot be read or written, a partial run of another environment, and whatever
/// the objective or the callback refuses.
pub fn run(
    context: &Context,
    job: &Job,
    start: &dyn Fn() -> Result<Network>,
    on_epoch: OnEpoch,
) -> Result<Outcome> {
    if let Some(trained) = stored(context, job, on_epoch)? {
        return Ok(Outcome::Finished(trained, None));
    }
    let _lease = context.claim(job.lineage.address())?;
    if let Some(trained) = stored(context, job, on_epoch)? {
        return Ok(Outcome::Finished(trained, None));
    }
    let mut state = begin(context, job, start, on_epoch)?;
    let steps = Steps::of(job);
    let updates = state.progress.trained.updates;
    context.monitor.begin(&job.what, steps.total, updates);
    let ended = train(context, job, &steps, &mut state, on_epoch);
    context.monitor.end();
    if !ended? {
        state.save(context, job.lineage.address())?;
        let updates = state.progress.trained.updates;
        return Ok(Outcome::Interrupted(updates, state.progress.trained, state.network));
    }
    finish(context, job, &state)?;
    Ok(Outcome::Finished(state.progress.trained, Some(state.network)))
}

fn stored(context: &Context, job: &Job, on_epoch: OnEpoch) -> Result<Option<Trained>> {
    if job.keep != Keep::Result {
        return Ok(None);
    }
    let Some(trained) = context.found::<Trained>(job.lineage.address())? else {
        return Ok(None);
    };
    let per_epoch = Steps::of(job).per_epoch;
    for point in &trained.curve {
        on_epoch(point, point.epoch as u64 * per_epoch, None)?;
    }
    Ok(Some(trained))
}

fn begin(
    context: &Context,
    job: &Job,
    start: &dyn Fn() -> Result<Network>,
    on_epoch: OnEpoch,
) -> Result<State> {
    let address = job.lineage.address();
    if context.restart_partial {
        context.store.drop_partial(address)?;
    }
    let Some(partial) = context.store.partial(address)? else {
        return State::start(start()?);
    };
    if let Some(warning) = &partial.warning {
        context.monitor.warn(warning);
    }
    let state = State::resume(start()?, &partial, context)?;
    let per_epoch = Steps::of(job).per_epoch;
    for point in &state.progress.trained.curve {
        on_epoch(point, point.epoch as u64 * per_epoch, None)?;
    }
    Ok(state)
}

/// How many updates a job takes.
struct Steps {
    epochs: i64,
    per_epoch: u64,
    total: u64,
}

impl Steps {
    fn of(job: &Job) -> Self {
        let stretched = job.recipe.epochs as f64 * job.arm.objective.stretch();
        let epochs = (stretched.round() as i64).max(1);
        let batches = loader::batches(job.split.len(), job.recipe.batch_size as usize, None);
        let per_epoch = batches.len() as u64;
        Self { epochs, per_epoch, total: epochs as u64 * per_epoch }
    }
}

/// Runs to the end; false when interrupted.
fn train(
    context: &Context,
    job: &Job,
    steps: &Steps,
    state: &mut State,
    on_epoch: OnEpoch,
) -> Result<bool> {
    let order = Stream::new(job.recipe.seed, "order");
    let draws = Stream::new(job.recipe.seed, "perturbation");
    let views = Stream::new(job.recipe.seed, "transform");
    let batch_size = job.recipe.batch_size as usize;
    while state.progress.epoch < steps.epochs {
        let epoch = state.progress.epoch as u64;
        let mut batches = loader::batches(job.split.len(), batch_size, Some(order.at(epoch)));
        let left = batches.split_off(state.progress.batch.min(batches.len()));
        for batch in Feed::new(job.split, left, Some(views.at(epoch)), context.device)? {
            if context.interrupt.is_requested() {
                return Ok(false);
            }
            if !step(job, steps, state, &batch?, draws.at(epoch))? {
                state.progress.trained.diverged = true;
                return Ok(true);
            }
            state.progress.batch += 1;
            let seen = state.progress.seen.max(1) as f64;
            context.monitor.advance(&format!("loss {:.3}", state.progress.loss / seen));
            if context.monitor.checkpoint_due() {
                state.save(context, job.lineage.address())?;
            }
        }
        let point = state.close_epoch();
        on_epoch(&point, state.progress.trained.updates, Some(&state.network))?;
    }
    Ok(true)
}

/// One update; false when loss or gradient is not finite, and then nothing has changed but the
/// running statistics of the batch norms.
fn step(
    job: &Job,
    steps: &Steps,
    state: &mut State,
    batch: &Batch,
    stream: Stream,
) -> Result<bool> {
    let objective: &dyn Objective = &*job.arm.objective;
    let step = match objective.loss(&state.network, batch, stream) {
        Err(error) if error.kind() == Kind::Diverged => return Ok(false),
        other => other?,
    };
    let loss = step.loss.f_double_value(&[])?;
    // All gradients are complete here, flat and not yet applied: the place for an all-reduce.
    let gradient = state.network.gradient(&step.loss)?;
    if !loss.is_finite() || !all_finite(&gradient)? {
        return Ok(false);
    }
    state.update(&gradient, &job.recipe, steps.total)?;
    let count = batch.ids.len() as i64;
    let cost = objective.cost();
    let progress = &mut state.progress;
    progress.trained.images += count as u64;
    progress.trained.forwards += (cost.forwards * count) as u64;
    progress.trained.backwards += (cost.backwards * count) as u64;
    progress.loss += loss * count as f64;
    progress.norm += step.norm * count as f64;
    progress.correct += correct(&step.logits, &batch.y)?;
    progress.seen += count;
    Ok(true)
}

fn all_finite(tensor: &Tensor) -> Result<bool> {
    Ok(tensor.f_sum(tch::Kind::Double)?.f_double_value(&[])?.is_finite())
}

fn correct(logits: &Tensor, y: &Tensor) -> Result<i64> {
    let hits = logits.f_argmax(1, false)?.f_eq_tensor(y)?;
    Ok(hits.f_sum(tch::Kind::Int64)?.f_int64_value(&[])?)
}

fn finish(context: &Context, job: &Job, state: &State) -> Result<()> {
    if job.keep == Keep::Checkpoint {
        return Ok(());
    }
    let address = job.lineage.address();
    let weights = checkpoint::encode(&state.network.state()?)?;
    context.store.put_blob(address, WEIGHTS, &weights)?;
    if context.found::<Trained>(address)?.is_none() {
        context.keep(&job.lineage, &state.progress.trained)?;
    }
    context.store.drop_partial(address)
}

/// The finished weights of a training, if the store still has them.
pub(super) fn stored_weights(
    context: &Context,
    lineage: &Lineage,
) -> Result<Option<Vec<(String, Tensor)>>> {
    match context.store.blob(lineage.address(), WEIGHTS)? {
        Some(bytes) => Ok(Some(checkpoint::decode(&bytes)?)),
        None => Ok(None),
    }
}
