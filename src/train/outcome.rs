//! How a training ended.

use super::Trained;
use crate::model::Network;

/// How a training ended.
pub enum Outcome {
    /// It ran to its end, now or earlier; the network is there if it was trained in this call.
    Finished(Trained, Option<Network>),
    /// It was stopped after so many updates; a checkpoint is written.
    Interrupted(u64, Trained, Network),
}
