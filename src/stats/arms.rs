//! The axes of a table that compares arms: which one is compared, with which level, and which one
//! repeats.

use super::REPLICATE;
use super::records::{Observation, Records};
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Kind, Param};

/// The axis of arms, its baseline and the axis of replicates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arms {
    /// The axis whose levels are compared.
    pub(super) by: usize,
    /// The level that the others are compared with.
    pub(super) baseline: usize,
    /// The axis of independent repetitions.
    pub(super) replicate: usize,
}

/// The options that [`Arms::read`] reads.
pub(super) const BASELINE: Param =
    Param::input("baseline", Kind::Text, "Level of `by` that the others are compared with.");
pub(super) const BY: Param = Param::input("by", Kind::Text, "Axis whose levels are compared.");
pub(super) const METRIC: Param =
    text("metric", "accuracy", "Name of the metric, a key of what the cells return.");
pub(super) const REPLICATES: Param =
    text("replicate", REPLICATE, "Axis whose levels are independent repetitions.");

/// An option that is a text.
pub(super) const fn text(name: &'static str, default: &'static str, doc: &'static str) -> Param {
    Param { name, kind: Kind::Text, default: Default::Text(default), doc, label: false }
}

impl Arms {
    /// Finds the axes that the options `by`, `baseline` and `replicate` name, and checks `metric`.
    ///
    /// # Errors
    /// Usage, with the option at fault, for an unknown axis, level or metric.
    pub(super) fn read(records: &Records, args: &Args) -> Result<Self> {
        let name = args.spec().name;
        let by = axis(records, args, "by")?;
        let replicate = axis(records, args, "replicate").map_err(|error| {
            error.hint("repeat every cell with other seeds, for example seed: 0..3")
        })?;
        if by == replicate {
            return Err(
                Error::usage(format!("{name}: by and replicate are the same axis")).at_key("by")
            );
        }
        let baseline = records
            .level(by, args.text("baseline")?)
            .map_err(|error| error.within(name).at_key("baseline"))?;
        records.check_metric(args.text("metric")?).map_err(|error| error.within(name))?;
        Ok(Self { by, baseline, replicate })
    }

    /// The levels that are compared with the baseline.
    pub(super) fn others(&self, records: &Records) -> Vec<usize> {
        let count = records.axes.get(self.by).map_or(0, |axis| axis.levels.len());
        (0..count).filter(|level| *level != self.baseline).collect()
    }
}

/// The axis that an option names.
///
/// # Errors
/// Usage, with the option at fault.
pub(super) fn axis(records: &Records, args: &Args, key: &str) -> Result<usize> {
    records.axis(args.text(key)?).map_err(|error| error.within(args.spec().name).at_key(key))
}

/// Looks cells up by levels of some axes, whose order is fixed once.
pub(super) struct Lookup<'r> {
    records: &'r Records,
    cells: super::records::Cells<'r>,
    axes: Vec<usize>,
    metric: &'r str,
}

impl<'r> Lookup<'r> {
    /// `axes` are all axes of the records.
    pub(super) fn new(records: &'r Records, axes: Vec<usize>, metric: &'r str) -> Self {
        Self { records, cells: records.cells(), axes, metric }
    }

    /// The number at a place of the axes; none where there is none.
    pub(super) fn number(&self, place: &[usize]) -> Option<f64> {
        match self.records.at(&self.cells, &self.axes, place, self.metric) {
            Observation::Value(value) => Some(value),
            Observation::Excluded(_) => None,
        }
    }
}
