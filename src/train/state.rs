//! The exact state of a training between two updates: what a checkpoint holds.

use super::{EpochPoint, Recipe, Trained};
use crate::checkpoint;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::lineage::Address;
use crate::model::Network;
use crate::store::Partial;
use crate::torch::optimizer::{Sgd, sgd_step};
use serde::{Deserialize, Serialize};
use tch::Tensor;

const NETWORK: &str = "network.safetensors";
const MOMENTUM: &str = "momentum.safetensors";

/// Position and sums; together with weights and momentum the whole state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The running epoch, from 0.
    pub epoch: i64,
    /// The next batch of the epoch.
    pub batch: usize,
    /// Sums over the images of the epoch so far.
    pub loss: f64,
    pub correct: i64,
    pub norm: f64,
    pub seen: i64,
    /// What is kept of the training so far.
    pub trained: Trained,
}

/// A training between two updates.
pub(super) struct State {
    pub network: Network,
    pub momentum: Tensor,
    pub progress: Progress,
}

impl State {
    /// The state before the first update.
    pub fn start(network: Network) -> Result<Self> {
        let momentum = network.flat().f_zeros_like()?;
        let trained = Trained {
            diverged: false,
            updates: 0,
            images: 0,
            forwards: 0,
            backwards: 0,
            curve: Vec::new(),
        };
        let progress =
            Progress { epoch: 0, batch: 0, loss: 0.0, correct: 0, norm: 0.0, seen: 0, trained };
        Ok(Self { network, momentum, progress })
    }

    /// Continues from a checkpoint; `network` has the architecture and is overwritten.
    ///
    /// # Errors
    /// A checkpoint written under other threads, CPU or torch, whose bits would differ, and one
    /// whose tensors do not fit.
    pub fn resume(network: Network, partial: &Partial, context: &Context) -> Result<Self> {
        let now = &context.environment;
        if let Some(difference) = partial.manifest.inexact(now) {
            return Err(Error::usage(format!(
                "train: a partial run was made under another environment: {difference}"
            ))
            .hint("resuming would change its bits; run it under the same settings")
            .hint("or give --restart-partial to start partial runs anew"));
        }
        let file = |name: &str| {
            partial
                .files
                .get(name)
                .ok_or_else(|| Error::data(format!("train: the checkpoint has no file {name}")))
        };
        network.load_state(&checkpoint::decode(file(NETWORK)?)?)?;
        let saved = checkpoint::decode(file(MOMENTUM)?)?;
        let momentum = match saved.as_slice() {
            [(_, tensor)] if tensor.size() == network.flat().size() => {
                tensor.f_to_device(context.device)?
            }
            _ => {
                return Err(Error::data("train: the checkpoint's momentum does not fit the model"));
            }
        };
        let progress = serde_json::from_value(partial.state.clone())
            .map_err(|error| Error::data(format!("train: checkpoint state: {error}")))?;
        Ok(Self { network, momentum, progress })
    }

    /// Writes a checkpoint.
    pub fn save(&self, context: &Context, address: &Address) -> Result<()> {
        let network = checkpoint::encode(&self.network.state()?)?;
        let momentum =
            checkpoint::encode(&[("momentum".to_owned(), self.momentum.shallow_clone())])?;
        let state = serde_json::to_value(&self.progress)
            .map_err(|error| Error::internal(format!("train: checkpoint state: {error}")))?;
        let files: [(&str, &[u8]); 2] = [(NETWORK, &network), (MOMENTUM, &momentum)];
        let updates = self.progress.trained.updates;
        context.store.put_partial(address, &context.environment, updates, &state, &files)
    }

    /// Applies one complete flat gradient.
    pub fn update(&mut self, gradient: &Tensor, recipe: &Recipe, total: u64) -> Result<()> {
        let lr = recipe.schedule.rate(recipe.lr, self.progress.trained.updates, total);
        let settings = Sgd {
            lr,
            momentum: recipe.momentum,
            weight_decay: recipe.weight_decay,
            nesterov: false,
        };
        sgd_step(self.network.flat(), gradient, &self.momentum, &settings)?;
        self.progress.trained.updates += 1;
        Ok(())
    }

    /// Closes the running epoch and returns its point.
    pub fn close_epoch(&mut self) -> EpochPoint {
        let progress = &mut self.progress;
        let seen = progress.seen.max(1) as f64;
        let point = EpochPoint {
            epoch: progress.epoch + 1,
            loss: progress.loss / seen,
            accuracy: progress.correct as f64 / seen,
            norm: progress.norm / seen,
        };
        progress.trained.curve.push(point.clone());
        progress.epoch += 1;
        progress.batch = 0;
        (progress.loss, progress.correct, progress.norm, progress.seen) = (0.0, 0, 0.0, 0);
        point
    }
}
