//! What a paired comparison compares.

use crate::error::Result;
use crate::registry::Args;

/// How the number of tests is corrected for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// Holm's step-down procedure over all tests of a table.
    Holm,
    /// Not at all.
    None,
}

/// What is compared with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairing {
    /// The level that the others are compared with.
    pub baseline: String,
    /// The axis whose levels are compared.
    pub by: String,
    /// The metric.
    pub metric: String,
    /// The axis of repetitions.
    pub replicate: String,
    /// The correction for the number of tests.
    pub correct: Correction,
    /// The coverage of each interval.
    pub level: f64,
}

impl Pairing {
    /// Reads the options of `stats::paired_compare`.
    ///
    /// # Errors
    /// Internal: the arguments were resolved against another entry.
    pub fn from_args(args: &Args) -> Result<Self> {
        Ok(Self {
            baseline: args.text("baseline")?.to_owned(),
            by: args.text("by")?.to_owned(),
            metric: args.text("metric")?.to_owned(),
            replicate: args.text("replicate")?.to_owned(),
            correct: match args.text("correct")? {
                "none" => Correction::None,
                _ => Correction::Holm,
            },
            level: args.float("level")?,
        })
    }
}
