//! Statistics of repeated experiments: records of a grid, intervals, paired comparisons, tables.
//!
//! The unit of replication is the source network: the levels of one axis, usually `seed`. Images
//! and targets are measured on the same networks and are never counted as repetitions.

mod block;
mod comparison;
mod estimate;
#[cfg(test)]
mod fixture;
mod holm;
mod interval;
mod pairing;
mod paired_compare;
mod records;
mod summary;
mod unit;

pub use block::{Contrast, contrasts};
pub use comparison::{Comparison, compare};
pub use estimate::{Estimate, estimates, replicate_axis};
pub use holm::holm;
pub use interval::{Interval, mean, sd, t_interval, two_sided_p};
pub use paired_compare::{PAIRED_COMPARE, paired_compare};
pub use pairing::{Correction, Pairing};
#[cfg(test)]
pub(crate) use records::tests::grid;
pub use records::{Axis, Cells, Metric, Observation, Records, Row};
pub use summary::{SUMMARY, summary};
pub use unit::Unit;

/// The axis whose levels are independent repetitions, where nothing else is said.
pub const REPLICATE: &str = "seed";

/// How a note begins that says what a table leaves open.
pub const LIMITS: &str = "what this does not show: ";
