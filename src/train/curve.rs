//! What a training leaves behind for tables: its curve and what it spent.

use super::overfit::WeakAttack;
use crate::attack::ManipulationCheck;
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
    /// What the perturbations of the first batch did, where there were any.
    pub check: Option<ManipulationCheck>,
    /// What the model did on the validation images, where it was asked for.
    pub validation: Option<Validation>,
    /// The accuracy under the attack of the objective's guard, if it has one.
    pub guard: Option<f64>,
}

/// Accuracies on the validation images after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// On the images as they are, in [0, 1].
    pub accuracy: f64,
    /// Under the attack that was asked for.
    pub robust_accuracy: Option<f64>,
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran to its end.
    #[default]
    Finished,
    /// The loss or a weight stopped being finite; the weights are those before that step.
    Diverged,
    /// It resists the attack it was trained with and not a stronger one; or its guard ended it,
    /// and the weights are those of the epoch before.
    Overfit,
}

impl Status {
    /// The word for it in scripts and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Diverged => "diverged",
            Self::Overfit => "overfit",
        }
    }
}

/// What a training spent, counted update by update.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Weight updates.
    pub updates: u64,
    /// Images that entered an update, with repetition.
    pub images: u64,
    /// Different images among them: one that was perturbed or transformed at random is a new one
    /// each time.
    pub distinct_inputs: u64,
    /// Forward passes, counted per image.
    pub forwards: u64,
    /// Backward passes, counted per image: to the images, and to the weights.
    pub backwards: u64,
    /// Multiplications with their additions: one network for a forward pass and for a backward
    /// pass to the images, two for one to the weights.
    pub flops: f64,
}

/// The stored result of a training: small, and enough to print and compare.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trained {
    /// How it ended.
    pub status: Status,
    /// What it spent.
    pub spent: Spent,
    /// One point per finished epoch.
    pub curve: Vec<EpochPoint>,
    /// How it fares against attacks stronger than its own, for objectives that attack.
    pub weak_attack: Option<WeakAttack>,
}
