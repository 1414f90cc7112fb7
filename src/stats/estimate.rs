//! Means over replicates, one for every group of cells.

use super::REPLICATE;
use super::interval::{Interval, mean, t_interval};
use super::records::{Cells, Observation, Records};
use crate::error::Result;
use std::collections::BTreeMap;

/// What one group of cells measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The levels of the grouping axes.
    pub place: Vec<usize>,
    /// One value per replicate, in source order.
    pub values: Vec<f64>,
    /// Why replicates are left out, one reason for each.
    pub excluded: Vec<String>,
}

impl Estimate {
    /// The mean over the replicates; none without any.
    pub fn mean(&self) -> Option<f64> {
        mean(&self.values)
    }

    /// The t interval of the mean; none of fewer than two replicates.
    pub fn interval(&self, level: f64) -> Option<Interval> {
        t_interval(&self.values, level)
    }
}

/// The axis of repetitions; none where it has the usual name and the cells have no such axis.
///
/// # Errors
/// Usage, where the cells lack an axis that was named.
pub fn replicate_axis(records: &Records, name: &str) -> Result<Option<usize>> {
    match records.axis(name) {
        Ok(axis) => Ok(Some(axis)),
        Err(_) if name == REPLICATE => Ok(None),
        Err(error) => Err(error),
    }
}

/// Groups the cells by the axes `by`, in their order and in source order of their levels.
///
/// A replicate is a level of the axis `replicate`; its value is the mean over the axes that are
/// neither grouped by nor the replicates, and a replicate that lacks one of those cells is left
/// out. Without such an axis (`None`, or one that is grouped by) every cell is a replicate.
pub fn estimates(
    records: &Records,
    by: &[usize],
    metric: &str,
    replicate: Option<usize>,
) -> Vec<Estimate> {
    let cells = records.cells();
    let others = records.other_axes(by);
    let unit: Vec<usize> = match replicate {
        Some(axis) if others.contains(&axis) => vec![axis],
        _ => others.clone(),
    };
    let inner: Vec<usize> = others.into_iter().filter(|axis| !unit.contains(axis)).collect();
    let axes = [by, &unit, &inner].concat();
    records
        .places(by)
        .into_iter()
        .map(|place| {
            let mut estimate = Estimate { place, values: Vec::new(), excluded: Vec::new() };
            for one in records.places(&unit) {
                let fixed = [estimate.place.as_slice(), &one].concat();
                match average(records, &cells, &axes, &fixed, &inner, metric) {
                    Observation::Value(value) => estimate.values.push(value),
                    Observation::Excluded(reason) => estimate.excluded.push(reason),
                }
            }
            estimate
        })
        .collect()
}

/// The mean over the axes `inner` at fixed levels of the others, or the first reason against it.
fn average(
    records: &Records,
    cells: &Cells<'_>,
    axes: &[usize],
    fixed: &[usize],
    inner: &[usize],
    metric: &str,
) -> Observation {
    let mut values = Vec::new();
    for rest in records.places(inner) {
        match records.at(cells, axes, &[fixed, &rest].concat(), metric) {
            Observation::Value(value) => values.push(value),
            excluded @ Observation::Excluded(_) => return excluded,
        }
    }
    mean(&values).map_or(Observation::Excluded("not run".to_owned()), Observation::Value)
}

/// A sentence that counts reasons: `left out: 2 diverged, 1 not run`; none for no reasons.
pub(super) fn left_out<'a>(reasons: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let counted: Vec<String> =
        counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    (!counted.is_empty()).then(|| format!("left out: {}", counted.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::records::tests::grid;

    const AXES: &[(&str, &[&str])] =
        &[("arm", &["a", "b"]), ("target", &["x", "y"]), ("seed", &["0", "1", "2"])];

    #[test]
    fn a_network_measured_on_two_targets_is_one_replicate() {
        let records = grid(AXES, "loss", |at| at[1] as f64 * 10.0 + at[2] as f64);
        let found = estimates(&records, &[0], "loss", Some(2));
        assert_eq!(found[0].values, [5.0, 6.0, 7.0]);
        let cells = estimates(&records, &[0], "loss", None);
        assert_eq!(cells[0].values.len(), 6);
    }

    #[test]
    fn a_replicate_without_all_its_cells_is_left_out() {
        let mut records = grid(AXES, "loss", |at| at[2] as f64);
        records.rows.retain(|row| row.levels != [0, 1, 2]);
        let found = estimates(&records, &[0], "loss", Some(2));
        assert_eq!(found[0].values, [0.0, 1.0]);
        assert_eq!(found[0].excluded, ["not run"]);
        assert_eq!(found[1].values.len(), 3);
    }
}
