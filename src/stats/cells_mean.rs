//! The mean of a metric over some cells, as a number for a script to go on with.

use super::cells_at::{lies_at, place};
use super::interval::mean;
use super::records::{Observation, Records, observe};
use crate::error::{Error, Result};
use crate::registry::{Example, Home, Kind, Param, Spec, Value};
use std::collections::BTreeMap;

/// `cells.mean(metric, levels)`.
pub const CELLS_MEAN: Spec = Spec {
    name: "mean",
    home: Home::Method("cells"),
    doc: "The mean of a metric over the cells at some levels, a number.\n\nFor what no table has, such \
          as a correlation of two metrics; [`cells.summary`](#cells.summary) has intervals. Of axes \
          without a level all cells count alike. Cells that diverged or did not run are left out; \
          where none is left it is nothing.",
    inputs: &[
        Param::input("metric", Kind::Text, "Name of the metric."),
        Param::input("levels", Kind::Any, "A map from axes to one level each."),
    ],
    params: &[],
    returns: "number",
    example: Example {
        code: "let cells = sweep::grid(#{ eps: [0, 1], seed: 0..3 }, |c| #{ accuracy: 0.25 * c.eps + 0.125 * c.seed });\n\
               [cells.mean(\"accuracy\", #{ eps: 1 }), cells.mean(\"accuracy\", #{ eps: 1, seed: 0 })]",
        shows: "[0.375, 0.25]",
    },
    cite: "",
    version: 1,
};

/// The mean of a metric over the cells at some levels, given by axis and name; none without a
/// number there.
///
/// # Errors
/// Usage for an unknown axis or level and for a metric without any number.
pub fn cells_mean(
    records: &Records,
    metric: &str,
    levels: &BTreeMap<String, Value>,
) -> Result<Option<f64>> {
    let inside = |error: Error| error.within("mean");
    records.check_metric(metric).map_err(inside)?;
    let place = place(records, levels).map_err(inside)?;
    let there = records.rows.iter().filter(|row| lies_at(row, &place));
    let number = |row| match observe(Some(row), metric) {
        Observation::Value(number) => Some(number),
        Observation::Excluded(_) => None,
    };
    Ok(mean(&there.filter_map(number).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::records::Metric;
    use crate::stats::records::tests::grid;

    fn levels(all: &[(&str, Value)]) -> BTreeMap<String, Value> {
        all.iter().map(|(name, level)| ((*name).to_owned(), level.clone())).collect()
    }

    #[test]
    fn cells_at_the_levels_count_and_no_others() {
        let axes: &[(&str, &[&str])] = &[("eps", &["0", "0.5"]), ("seed", &["0", "1"])];
        let mut records = grid(axes, "loss", |at| 10.0 * at[0] as f64 + at[1] as f64);
        let loss = |records: &Records, at| cells_mean(records, "loss", &levels(at)).unwrap();
        assert_eq!(loss(&records, &[("eps", Value::Float(0.5))]), Some(10.5));
        assert_eq!(loss(&records, &[]), Some(5.5));
        let one = [("eps", Value::Text("0.5".to_owned())), ("seed", Value::Int(1))];
        assert_eq!(loss(&records, &one), Some(11.0));
        // The cell diverges: it is left out of means, and by itself nothing.
        records.rows[3].metrics.insert("loss".to_owned(), Metric::Number(f64::NAN));
        assert_eq!(loss(&records, &[("eps", Value::Float(0.5))]), Some(10.0));
        assert_eq!(loss(&records, &one), None);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let records = grid(&[("eps", &["0"])], "loss", |_| 1.0);
        let message =
            |metric, at: &[_]| cells_mean(&records, metric, &levels(at)).unwrap_err().to_string();
        let absent = message("loss", &[("eps", Value::Float(0.25))]);
        assert_eq!(absent, "mean: eps has no level 0.25");
        assert!(message("los", &[]).ends_with("did you mean loss?"));
        assert!(message("loss", &[("ep", Value::Int(0))]).ends_with("did you mean eps?"));
        let list = message("loss", &[("eps", Value::Ints(vec![0]))]);
        assert_eq!(list, "mean: eps expected one level, found [0]");
    }
}
