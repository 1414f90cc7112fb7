//! The training loop: claimed by address, resumable inside an epoch, bit for bit.

use super::curve::{EpochPoint, Trained, Validation};
use super::job::{Job, Keep, Part, Steps};
use super::member::{Member, Place};
use super::outcome::{Ended, Outcome};
use super::overfit::{self, WeakAttack};
use super::state::State;
use crate::checkpoint;
use crate::context::{Context, Silent};
use crate::dataset::Batch;
use crate::error::{Error, Kind, Result};
use crate::evaluate::measure;
use crate::lineage::Lineage;
use crate::loader::{self, Feed};
use crate::model::Network;
use crate::seed::Stream;
use std::rc::Rc;
use tch::Tensor;

/// The blob of finished weights.
const WEIGHTS: &str = "weights.safetensors";

/// Images per pass of evaluations on the way.
const EVALUATED: usize = 256;

/// Called after every epoch with the place of a part, its point and the number of updates so far;
/// on a stored result it is replayed without a network.
pub type OnEpoch<'a> = &'a mut dyn FnMut(usize, &EpochPoint, u64, Option<&Network>) -> Result<()>;

/// Trains, resumes, or finds the stored result. `start` makes the network of a part. Gradients are
/// tracked even where the caller needs none: weights may be made again in the middle of a transfer.
///
/// # Errors
/// A store that cannot be read or written, a partial run of another environment, and whatever
/// the objectives or the callback refuse.
pub fn run(
    context: &Context,
    job: &Job,
    start: &dyn Fn(usize) -> Result<Network>,
    on_epoch: OnEpoch,
) -> Result<Outcome> {
    tch::with_grad(|| tracked(context, job, start, on_epoch))
}

fn tracked(
    context: &Context,
    job: &Job,
    start: &dyn Fn(usize) -> Result<Network>,
    on_epoch: OnEpoch,
) -> Result<Outcome> {
    let steps = Steps::of(job)?;
    let found = |trained| Ended { trained, network: None };
    if let Some(trained) = stored(context, job, &steps, on_epoch)? {
        return Ok(Outcome::Finished(trained.into_iter().map(found).collect()));
    }
    let _lease = context.claim(job.lineage().address())?;
    if let Some(trained) = stored(context, job, &steps, on_epoch)? {
        return Ok(Outcome::Finished(trained.into_iter().map(found).collect()));
    }
    let mut state = begin(context, job, &steps, start, on_epoch)?;
    context.monitor.begin(&job.what, steps.total, state.updates());
    let ended = train(context, job, &steps, &mut state, on_epoch);
    context.monitor.end();
    let finished = ended?;
    if finished {
        finish(context, job, &state)?;
    } else {
        state.save(context, job)?;
    }
    let ended = state.members.into_iter().map(|member| Ended {
        trained: member.tally.trained.clone(),
        network: Some(member.into_result()),
    });
    let ended = ended.collect();
    Ok(if finished { Outcome::Finished(ended) } else { Outcome::Interrupted(ended) })
}

/// The results of all parts, if the store has them.
fn stored(
    context: &Context,
    job: &Job,
    steps: &Steps,
    on_epoch: OnEpoch,
) -> Result<Option<Vec<Trained>>> {
    if job.keep != Keep::Result {
        return Ok(None);
    }
    let mut all = Vec::new();
    for part in &job.parts {
        match context.found::<Trained>(part.lineage.address())? {
            None => return Ok(None),
            Some(trained) => all.push(trained),
        }
    }
    replay(&all.iter().collect::<Vec<_>>(), steps, on_epoch)?;
    Ok(Some(all))
}

/// Calls back for the epochs that are done.
fn replay(trained: &[&Trained], steps: &Steps, on_epoch: OnEpoch) -> Result<()> {
    let epochs = trained.iter().map(|trained| trained.curve.len()).max().unwrap_or(0);
    for epoch in 0..epochs {
        for (place, trained) in trained.iter().enumerate() {
            let Some(point) = trained.curve.get(epoch) else { continue };
            on_epoch(place, point, point.epoch as u64 * steps.per_epoch, None)?;
        }
    }
    Ok(())
}

fn begin(
    context: &Context,
    job: &Job,
    steps: &Steps,
    start: &dyn Fn(usize) -> Result<Network>,
    on_epoch: OnEpoch,
) -> Result<State> {
    let lineage = job.lineage();
    if context.restart_partial {
        context.store.drop_partial(lineage.address())?;
    }
    let Some(partial) = context.store.partial(lineage.address())? else {
        return State::start(job, start);
    };
    if let Some(warning) = &partial.warning {
        context.monitor.warn(warning);
    }
    let state = State::resume(job, start, &partial, context)?;
    let trained: Vec<&Trained> = state.members.iter().map(|m| &m.tally.trained).collect();
    replay(&trained, steps, on_epoch)?;
    Ok(state)
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
    let views = Stream::new(job.recipe.seed, "transform");
    let batch_size = job.recipe.batch_size as usize;
    let labels = if job.recipe.paired { Some(job.split.labels()?) } else { None };
    let twice = job.parts.iter().any(|part| part.arm.objective.views() > 1);
    while state.progress.epoch < steps.epochs && !state.stopped() {
        let epoch = state.progress.epoch as u64;
        let mut batches = match &labels {
            None => loader::batches(job.split.len(), batch_size, Some(order.at(epoch))),
            Some(labels) => loader::paired_batches(labels, batch_size, order.at(epoch)),
        };
        let left = batches.split_off(state.progress.batch.min(batches.len()));
        let feed = |view| Feed::new(job.split, left.clone(), Some(view), context.device);
        let mut others = twice.then(|| feed(views.at(epoch).at(1))).transpose()?;
        for batch in feed(views.at(epoch))? {
            let batch = batch?;
            let other = others.as_mut().and_then(Iterator::next).transpose()?;
            while state.progress.replay < steps.replays {
                if context.interrupt.is_requested() {
                    return Ok(false);
                }
                step(job, steps, state, &batch, other.as_ref())?;
                if state.stopped() {
                    return Ok(true);
                }
                state.progress.replay += 1;
                context.monitor.advance(&format!("loss {:.3}", state.members[0].loss()));
                let last = state.progress.replay == steps.replays;
                if !last && context.monitor.checkpoint_due() {
                    state.save(context, job)?;
                }
            }
            state.progress.replay = 0;
            state.progress.batch += 1;
            if context.monitor.checkpoint_due() {
                state.save(context, job)?;
            }
        }
        if !close_epoch(context, job, steps, state, on_epoch)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One update of every part on one batch; what the lead makes of it is what others may follow.
fn step(
    job: &Job,
    steps: &Steps,
    state: &mut State,
    batch: &Batch,
    other: Option<&Batch>,
) -> Result<()> {
    let progress = &state.progress;
    let stream = Stream::new(job.recipe.seed, "perturbation").at(progress.epoch as u64);
    let place = Place {
        stream: match progress.replay {
            0 => stream,
            replay => stream.at(u64::MAX - replay as u64),
        },
        total: steps.total,
        first_of_epoch: (progress.batch, progress.replay) == (0, 0),
        last_of_epoch: progress.batch + 1 == steps.batches,
        new_images: (progress.epoch, progress.replay) == (0, 0) || job.split.is_random(),
    };
    let (mut lead, mut lost) = (None, false);
    for (position, (member, part)) in state.members.iter_mut().zip(&job.parts).enumerate() {
        let is_lead = position == 0;
        if lost && part.arm.objective.follows() {
            member.diverge();
        }
        if member.stopped() {
            lost |= is_lead;
            continue;
        }
        let done = member.step(part.arm, &job.recipe, batch, other, &place, lead.as_ref())?;
        lost |= is_lead && member.stopped();
        if is_lead {
            lead = done;
        }
    }
    Ok(())
}

/// Closes the epoch; false when interrupted, and then nothing has changed.
fn close_epoch(
    context: &Context,
    job: &Job,
    steps: &Steps,
    state: &mut State,
    on_epoch: OnEpoch,
) -> Result<bool> {
    let epoch = state.progress.epoch + 1;
    let last = epoch == steps.epochs;
    let mut found = Vec::new();
    for (member, part) in state.members.iter().zip(&job.parts) {
        if member.stopped() {
            found.push(None);
            continue;
        }
        match assess(context, job, part, member, (epoch, last)) {
            Err(error) if error.kind() == Kind::Interrupted => return Ok(false),
            assessed => found.push(Some(assessed?)),
        }
    }
    state.progress = super::state::Progress { epoch, ..Default::default() };
    for (place, assessed) in found.into_iter().enumerate() {
        let Some(Assessed { validation, guard, weak }) = assessed else { continue };
        let member = &mut state.members[place];
        let robust = guard.map(|(accuracy, _)| accuracy);
        let point = EpochPoint { validation, guard: robust, ..member.close_epoch(epoch) };
        member.tally.trained.curve.push(point.clone());
        let updates = member.tally.trained.spent.updates;
        on_epoch(place, &point, updates, Some(member.result()))?;
        if let Some((_, fell)) = guard {
            member.keep(fell)?;
        }
        if let Some(weak) = weak {
            member.tally.trained.judge(weak);
        }
    }
    Ok(true)
}

/// What was measured after an epoch.
struct Assessed {
    validation: Option<Validation>,
    /// Robust accuracy under the guard, and whether it fell too far.
    guard: Option<(f64, bool)>,
    /// Of the weights that the training gives, once it ends.
    weak: Option<WeakAttack>,
}

fn assess(
    context: &Context,
    job: &Job,
    part: &Part,
    member: &Member,
    (epoch, last): (i64, bool),
) -> Result<Assessed> {
    let (objective, seed, quiet) = (&part.arm.objective, job.recipe.seed, quiet(context));
    let validation = validate(context, job, member.result(), epoch, last)?;
    let before = member.tally.trained.curve.last().and_then(|point| point.guard);
    let guard = objective
        .guard()
        .map(|guard| overfit::guarded(&quiet, member.result(), guard, job.split, seed, before));
    let guard = guard.transpose()?;
    let fell = guard.is_some_and(|(_, fell)| fell);
    let given = member.before.as_ref().filter(|_| fell).unwrap_or(member.result());
    let weak = match objective.attack() {
        Some(attacker) if last || fell => {
            let split = job.held_out.unwrap_or(job.split);
            overfit::weak_attack(&quiet, given, attacker, split, seed)?
        }
        _ => None,
    };
    Ok(Assessed { validation, guard, weak })
}

/// The accuracies that the job wants after this epoch.
fn validate(
    context: &Context,
    job: &Job,
    network: &Network,
    epoch: i64,
    last: bool,
) -> Result<Option<Validation>> {
    let (every, attacker) = &job.watch;
    if *every == 0 || !(last || epoch % every == 0) {
        return Ok(None);
    }
    let Some(split) = job.held_out else {
        return Err(Error::usage("train: eval_every expected images for validation, found none")
            .at_key("eval_every")
            .hint("a limit of few images leaves none for val: raise it"));
    };
    let (context, folded) = (quiet(context), network.folded()?);
    let stream = Stream::new(job.recipe.seed, "evaluation");
    let accuracy = |attacker| -> Result<f64> {
        let found = measure(&context, &folded, split, attacker, EVALUATED, stream)?;
        Ok(found.answers.accuracy())
    };
    let robust_accuracy = attacker.as_ref().map(|attacker| accuracy(Some(attacker))).transpose()?;
    Ok(Some(Validation { accuracy: accuracy(None)?, robust_accuracy }))
}

/// The same session with nothing shown: the bar is that of the training.
fn quiet(context: &Context) -> Context {
    Context { monitor: Rc::new(Silent), ..context.clone() }
}

fn finish(context: &Context, job: &Job, state: &State) -> Result<()> {
    if job.keep == Keep::Checkpoint {
        return Ok(());
    }
    for (part, member) in job.parts.iter().zip(&state.members) {
        let address = part.lineage.address();
        let weights = checkpoint::encode(&member.result().state()?)?;
        context.store.put_blob(address, WEIGHTS, &weights)?;
        if context.found::<Trained>(address)?.is_none() {
            context.keep(&part.lineage, &member.tally.trained)?;
        }
    }
    context.store.drop_partial(job.lineage().address())
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
