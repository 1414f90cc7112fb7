//! Contrasts: weighted sums of arms, and what must hold for them to mean what they are called.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// What must hold for a contrast to mean what it is called.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Check {
    /// The contrast of this metric lies above zero.
    Above(String),
    /// The contrast of this metric lies within a margin of zero.
    Near(String, f64),
}

impl Check {
    /// The metric that is checked.
    pub(super) fn metric(&self) -> &str {
        match self {
            Self::Above(metric) | Self::Near(metric, _) => metric,
        }
    }
}

/// A weighted sum of arms whose weights add up to zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contrast {
    /// What it is called.
    pub(super) name: String,
    /// The weight of each arm, by the name of its level.
    pub(super) weights: BTreeMap<String, f64>,
    /// What must hold.
    pub(super) check: Option<Check>,
}

/// Weights that add up to something smaller are rounding.
const ROUNDING: f64 = 1e-9;

impl Contrast {
    /// Checks that the weights are not all zero and add up to zero.
    ///
    /// # Errors
    /// Usage, naming the contrast.
    pub(super) fn new(
        name: &str,
        weights: BTreeMap<String, f64>,
        check: Option<Check>,
    ) -> Result<Self> {
        let sum: f64 = weights.values().sum();
        if sum.abs() > ROUNDING || weights.values().all(|weight| *weight == 0.0) {
            return Err(Error::usage(format!(
                "decompose: expected the weights of {name} to add up to 0 without all being 0, \
                 found {sum}"
            ))
            .at_key("contrasts")
            .hint(format!("{name}: #{{ pgd: 1, standard: -1 }}")));
        }
        Ok(Self { name: name.to_owned(), weights, check })
    }

    /// Whether the weights of `parts` add up to those of this contrast.
    pub(super) fn is_sum_of(&self, parts: &[&Self]) -> bool {
        let mut left = self.weights.clone();
        for (arm, weight) in parts.iter().flat_map(|part| &part.weights) {
            *left.entry(arm.clone()).or_default() -= weight;
        }
        left.values().all(|weight| weight.abs() < ROUNDING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_do_not_cancel_are_refused() {
        let of = |weights: &[(&str, f64)]| {
            let weights = weights.iter().map(|(arm, weight)| ((*arm).to_owned(), *weight));
            Contrast::new("total", weights.collect(), None)
        };
        assert!(of(&[("a", 1.0), ("b", -0.5), ("c", -0.5)]).is_ok());
        assert!(of(&[("a", 1.0)]).is_err());
        assert!(of(&[("a", 0.0)]).is_err());
        assert!(of(&[]).is_err());
    }
}
