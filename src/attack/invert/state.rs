//! An inversion between two steps: what a checkpoint holds.

use super::Distances;
use super::descent::Point;
use crate::attack::Best;
use crate::checkpoint;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::lineage::Address;
use crate::store::Partial;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tch::Tensor;

const TENSORS: &str = "images.safetensors";

/// Position and numbers; together with the images the whole state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The running batch.
    pub batch: usize,
    /// Its next step.
    pub step: i64,
    /// The distances of the finished batches; `before` also holds those of the running one after
    /// its first step.
    pub distances: Distances,
}

/// An inversion between two steps.
#[derive(Default)]
pub(super) struct State {
    pub progress: Progress,
    /// The images of the finished batches.
    pub done: Vec<Tensor>,
    /// The running batch; none before its first step.
    pub point: Option<Point>,
}

impl State {
    /// The state that a checkpoint holds, or the one before the first step.
    ///
    /// # Errors
    /// A checkpoint written under other threads, CPU or torch, whose bits would differ; one that
    /// is damaged.
    pub fn begin(context: &Context, address: &Address) -> Result<Self> {
        if context.restart_partial {
            context.store.drop_partial(address)?;
        }
        let Some(partial) = context.store.partial(address)? else { return Ok(Self::default()) };
        if let Some(warning) = &partial.warning {
            context.monitor.warn(warning);
        }
        if let Some(difference) = partial.manifest.inexact(&context.environment) {
            return Err(Error::usage(format!(
                "invert: a partial run was made under another environment: {difference}"
            ))
            .hint("resuming would change its bits; run it under the same settings")
            .hint("or give --restart-partial to start partial runs anew"));
        }
        Self::resumed(context, &partial)
    }

    fn resumed(context: &Context, partial: &Partial) -> Result<Self> {
        let damaged = |why: &str| Error::data(format!("invert: the checkpoint {why}"));
        let progress = serde_json::from_value(partial.state.clone())
            .map_err(|error| damaged(&format!("has another state: {error}")))?;
        let file = partial.files.get(TENSORS).ok_or_else(|| damaged("has no images"))?;
        let mut tensors: BTreeMap<String, Tensor> = checkpoint::decode(file)?.into_iter().collect();
        let mut take = |name: &str| -> Result<Option<Tensor>> {
            tensors.remove(name).map(|t| Ok(t.f_to_device(context.device)?)).transpose()
        };
        let best = match (take("best")?, take("best_losses")?) {
            (Some(x), Some(losses)) => Some(Best { x, losses }),
            _ => None,
        };
        let point = take("x")?.map(|x| Point { x, best });
        Ok(Self { progress, done: take("done")?.into_iter().collect(), point })
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn save(&self, context: &Context, address: &Address) -> Result<()> {
        let mut tensors = Vec::new();
        let mut add = |name: &str, tensor: &Tensor| {
            tensors.push((name.to_owned(), tensor.shallow_clone()));
        };
        if !self.done.is_empty() {
            add("done", &Tensor::f_cat(&self.done, 0)?);
        }
        if let Some(point) = &self.point {
            add("x", &point.x);
            if let Some(best) = &point.best {
                add("best", &best.x);
                add("best_losses", &best.losses);
            }
        }
        let state = serde_json::to_value(&self.progress)
            .map_err(|error| Error::internal(format!("invert: checkpoint state: {error}")))?;
        let bytes = checkpoint::encode(&tensors)?;
        let files: [(&str, &[u8]); 1] = [(TENSORS, &bytes)];
        let step = self.progress.step as u64;
        context.store.put_partial(address, &context.environment, step, &state, &files)
    }
}
