//! The calibration error of Guo et al. 2017: what confidence promises, and what it keeps.

use serde::{Deserialize, Serialize};

/// Bins of equal width over (0, 1], as in the paper's experiments.
const BINS: usize = 15;

/// Images by the probability of their predicted class: bin m of M holds those above (m - 1) / M
/// and up to m / M.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Calibration([Bin; BINS]);

/// The images of one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bin {
    images: usize,
    /// The sum of the probabilities of the predicted classes.
    confidence: f64,
    correct: usize,
}

impl Calibration {
    /// Adds an image.
    pub(super) fn add(&mut self, confidence: f64, correct: bool) {
        let inside = |bin: &usize| confidence <= (bin + 1) as f64 / BINS as f64;
        // The last bin also takes what is more than 1 by rounding.
        let bin = &mut self.0[(0..BINS - 1).find(inside).unwrap_or(BINS - 1)];
        bin.images += 1;
        bin.confidence += confidence;
        bin.correct += usize::from(correct);
    }

    /// The expected calibration error: the mean over all images of how far accuracy and mean
    /// confidence of their bin are apart; NaN for no images.
    pub(super) fn error(&self) -> f64 {
        let apart = |bin: &Bin| (bin.correct as f64 - bin.confidence).abs();
        self.0.iter().map(apart).sum::<f64>() / self.images() as f64
    }

    /// All images.
    pub(super) fn images(&self) -> usize {
        self.0.iter().map(|bin| bin.images).sum()
    }

    /// All correct images.
    pub(super) fn correct(&self) -> usize {
        self.0.iter().map(|bin| bin.correct).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_gap_between_confidence_and_accuracy() {
        let mut bins = Calibration::default();
        assert!(bins.error().is_nan());
        for hit in [true, true, true, false] {
            bins.add(0.75, hit);
        }
        assert_eq!(bins.error(), 0.0);
        // Two images more in one bin, sure of what is wrong once.
        bins.add(0.99, true);
        bins.add(0.97, false);
        assert!((bins.error() - 0.96 / 6.0).abs() < 1e-12, "{}", bins.error());
        assert_eq!((bins.images(), bins.correct()), (6, 4));
    }

    #[test]
    fn a_bin_holds_its_upper_end() {
        let place = |confidence| {
            let mut bins = Calibration::default();
            bins.add(confidence, true);
            bins.0.iter().position(|bin| bin.images == 1).unwrap()
        };
        assert_eq!(
            [0.0, 1e-9, 1.0 / 15.0, 0.0667, 0.5, 14.0 / 15.0, 0.94, 1.0].map(place),
            [0, 0, 0, 1, 7, 13, 14, 14]
        );
        assert_eq!(place(1.0 + f64::EPSILON), 14);
    }
}
