//! Means and confidence intervals of groups of cells.

use super::REPLICATE;
use super::estimate::{Estimate, estimates, left_out, replicate_axis};
use super::records::Records;
use super::show::bracketed;
use super::unit::Unit;
use crate::error::{Error, Result};
use crate::registry::{Default, Example, Home, Kind, Param, Spec};
use crate::table::{Column, Table};

const LEVEL: f64 = 0.95;

/// `cells.summary(by, metric)`.
pub const SUMMARY: Spec = Spec {
    name: "summary",
    home: Home::Method("cells"),
    doc: "Mean, 95 % confidence interval and number of replicates for every group of cells.\n\n\
        Groups by the named axes, levels in source order. A replicate is one level of the axis \
        `replicate`, a source network; where cells differ in further axes, they are averaged \
        within each replicate first, since targets and modes measured on one network are no \
        repetitions. The interval is Student's t with n - 1 degrees of freedom. Accuracies are \
        shown in percent, other metrics with four significant digits. Cells that diverged or did \
        not run are left out and counted.",
    inputs: &[
        Param::input("by", Kind::Texts, "Names of the axes to group by."),
        Param::input("metric", Kind::Text, "Name of the metric."),
    ],
    params: &[Param {
        name: "replicate",
        kind: Kind::Text,
        default: Default::Text(REPLICATE),
        doc: "Axis whose levels are independent repetitions.",
        label: false,
    }],
    returns: "table",
    example: Example {
        code: "let accuracy = #{ a: [0.80, 0.81, 0.84], b: [0.82, 0.84, 0.85] };\n\
            let cells = sweep::grid(#{ arm: [\"a\", \"b\"], seed: 0..3 }, \
            |c| #{ accuracy: accuracy[c.arm][c.seed] });\n\
            cells.summary([\"arm\"], \"accuracy\")",
        shows: "\
accuracy by arm
arm  accuracy (%)         95 % CI  n
-------------------------------------
a           81.67  [76.50, 86.84]  3
b           83.67  [79.87, 87.46]  3
- mean over seed; t interval with n - 1 degrees of freedom",
    },
    cite: "",
    version: 1,
};

/// Summarises a metric over groups of cells, as [`SUMMARY`] documents.
///
/// # Errors
/// Usage for an unknown axis, an axis given twice and a metric without any number.
pub fn summary(records: &Records, by: &[String], metric: &str, replicate: &str) -> Result<Table> {
    let inside = |error: Error| error.within("summary");
    let mut axes = Vec::new();
    for name in by {
        let axis = records.axis(name).map_err(|error| inside(error).at_key("by"))?;
        if axes.contains(&axis) {
            return Err(Error::usage(format!("summary: axis {name} is given twice")).at_key("by"));
        }
        axes.push(axis);
    }
    records.check_metric(metric).map_err(inside)?;
    let replicate =
        replicate_axis(records, replicate).map_err(|error| inside(error).at_key("replicate"))?;
    let groups = estimates(records, &axes, metric, replicate);
    let unit = Unit::of(records, metric);

    let title = match by.is_empty() {
        true => metric.to_owned(),
        false => format!("{metric} by {}", by.join(", ")),
    };
    let mut columns: Vec<Column> = by.iter().map(Column::words).collect();
    columns
        .extend([unit.heading(metric), "95 % CI".to_owned(), "n".to_owned()].map(Column::numbers));
    let mut table = Table::new(title, columns);
    table.rows = groups.iter().map(|group| row(records, &axes, unit, group)).collect();
    table.notes.push(counted(records, &axes, replicate));
    table.notes.extend(left_out(groups.iter().flat_map(|group| &group.excluded)));
    table.notes.extend(records.notes());
    Ok(table)
}

fn row(records: &Records, axes: &[usize], unit: Unit, group: &Estimate) -> Vec<String> {
    let levels = axes.iter().zip(&group.place);
    let mut row: Vec<String> =
        levels.map(|(axis, level)| records.level_name(*axis, *level).to_owned()).collect();
    row.push(group.mean().map_or("-".to_owned(), |mean| unit.show(mean)));
    row.push(bracketed(group.interval(LEVEL), |end| unit.show(end)));
    row.push(group.values.len().to_string());
    row
}

/// The sentence that says what n counts.
fn counted(records: &Records, by: &[usize], replicate: Option<usize>) -> String {
    let others = records.other_axes(by);
    let names = |axes: &[usize]| {
        axes.iter().map(|axis| records.axis_name(*axis)).collect::<Vec<_>>().join(", ")
    };
    let interval = "t interval with n - 1 degrees of freedom";
    match replicate.filter(|axis| others.contains(axis)) {
        Some(axis) if others.len() > 1 => {
            let averaged: Vec<usize> = others.into_iter().filter(|other| *other != axis).collect();
            let axis = records.axis_name(axis);
            format!(
                "mean over {axis}, the mean over {} within each {axis} being one value; {interval}",
                names(&averaged)
            )
        }
        _ if others.is_empty() => "every cell by itself".to_owned(),
        _ => format!("mean over {}; {interval}", names(&others)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::records::tests::grid;
    use crate::stats::{Metric, Records};
    use std::collections::BTreeMap;

    fn records() -> Records {
        let accuracy = [[0.80, 0.81, 0.84], [0.82, 0.84, 0.85]];
        grid(&[("arm", &["a", "b"]), ("seed", &["0", "1", "2"])], "accuracy", |at| {
            accuracy[at[0]][at[1]]
        })
    }

    fn by(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_example_shows_what_it_says() {
        let table = summary(&records(), &by(&["arm"]), "accuracy", "seed").unwrap();
        assert_eq!(table.to_string(), SUMMARY.example.shows);
    }

    #[test]
    fn a_single_cell_has_no_interval() {
        let table = summary(&records(), &by(&["arm", "seed"]), "accuracy", "seed").unwrap();
        assert_eq!(table.rows[0], ["a", "0", "80.00", "-", "1"]);
        assert_eq!(table.notes, ["every cell by itself"]);
    }

    #[test]
    fn a_diverged_cell_is_left_out_and_counted() {
        let mut records = records();
        records.rows[2].metrics =
            BTreeMap::from([("status".to_owned(), Metric::Text("diverged".to_owned()))]);
        let table = summary(&records, &by(&["arm"]), "accuracy", "seed").unwrap();
        assert_eq!(table.rows[0][3], "2");
        assert_eq!(table.notes[1], "left out: 1 diverged");
    }

    #[test]
    fn an_unknown_axis_and_a_repeated_one_are_refused() {
        let error = summary(&records(), &by(&["amr"]), "accuracy", "seed").unwrap_err();
        assert_eq!(error.to_string(), "summary: the cells have no axis amr, did you mean arm?");
        let error = summary(&records(), &by(&["arm", "arm"]), "accuracy", "seed").unwrap_err();
        assert_eq!(error.key(), Some("by"));
        let error = summary(&records(), &by(&["arm"]), "accuracy", "sed").unwrap_err();
        assert_eq!(error.key(), Some("replicate"));
    }
}
