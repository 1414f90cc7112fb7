//! Published numbers that were selected: one, several, as a table or as cells.

use super::filter::{filtered, levels};
use super::row::{COLUMNS, Row, all, expanded, number};
use crate::error::{Error, Result, nearest};
use crate::lineage::sha256_hex;
use crate::registry::{Args, Value};
use crate::stats::{self, Axis, Metric, Records};
use crate::table::{Column, Table};
use std::collections::BTreeMap;

/// A printed table has no more lines.
const LONGEST: usize = 60;
/// So many numbers become maps.
const MOST: usize = 1000;

/// Some of the published numbers, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    rows: Vec<&'static Row>,
}

impl Selection {
    /// All published numbers.
    ///
    /// # Errors
    /// Internal: the embedded file is damaged.
    pub fn all() -> Result<Self> {
        Ok(Self { rows: all()?.iter().collect() })
    }

    /// Those of these numbers that the options of a call want.
    ///
    /// # Errors
    /// Usage: a name that no number here has.
    pub fn filtered(&self, args: &Args) -> Result<Self> {
        Ok(Self { rows: filtered(&self.rows, args)? })
    }

    /// The numbers.
    pub fn rows(&self) -> &[&'static Row] {
        &self.rows
    }

    /// The names that a column has here, in the order of the file.
    ///
    /// # Errors
    /// Usage: no such column.
    pub fn levels(&self, column: &str) -> Result<Vec<&'static str>> {
        Ok(levels(&self.rows, place(column).map_err(|error| error.within("levels"))?))
    }

    /// The SHA-256 of the numbers as CSV with their sources.
    ///
    /// # Errors
    /// Internal, where the writer fails.
    pub fn sha256(&self) -> Result<String> {
        Ok(sha256_hex(expanded(&self.rows)?.as_bytes()))
    }

    /// The only number.
    ///
    /// # Errors
    /// Usage: there are several.
    pub fn value(&self) -> Result<f64> {
        match self.rows.as_slice() {
            [row] => Ok(row.value),
            rows => Err(Error::usage(format!("value: expected one number, found {}", rows.len()))
                .hint(self.differences())),
        }
    }

    /// In which columns the numbers differ, in words.
    fn differences(&self) -> String {
        let varying = self.varying();
        let column = |column: &usize| {
            let levels = levels(&self.rows, *column);
            let (shown, rest) = levels.split_at(levels.len().min(6));
            let more = if rest.is_empty() { "" } else { ", ..." };
            format!("{} ({}{more})", COLUMNS[*column], shown.join(", "))
        };
        format!("they differ in {}", varying.iter().map(column).collect::<Vec<_>>().join(", "))
    }

    fn varying(&self) -> Vec<usize> {
        (0..COLUMNS.len()).filter(|column| levels(&self.rows, *column).len() > 1).collect()
    }

    /// Where the numbers were printed.
    pub fn sources(&self) -> Vec<&'static str> {
        let mut sources: Vec<&'static str> = Vec::new();
        for row in &self.rows {
            if !sources.contains(&row.source.as_str()) {
                sources.push(&row.source);
            }
        }
        sources
    }

    /// Every number with what it is; eps is a number where it is one.
    ///
    /// # Errors
    /// Usage: more numbers than a script should walk through.
    pub fn maps(&self) -> Result<Vec<BTreeMap<String, Value>>> {
        if self.rows.len() > MOST {
            return Err(Error::usage(format!(
                "rows: expected at most {MOST} numbers, found {}",
                self.rows.len()
            ))
            .hint("select some of them first, or read .values"));
        }
        let map = |row: &&'static Row| {
            let mut map = BTreeMap::new();
            for (place, column) in COLUMNS.into_iter().enumerate() {
                let text = row.field(place);
                let number = number(text).filter(|_| column == "eps");
                let value = number.map_or(Value::Text(text.to_owned()), Value::Float);
                map.insert(column.to_owned(), value);
            }
            map.insert("value".to_owned(), Value::Float(row.value));
            map.insert("source".to_owned(), Value::Text(row.source.clone()));
            map
        };
        Ok(self.rows.iter().map(map).collect())
    }

    /// The numbers as the cells of a grid over some columns, under the metric `value`.
    ///
    /// # Errors
    /// Usage: no such column, or two numbers at one place.
    pub fn cells(&self, by: &[String]) -> Result<Records> {
        let column =
            |name: &String| place(name).map_err(|error| error.within("cells").at_key("by"));
        let columns = by.iter().map(column).collect::<Result<Vec<usize>>>()?;
        let axis = |column: &usize| Axis {
            name: COLUMNS[*column].to_owned(),
            levels: levels(&self.rows, *column).into_iter().map(str::to_owned).collect(),
        };
        let axes: Vec<Axis> = columns.iter().map(axis).collect();
        let mut places: BTreeMap<Vec<usize>, &'static Row> = BTreeMap::new();
        for row in self.rows.iter().copied() {
            let level = |(column, axis): (&usize, &Axis)| {
                axis.levels.iter().position(|level| level == row.field(*column)).unwrap_or(0)
            };
            let place: Vec<usize> = columns.iter().zip(&axes).map(level).collect();
            if let Some(other) = places.insert(place, row) {
                let pair = Self { rows: vec![other, row] };
                return Err(Error::usage(format!(
                    "cells: expected one number for each {}, found two",
                    by.join(", ")
                ))
                .at_key("by")
                .hint(pair.differences()));
            }
        }
        let cell = |(levels, row): (Vec<usize>, &'static Row)| stats::Row {
            levels,
            metrics: BTreeMap::from([("value".to_owned(), Metric::Number(row.value))]),
        };
        Records::new(axes, places.into_iter().map(cell).collect())
    }

    /// The numbers for people: what they share in the title, a column for what they do not.
    pub fn table(&self) -> Table {
        let varying = self.varying();
        let shared = (0..COLUMNS.len()).filter(|column| !varying.contains(column));
        let shared: Vec<&str> = match self.rows.first() {
            Some(row) => shared.map(|column| row.field(column)).collect(),
            None => Vec::new(),
        };
        let title = match shared.is_empty() {
            true => "published numbers".to_owned(),
            false => format!("published numbers: {}", shared.join(", ")),
        };
        let percent = self.rows.iter().all(|row| row.is_percent());
        let heading = if percent { "value (%)" } else { "value" };
        let columns = varying.iter().map(|column| Column::words(COLUMNS[*column]));
        let mut table = Table::new(title, columns.chain([Column::numbers(heading)]).collect());
        let line = |row: &&'static Row| {
            let fields = varying.iter().map(|column| row.field(*column).to_owned());
            fields.chain([row.printed.clone()]).collect()
        };
        table.rows = self.rows.iter().take(LONGEST).map(line).collect();
        if let Some(more) = self.rows.len().checked_sub(LONGEST).filter(|more| *more > 0) {
            table
                .notes
                .push(format!("and {more} more; values has all numbers, rows what they are"));
        }
        table.notes.extend(self.sources().iter().map(|source| format!("source: {source}")));
        table
    }
}

/// The place of a column.
fn place(name: &str) -> Result<usize> {
    COLUMNS.iter().position(|column| *column == name).ok_or_else(|| {
        let meant = nearest(name, COLUMNS)
            .map(|column| format!(", did you mean {column}?"))
            .unwrap_or_default();
        Error::usage(format!("no column {name}{meant}"))
            .hint(format!("columns: {}", COLUMNS.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::table::ENTRY;

    fn selected(filters: &[(&str, Value)]) -> Result<Selection> {
        let options = filters.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        (ENTRY.build)(&Args::resolve(&ENTRY.spec, vec![], options.collect())?)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn filters_narrow_down_to_one_number() {
        let filters = [
            ("study", Value::from("eps_sweep_mean3")),
            ("arch", Value::from("resnet50")),
            ("eps", Value::from(3i64)),
            ("dataset", Value::from("CIFAR-10")),
        ];
        let both = selected(&filters).unwrap();
        assert_eq!(both.rows().len(), 2);
        let error = both.value().unwrap_err();
        assert_eq!(error.to_string(), "value: expected one number, found 2");
        assert_eq!(error.hints(), ["they differ in mode (fixed, full)"]);
        let one = [&filters[..], &[("mode", Value::from("fixed"))]].concat();
        assert_eq!(selected(&one).unwrap().value().unwrap(), 94.77);
    }

    #[test]
    fn a_list_selects_any_of_its_names_and_a_radius_is_found_however_it_is_printed() {
        let eps = Value::List(vec![Value::from(0i64), Value::from(8.0 / 255.0)]);
        let study = ("study", Value::from("linf_eps_sweep"));
        assert_eq!(selected(&[study.clone(), ("eps", eps)]).unwrap().rows().len(), 16);
        assert_eq!(selected(&[study, ("eps", Value::from("8/255"))]).unwrap().rows().len(), 8);
    }

    #[test]
    fn a_name_that_is_not_there_finds_the_one_that_was_meant() {
        let error = selected(&[("dataset", Value::from("CIFAR10"))]).unwrap_err();
        let said = "table: no number here has dataset CIFAR10, did you mean CIFAR-10?";
        assert_eq!((error.to_string().as_str(), error.key()), (said, Some("dataset")));
        let error = selected(&[("study", Value::from("eps_sweep"))]).unwrap_err();
        assert!(error.to_string().ends_with("did you mean eps_sweep_mean3?"), "{error}");
        let study = ("study", Value::from("table2_arxiv"));
        let list = Value::List(vec![Value::from("CIFAR-10"), Value::from("Cars")]);
        let error = selected(&[study, ("dataset", list)]).unwrap_err();
        assert_eq!(error.to_string(), "table: no number here has dataset Cars");
        assert_eq!(error.hints(), ["dataset: ImageNet, CIFAR-10, ImageNet->CIFAR-10"]);
    }

    #[test]
    fn cells_are_a_grid_and_two_numbers_at_one_place_are_refused() {
        let sweep = selected(&[
            ("study", Value::from("eps_sweep_mean3")),
            ("arch", Value::from("resnet18")),
        ]);
        let sweep = sweep.unwrap();
        let cells = sweep.cells(&names(&["mode", "dataset", "eps"])).unwrap();
        assert_eq!((cells.rows.len(), cells.axes[2].levels.len()), (240, 10));
        let error = sweep.cells(&names(&["dataset", "eps"])).unwrap_err();
        assert_eq!(error.hints(), ["they differ in mode (fixed, full)"]);
        assert!(sweep.cells(&names(&["seed"])).is_err());
    }

    #[test]
    fn a_printed_table_has_the_digits_of_its_source_and_names_it() {
        let table = selected(&[("study", Value::from("fig4_detection"))]).unwrap().table();
        assert_eq!(table.rows[0].last().unwrap(), "52.80");
        assert!(table.notes[0].starts_with("source: arXiv 2007.08489 Figure 4 table"));
    }
}
