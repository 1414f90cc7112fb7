//! The options of a training, in one place for source training and fine-tuning.

use super::optimizer::{self, Optimizer};
use super::schedule::{self, Schedule};
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Kind, Param};

/// How a network is optimised.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Passes over the training images.
    pub epochs: i64,
    /// Images per batch.
    pub batch_size: i64,
    /// Whether every image has another of its class in its batch.
    pub paired: bool,
    /// Batches per update.
    pub accumulate: i64,
    /// Peak learning rate.
    pub lr: f64,
    /// What a gradient does.
    pub optimizer: Optimizer,
    /// The penalty on every parameter.
    pub weight_decay: f64,
    /// How the learning rate moves.
    pub schedule: Schedule,
    /// Epochs over which the learning rate rises to that of the schedule.
    pub warmup: f64,
    /// The share of the target distribution that all classes get alike.
    pub label_smoothing: f64,
    /// How much of the averaged weights stays at each update; 0 averages none.
    pub ema: f64,
    /// Seed of order and perturbations.
    pub seed: i64,
}

impl Recipe {
    /// The options that make a recipe, but for the seed.
    pub const fn params(epochs: i64, lr: f64) -> [Param; 16] {
        [
            Param::int("epochs", epochs, 1, "Passes over the training images."),
            Param::int("batch_size", 128, 2, "Images per batch."),
            Param::float("lr", lr, 0.0, "Peak learning rate."),
            Param::choice("optimizer", optimizer::NAMES, "What a gradient does to the weights."),
            Param::float("momentum", 0.9, 0.0, "SGD's momentum, or AdamW's first beta.").up_to(1.0),
            Param::bool("nesterov", false, "Whether SGD looks ahead along its direction."),
            Param::float("beta2", 0.999, 0.0, "AdamW's second beta.").up_to(1.0),
            Param::float(
                "weight_decay",
                5e-4,
                0.0,
                "Penalty on all parameters: L2 for SGD, decoupled for AdamW.",
            ),
            Param::choice("schedule", schedule::NAMES, "How the learning rate moves."),
            Param {
                name: "milestones",
                kind: Kind::Floats { min: 0.0, max: f64::INFINITY },
                default: Default::Floats(&[]),
                doc: "Epochs after which \"multistep\" falls.",
                label: false,
            },
            Param::float("gamma", 0.1, 0.0, "Factor of each fall of \"step\" and \"multistep\"."),
            Param::float(
                "warmup",
                0.0,
                0.0,
                "Epochs over which a factor of the learning rate rises from 0 to 1.",
            ),
            Param::float(
                "label_smoothing",
                0.0,
                0.0,
                "Share of each label that all classes get alike; attacks climb the true label.",
            )
            .up_to(1.0),
            Param::choice(
                "batches",
                &["shuffled", "class_paired"],
                "With \"class_paired\" no image is the only one of its class in its batch.",
            ),
            Param::int("accumulate", 1, 1, "Batches whose gradients are averaged per update."),
            Param::float(
                "ema",
                0.0,
                0.0,
                "Decay of the moving average of weights and statistics that becomes the model; 0 \
                 for the last ones.",
            )
            .up_to(1.0),
        ]
    }

    /// Reads the options of [`Recipe::params`].
    ///
    /// # Errors
    /// Options that do not go together.
    pub fn read(args: &Args, seed: i64) -> Result<Self> {
        let epochs = args.int("epochs")?;
        let momentum = args.float("momentum")?;
        let nesterov = args.bool("nesterov")?;
        let optimizer = match args.text("optimizer")? {
            "adamw" => Optimizer::AdamW { beta1: momentum, beta2: args.float("beta2")? },
            _ => Optimizer::Sgd { momentum, nesterov },
        };
        for (key, other, fits) in [
            ("nesterov", "sgd", matches!(optimizer, Optimizer::Sgd { .. })),
            ("beta2", "adamw", matches!(optimizer, Optimizer::AdamW { .. })),
        ] {
            if !fits && !args.is_defaulted(key) {
                return Err(Error::usage(format!("train: {key} belongs to \"{other}\""))
                    .at_key(key)
                    .hint(format!("optimizer: \"{other}\", or leave {key} out")));
            }
        }
        if nesterov && momentum == 0.0 {
            return Err(Error::usage("train: nesterov expected a momentum, found 0")
                .at_key("nesterov")
                .hint("momentum: 0.9"));
        }
        Ok(Self {
            epochs,
            batch_size: args.int("batch_size")?,
            paired: args.text("batches")? == "class_paired",
            accumulate: args.int("accumulate")?,
            lr: args.float("lr")?,
            optimizer,
            weight_decay: args.float("weight_decay")?,
            schedule: Schedule::named(
                args.text("schedule")?,
                args.float("gamma")?,
                &args.floats("milestones")?,
                epochs,
            )?,
            warmup: args.float("warmup")?,
            label_smoothing: args.float("label_smoothing")?,
            ema: args.float("ema")?,
            seed,
        })
    }

    /// The learning rate of update `step` (from 0) out of `total`.
    pub fn rate(&self, step: u64, total: u64) -> f64 {
        let rate = self.schedule.rate(self.lr, step, total);
        let rising = self.warmup / self.epochs as f64 * total as f64;
        if rising < 1.0 { rate } else { rate * ((step as f64 + 1.0) / rising).min(1.0) }
    }
}
