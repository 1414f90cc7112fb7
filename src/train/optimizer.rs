//! Optimizers: what one complete gradient does to the parameters.

use super::recipe::Recipe;
use crate::error::Result;
use crate::torch::optimizer::{AdamW, Sgd, adamw_step, sgd_step};
use tch::Tensor;

/// How gradients become updates. Learning rate and weight decay are those of the recipe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum; the penalty is part of the gradient.
    Sgd {
        /// How much of the last direction stays.
        momentum: f64,
        /// Whether the gradient looks ahead along the direction (Nesterov).
        nesterov: bool,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).
    AdamW {
        /// How much of the mean of gradients stays.
        beta1: f64,
        /// How much of the mean of their squares stays.
        beta2: f64,
    },
}

/// The names of the optimizers, the default first.
pub const NAMES: &[&str] = &["sgd", "adamw"];

/// Added to the root of AdamW's mean square; PyTorch's default.
const EPS: f64 = 1e-8;

impl Optimizer {
    /// The names of the tensors it keeps between updates, each as long as the parameters.
    pub fn kept(self) -> &'static [&'static str] {
        match self {
            Self::Sgd { .. } => &["momentum"],
            Self::AdamW { .. } => &["mean", "square"],
        }
    }

    /// Update `number`, counted from 1, of the flat parameters; `kept` starts as zeros.
    ///
    /// # Errors
    /// Shapes, types or devices differ.
    pub fn update(
        self,
        flat: &Tensor,
        gradient: &Tensor,
        kept: &[Tensor],
        (number, lr): (u64, f64),
        recipe: &Recipe,
    ) -> Result<()> {
        let weight_decay = recipe.weight_decay;
        match (self, kept) {
            (Self::Sgd { momentum, nesterov }, [buffer]) => {
                sgd_step(flat, gradient, buffer, &Sgd { lr, momentum, weight_decay, nesterov })
            }
            (Self::AdamW { beta1, beta2 }, [mean, square]) => {
                let settings = AdamW { lr, beta1, beta2, weight_decay, eps: EPS };
                adamw_step(flat, gradient, (mean, square), number, &settings)
            }
            _ => Err(crate::error::Error::internal("train: the optimizer's tensors")),
        }
    }
}
