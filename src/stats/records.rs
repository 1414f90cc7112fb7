//! Records: what the cells of a grid measured.

use crate::error::{Error, Result, nearest};
use std::collections::{BTreeMap, BTreeSet};

/// The name under which a cell keeps what its results want to be known of them.
pub const NOTES: &str = "notes";
/// What stands between two notes of a cell.
pub const BETWEEN_NOTES: &str = "; ";

/// One axis of a grid and the names of its levels, in source order.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The name, for example `arm`.
    pub name: String,
    /// The names of the levels.
    pub levels: Vec<String>,
}

/// One measured value of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    /// A number; accuracies lie in [0, 1].
    Number(f64),
    /// A text, for example the status of a cell that diverged.
    Text(String),
    /// For every test image whether it was classified correctly.
    Correct(Vec<bool>),
}

/// One cell: its place in the grid and what it measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// An index into the levels of every axis.
    pub levels: Vec<usize>,
    /// The measured values by name; `status` tells why a cell has no numbers.
    pub metrics: BTreeMap<String, Metric>,
}

/// The cells of a grid, in grid order; cells that did not run are absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// The axes.
    pub axes: Vec<Axis>,
    /// The cells.
    pub rows: Vec<Row>,
}

/// A metric of a cell, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// A finite number.
    Value(f64),
    /// The reason: the status of the cell, `no number` or `not run`.
    Excluded(String),
}

/// The cells of some records by their place in the grid.
pub type Cells<'a> = BTreeMap<&'a [usize], &'a Row>;

impl Records {
    /// Checks that axis names are distinct, that every cell lies in the grid, and that no two
    /// cells share a place.
    ///
    /// # Errors
    /// Usage, naming the axis or the place at fault.
    pub fn new(axes: Vec<Axis>, rows: Vec<Row>) -> Result<Self> {
        let names: BTreeSet<&str> = axes.iter().map(|axis| axis.name.as_str()).collect();
        if names.len() != axes.len() {
            return Err(Error::usage("records: two axes have the same name"));
        }
        let mut seen = BTreeSet::new();
        for row in &rows {
            let inside = row.levels.len() == axes.len()
                && row.levels.iter().zip(&axes).all(|(level, axis)| *level < axis.levels.len());
            if !inside {
                return Err(Error::usage(format!(
                    "records: cell {:?} lies outside the grid of {} axes",
                    row.levels,
                    axes.len()
                )));
            }
            if !seen.insert(&row.levels) {
                return Err(Error::usage(format!("records: cell {:?} occurs twice", row.levels)));
            }
        }
        Ok(Self { axes, rows })
    }

    /// The index of an axis.
    ///
    /// # Errors
    /// Usage, with the axes there are.
    pub fn axis(&self, name: &str) -> Result<usize> {
        let known: Vec<&str> = self.axes.iter().map(|axis| axis.name.as_str()).collect();
        known.iter().position(|axis| *axis == name).ok_or_else(|| {
            Error::usage(format!("the cells have no axis {name}{}", meant(name, &known)))
                .hint(format!("axes: {}", known.join(", ")))
        })
    }

    /// The index of a level of the axis with this index.
    ///
    /// # Errors
    /// Usage, with the levels there are, and where two levels share the name.
    pub fn level(&self, axis: usize, name: &str) -> Result<usize> {
        let Some(axis) = self.axes.get(axis) else {
            return Err(Error::internal(format!("the cells have no axis number {axis}")));
        };
        let mut found = (0..axis.levels.len()).filter(|index| axis.levels[*index] == name);
        match (found.next(), found.next()) {
            (Some(index), None) => Ok(index),
            (Some(_), Some(_)) => {
                Err(Error::usage(format!("{name} names more than one level of {}", axis.name))
                    .hint(
                        "give every level its own name, for example train::clean(#{ name: \"a\" })",
                    ))
            }
            (None, _) => {
                let known: Vec<&str> = axis.levels.iter().map(String::as_str).collect();
                Err(Error::usage(format!(
                    "{} has no level {name}{}",
                    axis.name,
                    meant(name, &known)
                ))
                .hint(format!("levels of {}: {}", axis.name, known.join(", "))))
            }
        }
    }

    /// Checks that at least one cell has a number under this name.
    ///
    /// # Errors
    /// Usage, with the metrics there are.
    pub fn check_metric(&self, name: &str) -> Result<()> {
        if self.rows.iter().any(|row| matches!(observe(Some(row), name), Observation::Value(_))) {
            return Ok(());
        }
        let numeric = self.rows.iter().flat_map(|row| &row.metrics).filter_map(|(key, metric)| {
            (!matches!(metric, Metric::Text(_))).then_some(key.as_str())
        });
        let known: Vec<&str> = numeric.collect::<BTreeSet<_>>().into_iter().collect();
        let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(Error::usage(format!("no cell has a number for {name}{}", meant(name, &known)))
            .at_key("metric")
            .hint(format!("numbers that were measured: {list}")))
    }

    /// What cells want to be known of their numbers, each with the number of cells: the
    /// footnotes of every table made of them.
    pub fn notes(&self) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in &self.rows {
            if let Some(Metric::Text(notes)) = row.metrics.get(NOTES) {
                for note in notes.split(BETWEEN_NOTES) {
                    *counts.entry(note).or_default() += 1;
                }
            }
        }
        let all = self.rows.len();
        counts
            .into_iter()
            .map(|(note, cells)| match cells == all {
                true => format!("all cells: {note}"),
                false => format!("{cells} of {all} cells: {note}"),
            })
            .collect()
    }

    /// The cells by place.
    pub fn cells(&self) -> Cells<'_> {
        self.rows.iter().map(|row| (row.levels.as_slice(), row)).collect()
    }

    /// Every combination of levels of some axes, in source order, the last axis fastest.
    pub fn places(&self, axes: &[usize]) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new()];
        for axis in axes {
            let levels = self.axes.get(*axis).map_or(0, |axis| axis.levels.len());
            places = places
                .iter()
                .flat_map(|place| {
                    (0..levels).map(move |level| [place.as_slice(), &[level]].concat())
                })
                .collect();
        }
        places
    }

    /// The axes that are not among these.
    pub fn other_axes(&self, axes: &[usize]) -> Vec<usize> {
        (0..self.axes.len()).filter(|axis| !axes.contains(axis)).collect()
    }

    /// The name of an axis; empty where there is none.
    pub fn axis_name(&self, axis: usize) -> &str {
        self.axes.get(axis).map_or("", |axis| &axis.name)
    }

    /// The name of a level; empty where there is none.
    pub fn level_name(&self, axis: usize, level: usize) -> &str {
        self.axes.get(axis).and_then(|axis| axis.levels.get(level)).map_or("", String::as_str)
    }

    /// What the cell at `place` of `axes` measured; the axes are all axes, in any order.
    pub fn at(
        &self,
        cells: &Cells<'_>,
        axes: &[usize],
        place: &[usize],
        metric: &str,
    ) -> Observation {
        let mut levels = vec![0; self.axes.len()];
        for (axis, level) in axes.iter().zip(place) {
            if let Some(slot) = levels.get_mut(*axis) {
                *slot = *level;
            }
        }
        observe(cells.get(levels.as_slice()).copied(), metric)
    }
}

/// The number a cell has for a metric; per-image correctness counts as its mean.
pub(super) fn observe(row: Option<&Row>, metric: &str) -> Observation {
    let Some(row) = row else {
        return Observation::Excluded("not run".to_owned());
    };
    let number = match row.metrics.get(metric) {
        Some(Metric::Number(number)) => *number,
        Some(Metric::Correct(correct)) => {
            correct.iter().filter(|correct| **correct).count() as f64 / correct.len() as f64
        }
        Some(Metric::Text(_)) | None => f64::NAN,
    };
    if number.is_finite() {
        return Observation::Value(number);
    }
    Observation::Excluded(match row.metrics.get("status") {
        Some(Metric::Text(status)) => status.clone(),
        _ => "no number".to_owned(),
    })
}

fn meant(name: &str, known: &[&str]) -> String {
    nearest(name, known.iter().copied())
        .map(|name| format!(", did you mean {name}?"))
        .unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Records of a full grid whose cells measure one number, computed from their place.
    pub(crate) fn grid(
        axes: &[(&str, &[&str])],
        metric: &str,
        value: impl Fn(&[usize]) -> f64,
    ) -> Records {
        let axes: Vec<Axis> = axes
            .iter()
            .map(|(name, levels)| Axis {
                name: (*name).to_owned(),
                levels: levels.iter().map(|level| (*level).to_owned()).collect(),
            })
            .collect();
        let all: Vec<usize> = (0..axes.len()).collect();
        let mut records = Records { axes, rows: Vec::new() };
        for levels in records.places(&all) {
            let number = Metric::Number(value(&levels));
            let metrics = BTreeMap::from([(metric.to_owned(), number)]);
            records.rows.push(Row { levels, metrics });
        }
        records
    }

    fn small() -> Records {
        grid(&[("arm", &["a", "b"]), ("seed", &["0", "1", "2"])], "accuracy", |place| {
            place[0] as f64 + 0.1 * place[1] as f64
        })
    }

    #[test]
    fn notes_are_counted_over_the_cells() {
        let mut records = small();
        assert!(records.notes().is_empty());
        for (place, row) in records.rows.iter_mut().enumerate() {
            let note = if place == 2 { "on test; at the edge" } else { "on test" };
            row.metrics.insert(NOTES.to_owned(), Metric::Text(note.to_owned()));
        }
        assert_eq!(records.notes(), ["1 of 6 cells: at the edge", "all cells: on test"]);
    }

    #[test]
    fn places_are_in_source_order_with_the_last_axis_fastest() {
        let places = small().places(&[0, 1]);
        assert_eq!(places[..4], [vec![0, 0], vec![0, 1], vec![0, 2], vec![1, 0]]);
        assert_eq!(small().places(&[]), [Vec::<usize>::new()]);
    }

    #[test]
    fn a_cell_outside_the_grid_or_given_twice_is_refused() {
        let records = small();
        let mut rows = records.rows.clone();
        rows[0].levels = vec![0, 3];
        assert!(Records::new(records.axes.clone(), rows).is_err());
        let mut rows = records.rows.clone();
        rows[0].levels = rows[1].levels.clone();
        let error = Records::new(records.axes.clone(), rows).unwrap_err();
        assert_eq!(error.to_string(), "records: cell [0, 1] occurs twice");
        assert!(Records::new(records.axes.clone(), records.rows).is_ok());
    }

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        let error = small().axis("sed").unwrap_err();
        assert_eq!(error.to_string(), "the cells have no axis sed, did you mean seed?");
        let error = small().check_metric("acuracy").unwrap_err();
        assert!(error.to_string().ends_with("did you mean accuracy?"), "{error}");
    }

    #[test]
    fn correctness_counts_as_its_mean_and_a_diverged_cell_as_its_status() {
        let row = |metrics: &[(&str, Metric)]| Row {
            levels: vec![],
            metrics: metrics.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
        };
        let correct = row(&[("correct", Metric::Correct(vec![true, false, true, true]))]);
        assert_eq!(observe(Some(&correct), "correct"), Observation::Value(0.75));
        let diverged = row(&[
            ("accuracy", Metric::Number(f64::NAN)),
            ("status", Metric::Text("diverged".to_owned())),
        ]);
        assert_eq!(
            observe(Some(&diverged), "accuracy"),
            Observation::Excluded("diverged".to_owned())
        );
        assert_eq!(observe(None, "accuracy"), Observation::Excluded("not run".to_owned()));
    }
}
