//! One cell of a sweep, for a script to go on with.

use super::records::{Metric, Records, Row};
use crate::error::{Error, Result};
use crate::registry::{Example, Home, Kind, Param, Spec, Value};
use std::collections::BTreeMap;

/// `cells.at(levels)`.
pub const CELLS_AT: Spec = Spec {
    name: "at",
    home: Home::Method("cells"),
    doc: "What one cell measured, a map of numbers and texts.\n\nEvery axis has a level. A cell that \
          diverged has its status and no numbers; one that did not run is nothing.",
    inputs: &[Param::input("levels", Kind::Any, "A map from every axis to a level.")],
    params: &[],
    returns: "map",
    example: Example {
        code: "let cells = sweep::grid(#{ eps: [0, 1], seed: 0..3 }, |c| #{ accuracy: 0.25 * c.eps + 0.125 * c.seed });\n\
               cells.at(#{ eps: 1, seed: 2 }).accuracy",
        shows: "0.5",
    },
    cite: "",
    version: 1,
};

/// The cell at some levels, given by axis and name; none where it did not run.
///
/// # Errors
/// Usage for an unknown axis or level and for an axis without a level.
pub fn cells_at<'r>(
    records: &'r Records,
    levels: &BTreeMap<String, Value>,
) -> Result<Option<&'r Row>> {
    let inside = |error: Error| error.within("at");
    let place = place(records, levels).map_err(inside)?;
    if let Some(axis) = records.axes.iter().find(|axis| !levels.contains_key(&axis.name)) {
        let message = format!("at: expected a level of every axis, found none of {}", axis.name);
        return Err(Error::usage(message)
            .at_key("levels")
            .hint("cells.mean takes some levels only"));
    }
    Ok(records.rows.iter().find(|row| lies_at(row, &place)))
}

/// The axes and levels that a map names, as indices.
///
/// # Errors
/// Usage for an unknown axis or level and for anything but one level of an axis.
pub(super) fn place(
    records: &Records,
    levels: &BTreeMap<String, Value>,
) -> Result<Vec<(usize, usize)>> {
    let found = levels.iter().map(|(name, level)| {
        let axis = records.axis(name)?;
        let Some(label) = label(level) else {
            let message = format!("{name} expected one level, found {}", level.found());
            return Err(Error::usage(message).at_key(name));
        };
        Ok((axis, records.level(axis, &label).map_err(|error| error.at_key(name))?))
    });
    found.collect()
}

/// Whether a cell lies at these levels.
pub(super) fn lies_at(row: &Row, place: &[(usize, usize)]) -> bool {
    place.iter().all(|(axis, level)| row.levels.get(*axis) == Some(level))
}

/// The name of a level as a script gives it; none for what is not one level.
pub(super) fn label(level: &Value) -> Option<String> {
    match level {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        // As scripts print it, which is how the level got its name.
        Value::Float(number) => Some(format!("{number:?}")),
        Value::Handle(handle) => Some(handle.label()),
        _ => None,
    }
}

/// What a script sees of a measured value; none for answers image by image.
pub fn plain(metric: &Metric) -> Option<Value> {
    match metric {
        Metric::Number(number) => Some(Value::Float(*number)),
        Metric::Text(text) => Some(Value::Text(text.clone())),
        Metric::Correct(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::records::tests::grid;

    fn levels(all: &[(&str, Value)]) -> BTreeMap<String, Value> {
        all.iter().map(|(name, level)| ((*name).to_owned(), level.clone())).collect()
    }

    #[test]
    fn the_cell_is_the_one_at_the_levels_and_an_absent_one_is_nothing() {
        let axes: &[(&str, &[&str])] = &[("eps", &["0", "0.5"]), ("seed", &["0", "1"])];
        let mut records = grid(axes, "loss", |at| 10.0 * at[0] as f64 + at[1] as f64);
        let at = levels(&[("eps", Value::Float(0.5)), ("seed", Value::Int(1))]);
        let row = cells_at(&records, &at).unwrap().unwrap();
        assert_eq!(row.metrics.get("loss"), Some(&Metric::Number(11.0)));
        records.rows.pop();
        assert_eq!(cells_at(&records, &at).unwrap(), None);
    }

    #[test]
    fn every_axis_needs_one_level() {
        let records = grid(&[("eps", &["0"]), ("seed", &["0"])], "loss", |_| 1.0);
        let message = |at: &[_]| cells_at(&records, &levels(at)).unwrap_err().to_string();
        let some = message(&[("eps", Value::Int(0))]);
        assert_eq!(some, "at: expected a level of every axis, found none of seed");
        let list = message(&[("eps", Value::Ints(vec![0]))]);
        assert_eq!(list, "at: eps expected one level, found [0]");
        assert_eq!(message(&[("eps", Value::Int(250))]), "at: eps has no level 250");
    }
}
