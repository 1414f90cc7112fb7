//! How a training ended.

use super::Trained;
use crate::error::{Error, Result};
use crate::model::Network;

/// One network at the end, in the order of the job.
pub struct Ended {
    /// What was measured and spent.
    pub trained: Trained,
    /// The network, if it was trained in this call.
    pub network: Option<Network>,
}

/// How a training ended.
pub enum Outcome {
    /// It ran to its end, now or earlier.
    Finished(Vec<Ended>),
    /// It was stopped; a checkpoint is written.
    Interrupted(Vec<Ended>),
}

impl Outcome {
    /// The end of a job of one network, and whether it was stopped.
    ///
    /// # Errors
    /// Internal: the job has several.
    pub fn single(self) -> Result<(Ended, bool)> {
        let (ended, stopped) = match self {
            Self::Finished(ended) => (ended, false),
            Self::Interrupted(ended) => (ended, true),
        };
        match <[Ended; 1]>::try_from(ended) {
            Ok([ended]) => Ok((ended, stopped)),
            Err(_) => Err(Error::internal("train: expected one network")),
        }
    }
}
