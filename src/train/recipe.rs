//! The options of a training, in one place for source training and fine-tuning.

use super::schedule::{NAMES, Schedule};
use crate::error::Result;
use crate::registry::{Args, Param};

/// How a network is optimised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: i64,
    /// Images per update.
    pub batch_size: i64,
    /// Peak learning rate.
    pub lr: f64,
    /// SGD momentum.
    pub momentum: f64,
    /// L2 penalty, added to the gradient of every parameter.
    pub weight_decay: f64,
    /// How the learning rate moves.
    pub schedule: Schedule,
    /// Seed of order and perturbations.
    pub seed: i64,
}

impl Recipe {
    /// The options that make a recipe, in the order `epochs, batch_size, lr, momentum,
    /// weight_decay, schedule, seed`.
    pub const fn params(epochs: i64, lr: f64) -> [Param; 7] {
        [
            Param::int("epochs", epochs, 1, "Passes over the training images."),
            Param::int("batch_size", 128, 2, "Images per update."),
            Param::float("lr", lr, 0.0, "Peak learning rate."),
            Param::float("momentum", 0.9, 0.0, "SGD momentum.").up_to(1.0),
            Param::float("weight_decay", 5e-4, 0.0, "L2 penalty on all parameters."),
            Param::choice("schedule", NAMES, "How the learning rate moves."),
            Param::seed(),
        ]
    }

    /// Reads the options of [`Recipe::params`], but for the seed.
    pub fn read(args: &Args, seed: i64) -> Result<Self> {
        Ok(Self {
            epochs: args.int("epochs")?,
            batch_size: args.int("batch_size")?,
            lr: args.float("lr")?,
            momentum: args.float("momentum")?,
            weight_decay: args.float("weight_decay")?,
            schedule: Schedule::named(args.text("schedule")?),
            seed,
        })
    }
}
