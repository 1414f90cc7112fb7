//! Metrics: what a network answered image by image, how its features lie, and the numbers computed
//! from both.

mod answers;
mod calibration;
mod correctness;
mod features;
mod labels;
#[cfg(test)]
mod parity;
mod record;

pub use answers::Answers;
pub use correctness::Correctness;
pub use features::FeatureDiagnostics;
