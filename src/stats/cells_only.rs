//! Some of the cells of a sweep.

use super::cells_at::label;
use super::records::{Axis, Records, Row};
use crate::error::{Error, Result};
use crate::registry::{Example, Home, Kind, Param, Spec, Value};
use std::collections::BTreeMap;

/// `cells.only(levels)`.
pub const CELLS_ONLY: Spec = Spec {
    name: "only",
    home: Home::Method("cells"),
    doc: "The cells at some levels, as if the sweep had had no others.\n\nTables of them are about \
          these levels: of some targets, of two of the arms. An axis that is not named keeps all of \
          its levels.",
    inputs: &[Param::input("levels", Kind::Any, "A map from axes to a level or a list of levels.")],
    params: &[],
    returns: "cells",
    example: Example {
        code: "let cells = sweep::grid(#{ eps: [0, 1, 2], seed: 0..3 }, |c| #{ accuracy: 0.25 * c.eps });\n\
               [cells.only(#{ eps: [0, 2] }).len, cells.only(#{ eps: 1, seed: 0..2 }).len]",
        shows: "[6, 2]",
    },
    cite: "",
    version: 1,
};

/// The cells at some levels, given by axis and names, in the order of the grid.
///
/// # Errors
/// Usage for an unknown axis or level and for an axis without any.
pub fn cells_only(records: &Records, levels: &BTreeMap<String, Value>) -> Result<Records> {
    let inside = |error: Error| error.within("only");
    let mut kept: Vec<Vec<usize>> =
        records.axes.iter().map(|axis| (0..axis.levels.len()).collect()).collect();
    for (name, wanted) in levels {
        let axis = records.axis(name).map_err(inside)?;
        let wanted = all(name, wanted)?;
        let found = wanted.iter().map(|level| records.level(axis, level));
        let mut found =
            found.collect::<Result<Vec<_>>>().map_err(|error| inside(error).at_key(name))?;
        found.sort_unstable();
        found.dedup();
        kept[axis] = found;
    }
    let axes = records.axes.iter().zip(&kept).map(|(axis, kept)| Axis {
        name: axis.name.clone(),
        levels: kept.iter().map(|level| axis.levels[*level].clone()).collect(),
    });
    let rows = records.rows.iter().filter_map(|row| {
        let places = row.levels.iter().zip(&kept);
        let levels: Option<Vec<usize>> =
            places.map(|(level, kept)| kept.iter().position(|other| other == level)).collect();
        Some(Row { levels: levels?, metrics: row.metrics.clone() })
    });
    Records::new(axes.collect(), rows.collect())
}

/// The levels that a script names, one or several.
fn all(axis: &str, wanted: &Value) -> Result<Vec<String>> {
    let levels: Option<Vec<String>> = match wanted {
        Value::List(levels) => levels.iter().map(label).collect(),
        Value::Ints(levels) => Some(levels.iter().map(ToString::to_string).collect()),
        one => label(one).map(|level| vec![level]),
    };
    levels.filter(|levels| !levels.is_empty()).ok_or_else(|| {
        let message = format!("only: {axis} expected a level or a list, found {}", wanted.found());
        Error::usage(message).at_key(axis)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::records::Metric;
    use crate::stats::records::tests::grid;

    fn only(records: &Records, axis: &str, levels: Value) -> Result<Records> {
        cells_only(records, &BTreeMap::from([(axis.to_owned(), levels)]))
    }

    #[test]
    fn kept_cells_keep_their_values_and_their_order() {
        let axes: &[(&str, &[&str])] = &[("arm", &["a", "b", "c"]), ("seed", &["0", "1"])];
        let records = grid(axes, "loss", |at| 10.0 * at[0] as f64 + at[1] as f64);
        let names = ["c", "a"].map(Value::from).to_vec();
        let two = only(&records, "arm", Value::List(names)).unwrap();
        assert_eq!(two.axes[0].levels, ["a", "c"]);
        assert_eq!(two.axes[1], records.axes[1]);
        let losses: Vec<_> = two.rows.iter().map(|row| row.metrics["loss"].clone()).collect();
        assert_eq!(losses, [0.0, 1.0, 20.0, 21.0].map(Metric::Number));
        let places: Vec<_> = two.rows.iter().map(|row| row.levels.clone()).collect();
        assert_eq!(places, [[0, 0], [0, 1], [1, 0], [1, 1]]);
        let seed = only(&two, "seed", Value::Ints(vec![1])).unwrap();
        assert_eq!(seed.rows.len(), 2);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let records = grid(&[("eps", &["0"])], "loss", |_| 1.0);
        let message =
            |axis, levels| only(&records, axis, levels).map(|_| ()).unwrap_err().to_string();
        assert_eq!(message("eps", Value::Int(250)), "only: eps has no level 250");
        assert!(message("ep", Value::Int(0)).ends_with("did you mean eps?"));
        let none = message("eps", Value::List(vec![]));
        assert_eq!(none, "only: eps expected a level or a list, found a list of 0 values");
    }
}
