//! One network in training: its weights, its optimizer, its sums.

use super::curve::{EpochPoint, Status, Trained};
use super::objectives::{Lead, Moment, Passes, Step};
use super::{Arm, Recipe};
use crate::attack::{ManipulationCheck, Perturbation, Target, manipulation_check};
use crate::checkpoint;
use crate::dataset::Batch;
use crate::error::{Error, Kind, Result};
use crate::model::Network;
use crate::seed::Stream;
use crate::threat_model::NormBall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tch::Tensor;

/// Sums over the images of the running epoch, and what is kept of the training so far.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tally {
    loss: f64,
    correct: f64,
    norm: f64,
    seen: i64,
    /// What the first batch's perturbations did.
    check: Option<ManipulationCheck>,
    /// Images and batches whose gradients wait for an update.
    waiting: (i64, i64),
    pub trained: Trained,
}

/// One network in training.
pub(super) struct Member {
    pub network: Network,
    /// The moving average of the weights.
    average: Option<Network>,
    /// The optimizer's tensors.
    kept: Vec<Tensor>,
    /// The sum of the gradients of images that wait for an update.
    waiting: Option<Tensor>,
    /// What the objective carries from step to step.
    carried: Option<Tensor>,
    /// What the training would have given after the epoch before, for objectives with a guard.
    pub before: Option<Network>,
    pub tally: Tally,
}

/// Where in the training a step lies.
pub(super) struct Place {
    pub stream: Stream,
    /// Updates of the whole training.
    pub total: u64,
    /// Whether nothing of the epoch came before.
    pub first_of_epoch: bool,
    /// Whether gradients must not wait longer.
    pub last_of_epoch: bool,
    /// Whether the images differ from epoch to epoch, or this is the first.
    pub new_images: bool,
}

const AVERAGE: &str = "average";
const BEFORE: &str = "before";
const WAITING: &str = "waiting";
const CARRIED: &str = "carried";

impl Member {
    /// A network before its first update.
    ///
    /// # Errors
    /// Memory is short.
    pub fn start(network: Network, recipe: &Recipe) -> Result<Self> {
        let zeros = || {
            Tensor::f_zeros([network.learned_parameters()], (tch::Kind::Float, network.device()))
        };
        let kept = recipe.optimizer.kept().iter().map(|_| zeros());
        Ok(Self {
            kept: kept.collect::<std::result::Result<_, _>>()?,
            average: if recipe.ema > 0.0 { Some(network.copy()?) } else { None },
            network,
            waiting: None,
            carried: None,
            before: None,
            tally: Tally::default(),
        })
    }

    /// The network that the training gives: the moving average if there is one.
    pub fn result(&self) -> &Network {
        self.average.as_ref().unwrap_or(&self.network)
    }

    /// The same, without the rest.
    pub fn into_result(self) -> Network {
        self.average.unwrap_or(self.network)
    }

    /// Whether it steps no more.
    pub fn stopped(&self) -> bool {
        self.tally.trained.status != Status::Finished
    }

    /// Ends it; its weights stay those before this step.
    pub fn diverge(&mut self) {
        self.tally.trained.status = Status::Diverged;
    }

    /// Closes an epoch of an objective with a guard: it ends with the weights of the epoch before,
    /// or keeps those of this one.
    ///
    /// # Errors
    /// Memory is short.
    pub fn keep(&mut self, fell: bool) -> Result<()> {
        match self.before.take() {
            Some(before) if fell => {
                self.result().load_state(&before.state()?)?;
                self.tally.trained.status = Status::Overfit;
            }
            _ => self.before = Some(self.result().copy()?),
        }
        Ok(())
    }

    /// The mean loss of the epoch so far.
    pub fn loss(&self) -> f64 {
        self.tally.loss / self.tally.seen.max(1) as f64
    }

    /// One step, and what it did to the images. Where loss or gradient is not finite it diverges,
    /// and nothing has changed but the running statistics of the batch norms.
    ///
    /// # Errors
    /// Those of the objective, unless it diverged.
    pub fn step(
        &mut self,
        arm: &Arm,
        recipe: &Recipe,
        batch: &Batch,
        other: Option<&Batch>,
        place: &Place,
        lead: Option<&Lead>,
    ) -> Result<Option<Lead>> {
        let objective = &*arm.objective;
        let progress = self.tally.trained.spent.updates as f64 / place.total.max(1) as f64;
        let moment = Moment {
            network: &self.network,
            batch,
            other,
            stream: place.stream,
            progress,
            label_smoothing: recipe.label_smoothing,
            lead,
            carried: self.carried.as_ref(),
        };
        let step = match objective.step(&moment) {
            Err(error) if error.kind() == Kind::Diverged => {
                self.diverge();
                return Ok(None);
            }
            other => other?,
        };
        let loss = step.loss.f_double_value(&[])?;
        // All gradients are complete here, flat and not yet applied: the place for an all-reduce.
        let (gradient, leaf) = self.network.gradients(&step.loss, step.leaf.as_ref())?;
        if !loss.is_finite() || !all_finite(&gradient)? {
            self.diverge();
            return Ok(None);
        }
        let ball = objective.ball(progress).or(lead.map(|lead| lead.ball));
        if let (true, Some(done)) = (place.first_of_epoch, &step.perturbation) {
            self.tally.check = Some(self.check(ball, batch, place, done)?);
        }
        if let Some(leaf) = leaf {
            self.carried = Some(objective.carry(&step, &leaf)?);
        }
        self.learn(gradient, batch.ids.len() as i64, recipe, place)?;
        self.count(&step, loss, batch, objective.passes(self.network.classes()), place)?;
        Ok(step.perturbation.zip(ball).map(|(perturbation, ball)| Lead { perturbation, ball }))
    }

    /// What a perturbation within `ball` did to this network before the update.
    fn check(
        &self,
        ball: Option<NormBall>,
        batch: &Batch,
        place: &Place,
        done: &Perturbation,
    ) -> Result<ManipulationCheck> {
        let model = &self.network.folded()?;
        let options = (tch::Kind::Double, self.network.device());
        let eps = match ball.map(|ball| ball.eps).filter(|eps| eps.is_finite()) {
            None => None,
            Some(eps) => Some(Tensor::f_full([batch.ids.len() as i64], eps, options)?),
        };
        let (x, y, ids, stream) = (&batch.x, &batch.y, &batch.ids, place.stream);
        manipulation_check(&Target { model, x, y, ids, stream, eps }, done)
    }

    /// Applies a gradient, or lets it wait for those of other batches.
    fn learn(
        &mut self,
        gradient: Tensor,
        images: i64,
        recipe: &Recipe,
        place: &Place,
    ) -> Result<()> {
        if recipe.accumulate == 1 {
            return self.update(&gradient, recipe, place);
        }
        let sum = gradient.f_mul_scalar(images as f64)?;
        let sum = match self.waiting.take() {
            None => sum,
            Some(waiting) => waiting.f_add(&sum)?,
        };
        let (before, batches) = self.tally.waiting;
        self.tally.waiting = (before + images, batches + 1);
        if batches + 1 < recipe.accumulate && !place.last_of_epoch {
            self.waiting = Some(sum);
            return Ok(());
        }
        let mean = sum.f_div_scalar((before + images) as f64)?;
        self.tally.waiting = (0, 0);
        self.update(&mean, recipe, place)
    }

    fn update(&mut self, gradient: &Tensor, recipe: &Recipe, place: &Place) -> Result<()> {
        let done = self.tally.trained.spent.updates;
        let lr = recipe.rate(done, place.total);
        let mut start = 0;
        for part in self.network.learned()? {
            let length = part.size1()?;
            let of_part = |all: &Tensor| all.f_narrow(0, start, length);
            let kept = self.kept.iter().map(of_part).collect::<std::result::Result<Vec<_>, _>>()?;
            recipe.optimizer.update(&part, &of_part(gradient)?, &kept, (done + 1, lr), recipe)?;
            start += length;
        }
        if let Some(average) = &self.average {
            average.follow(&self.network, recipe.ema)?;
        }
        self.tally.trained.spent.updates += 1;
        Ok(())
    }

    fn count(
        &mut self,
        step: &Step,
        loss: f64,
        batch: &Batch,
        passes: Passes,
        place: &Place,
    ) -> Result<()> {
        let count = batch.ids.len() as i64;
        let y = step.y.as_ref().unwrap_or(&batch.y);
        let accuracy = correct(&step.logits, y)? / y.numel().max(1) as f64;
        let norm = match &step.perturbation {
            None => 0.0,
            Some(done) => done.norms.f_mean(tch::Kind::Float)?.f_double_value(&[])?,
        };
        let tally = &mut self.tally;
        tally.loss += loss * count as f64;
        tally.norm += norm * count as f64;
        tally.correct += accuracy * count as f64;
        tally.seen += count;
        let spent = &mut tally.trained.spent;
        spent.images += (passes.images * count) as u64;
        let given = if place.new_images { passes.given } else { 0 };
        spent.distinct_inputs += ((given + passes.fresh) * count) as u64;
        spent.forwards += (passes.forwards * count) as u64;
        spent.backwards += ((passes.to_images + passes.to_weights) * count) as u64;
        let through = passes.forwards + passes.to_images - passes.elsewhere.passes;
        let through = self.network.multiplications()? * through + passes.elsewhere.multiplications;
        let back = self.network.backward_multiplications()? * passes.to_weights;
        spent.flops += (through + back) as f64 * count as f64;
        Ok(())
    }

    /// Closes an epoch and returns its point, not yet in the curve.
    pub fn close_epoch(&mut self, epoch: i64) -> EpochPoint {
        let tally = &mut self.tally;
        let seen = tally.seen.max(1) as f64;
        let point = EpochPoint {
            epoch,
            loss: tally.loss / seen,
            accuracy: tally.correct / seen,
            norm: tally.norm / seen,
            check: tally.check.take(),
            validation: None,
            guard: None,
        };
        (tally.loss, tally.correct, tally.norm, tally.seen) = (0.0, 0.0, 0.0, 0);
        point
    }

    /// The files of a checkpoint by name; `place` is that of the member in its job.
    ///
    /// # Errors
    /// Memory is short.
    pub fn files(&self, recipe: &Recipe, place: usize) -> Result<Vec<(String, Vec<u8>)>> {
        let names = recipe.optimizer.kept().iter().map(|name| (*name).to_owned());
        let mut tensors: Vec<(String, Tensor)> =
            names.zip(self.kept.iter().map(Tensor::shallow_clone)).collect();
        for (name, tensor) in [(WAITING, &self.waiting), (CARRIED, &self.carried)] {
            tensors.extend(tensor.iter().map(|tensor| (name.to_owned(), tensor.shallow_clone())));
        }
        let mut files = vec![
            (file("network", place), checkpoint::encode(&self.network.state()?)?),
            (file("optimizer", place), checkpoint::encode(&tensors)?),
        ];
        for (what, network) in [(AVERAGE, &self.average), (BEFORE, &self.before)] {
            if let Some(network) = network {
                files.push((file(what, place), checkpoint::encode(&network.state()?)?));
            }
        }
        Ok(files)
    }

    /// Continues from the files of a checkpoint; `network` has the architecture and is
    /// overwritten.
    ///
    /// # Errors
    /// A file is missing, or its tensors do not fit.
    pub fn resume(
        network: Network,
        recipe: &Recipe,
        files: &BTreeMap<String, Vec<u8>>,
        place: usize,
        tally: Tally,
    ) -> Result<Self> {
        let read = |what: &str| {
            let name = file(what, place);
            let bytes = files
                .get(&name)
                .ok_or_else(|| Error::data(format!("train: the checkpoint has no file {name}")))?;
            checkpoint::decode(bytes)
        };
        let mut member = Self::start(network, recipe)?;
        member.network.load_state(&read("network")?)?;
        if let Some(average) = &member.average {
            average.load_state(&read(AVERAGE)?)?;
        }
        if files.contains_key(&file(BEFORE, place)) {
            let before = member.network.copy()?;
            before.load_state(&read(BEFORE)?)?;
            member.before = Some(before);
        }
        let device = member.network.device();
        let saved: BTreeMap<String, Tensor> = read("optimizer")?
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.f_to_device(device)?)))
            .collect::<Result<_>>()?;
        let long = [member.network.learned_parameters()];
        let fitting = |name: &str| saved.get(name).filter(|tensor| tensor.size() == long);
        for (kept, name) in member.kept.iter_mut().zip(recipe.optimizer.kept()) {
            let tensor = fitting(name).ok_or_else(|| {
                Error::data(format!("train: the checkpoint's {name} does not fit the model"))
            })?;
            *kept = tensor.shallow_clone();
        }
        member.waiting = fitting(WAITING).map(Tensor::shallow_clone);
        member.carried = saved.get(CARRIED).map(Tensor::shallow_clone);
        member.tally = tally;
        Ok(member)
    }
}

fn file(what: &str, place: usize) -> String {
    format!("{what}-{place}.safetensors")
}

fn all_finite(tensor: &Tensor) -> Result<bool> {
    Ok(tensor.f_sum(tch::Kind::Double)?.f_double_value(&[])?.is_finite())
}

fn correct(logits: &Tensor, y: &Tensor) -> Result<f64> {
    let hits = logits.f_argmax(1, false)?.f_eq_tensor(y)?;
    Ok(hits.f_sum(tch::Kind::Int64)?.f_int64_value(&[])? as f64)
}
