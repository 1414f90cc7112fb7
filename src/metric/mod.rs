//! Metrics: what is counted per image, and the accuracies computed from it.

mod correctness;

pub use correctness::Correctness;
