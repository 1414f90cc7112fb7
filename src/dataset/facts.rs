//! What is known of a data set without reading it.

use serde::{Deserialize, Serialize};

/// What results on a data set are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of images classified correctly.
    Accuracy,
    /// The mean of the classes' accuracies.
    MeanPerClass,
}

impl Metric {
    /// The name of the property that holds it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::MeanPerClass => "mean_per_class",
        }
    }

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::MeanPerClass => "mean per-class accuracy",
        }
    }
}

/// The official facts.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// What results are given in.
    pub metric: Metric,
    /// The mean and the standard deviation by which pixels in [0, 1] are usually normalised; of
    /// the targets of Salman et al. 2020 as in their code.
    pub normalisation: [[f64; 3]; 2],
    /// Training and test images; none where it varies.
    pub counts: Option<[usize; 2]>,
}

/// Pixels as they are, as Salman et al. 2020 give them to networks on most data sets.
pub const UNCHANGED: [[f64; 3]; 2] = [[0.0; 3], [1.0; 3]];
/// The statistics of ImageNet.
pub const IMAGENET: [[f64; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

impl Facts {
    /// Facts of a data set whose pixels are not normalised.
    pub const fn new(metric: Metric, train: usize, test: usize) -> Self {
        Self { metric, normalisation: UNCHANGED, counts: Some([train, test]) }
    }

    /// The same with a normalisation.
    #[must_use]
    pub const fn normalised(mut self, by: [[f64; 3]; 2]) -> Self {
        self.normalisation = by;
        self
    }
}
