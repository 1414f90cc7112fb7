//! Statistics of repeated experiments: records of a grid, intervals, paired comparisons, tables.
//!
//! The unit of replication is the source network: the levels of one axis, usually `seed`. Images
//! and targets are measured on the same networks and are never counted as repetitions.

mod arms;
mod benjamini_hochberg;
mod best_of;
mod block;
mod bootstrap;
mod cells_at;
mod cells_mean;
mod cells_only;
mod comparison;
mod correlation;
mod decompose;
mod difference_in_differences;
mod equivalence;
mod estimate;
#[cfg(test)]
mod fixture;
mod hierarchical_bootstrap;
mod holm;
mod interval;
mod linear_fit;
mod mcnemar;
mod mean;
mod nested_selection;
mod pairing;
mod paired_compare;
mod power;
mod rank;
mod ratio;
mod records;
mod show;
mod sign_flip;
mod sign_test;
mod statistic;
mod summary;
mod unit;
mod wilcoxon;

pub use block::{Contrast, contrasts};
pub use cells_at::{CELLS_AT, cells_at, plain};
pub use cells_mean::{CELLS_MEAN, cells_mean};
pub use cells_only::{CELLS_ONLY, cells_only};
pub use comparison::{Comparison, compare};
pub use estimate::{Estimate, estimates, replicate_axis};
pub use holm::holm;
pub use interval::{Interval, mean, sd, t_interval, two_sided_p};
pub use linear_fit::line;
pub use nested_selection::{NESTED_GAINS, nested_gains};
pub use pairing::{Correction, Pairing};
#[cfg(test)]
pub(crate) use records::tests::grid;
pub use records::{Axis, BETWEEN_NOTES, Cells, Metric, NOTES, Observation, Records, Row};
pub use statistic::{Statistic, Tabulate};
pub use summary::{SUMMARY, summary};
pub use unit::Unit;

use crate::registry::Entry;

/// The statistics of lists of numbers, in the order of the manual.
pub const STATISTICS: &[&Entry<Statistic>] = &[
    &mean::ENTRY,
    &sign_test::ENTRY,
    &sign_flip::ENTRY,
    &wilcoxon::ENTRY,
    &mcnemar::ENTRY,
    &equivalence::ENTRY,
    &power::ENTRY,
    &best_of::ENTRY,
    &correlation::PEARSON,
    &correlation::SPEARMAN,
    &linear_fit::ENTRY,
    &ratio::ENTRY,
    &benjamini_hochberg::HOLM,
    &benjamini_hochberg::BENJAMINI_HOCHBERG,
];

/// The statistics of the cells of a sweep, in the order of the manual.
pub const TABLES: &[&Entry<Tabulate>] = &[
    &paired_compare::ENTRY,
    &hierarchical_bootstrap::ENTRY,
    &difference_in_differences::ENTRY,
    &nested_selection::ENTRY,
    &decompose::ENTRY,
];

/// The axis whose levels are independent repetitions, where nothing else is said.
pub const REPLICATE: &str = "seed";

/// How a note begins that says what a table leaves open.
pub const LIMITS: &str = "what this does not show: ";
