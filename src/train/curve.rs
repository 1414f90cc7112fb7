//! What a training leaves behind for tables: its curve and what it spent.

use serde::{Deserialize, Serialize};

/// One finished epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochPoint {
    /// The epoch, from 1.
    pub epoch: i64,
    /// Mean loss over the images trained on.
    pub loss: f64,
    /// Accuracy on the images trained on (perturbed ones, for perturbed objectives), in [0, 1].
    pub accuracy: f64,
    /// Mean norm of the perturbations as applied, in pixels of [0, 1]; 0 without perturbations.
    pub norm: f64,
}

/// The stored result of a training: small, and enough to print and compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Whether the loss or a weight stopped being finite; the weights are those before that step.
    pub diverged: bool,
    /// Weight updates.
    pub updates: u64,
    /// Images that entered an update, with repetition.
    pub images: u64,
    /// Forward passes, counted per image.
    pub forwards: u64,
    /// Backward passes, counted per image.
    pub backwards: u64,
    /// One point per finished epoch.
    pub curve: Vec<EpochPoint>,
}
