//! The exact state of a training between two updates: what a checkpoint holds.

use super::job::Job;
use super::member::{Member, Tally};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::Network;
use crate::store::Partial;
use serde::{Deserialize, Serialize};

/// Position and sums; together with the members' tensors the whole state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The running epoch, from 0.
    pub epoch: i64,
    /// The next batch of the epoch.
    pub batch: usize,
    /// The next update on it.
    pub replay: i64,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    progress: Progress,
    members: Vec<Tally>,
}

/// A training between two updates.
pub(super) struct State {
    pub members: Vec<Member>,
    pub progress: Progress,
}

impl State {
    /// The state before the first update.
    ///
    /// # Errors
    /// Those of `start`, which makes the network of a part.
    pub fn start(job: &Job, start: &dyn Fn(usize) -> Result<Network>) -> Result<Self> {
        let member = |place| Member::start(start(place)?, &job.recipe);
        let members = (0..job.parts.len()).map(member).collect::<Result<_>>()?;
        Ok(Self { members, progress: Progress::default() })
    }

    /// Continues from a checkpoint; the networks that `start` makes are overwritten.
    ///
    /// # Errors
    /// A checkpoint written under other threads, CPU or torch, whose bits would differ, and one
    /// whose tensors do not fit.
    pub fn resume(
        job: &Job,
        start: &dyn Fn(usize) -> Result<Network>,
        partial: &Partial,
        context: &Context,
    ) -> Result<Self> {
        let now = &context.environment;
        if let Some(difference) = partial.manifest.inexact(now) {
            return Err(Error::usage(format!(
                "train: a partial run was made under another environment: {difference}"
            ))
            .hint("resuming would change its bits; run it under the same settings")
            .hint("or give --restart-partial to start partial runs anew"));
        }
        let saved: Saved = serde_json::from_value(partial.state.clone())
            .map_err(|error| Error::data(format!("train: checkpoint state: {error}")))?;
        if saved.members.len() != job.parts.len() {
            return Err(Error::data("train: the checkpoint is of another number of models"));
        }
        let member = |(place, tally)| {
            Member::resume(start(place)?, &job.recipe, &partial.files, place, tally)
        };
        let members = saved.members.into_iter().enumerate().map(member).collect::<Result<_>>()?;
        Ok(Self { members, progress: saved.progress })
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn save(&self, context: &Context, job: &Job) -> Result<()> {
        let mut files = Vec::new();
        for (place, member) in self.members.iter().enumerate() {
            files.extend(member.files(&job.recipe, place)?);
        }
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let members = self.members.iter().map(|member| member.tally.clone()).collect();
        let state = serde_json::to_value(Saved { progress: self.progress.clone(), members })
            .map_err(|error| Error::internal(format!("train: checkpoint state: {error}")))?;
        let lineage = job.lineage();
        let (address, environment) = (lineage.address(), &context.environment);
        context.store.put_partial(address, environment, self.updates(), &state, &files)
    }

    /// Whether no member steps any more.
    pub fn stopped(&self) -> bool {
        self.members.iter().all(Member::stopped)
    }

    /// The most updates that a member has made.
    pub fn updates(&self) -> u64 {
        let updates = self.members.iter().map(|member| member.tally.trained.spent.updates);
        updates.max().unwrap_or(0)
    }
}
