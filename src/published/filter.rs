//! Which numbers are wanted, by column.

use super::row::{COLUMNS, Row, number};
use crate::error::{Error, Result, nearest};
use crate::registry::{Args, Kind, Param, Value};

/// The options that select numbers, one for each column.
pub const FILTERS: [Param; 7] = [
    filter("study", "Study, or a list of them."),
    filter("arch", "Architecture of the source network, or a list of them."),
    filter(
        "threat",
        "Threat model that the source was trained against, none for a standard one, or a list.",
    ),
    filter(
        "eps",
        "Radius that the source was trained with, in pixels of [0, 1]; a text where it is none; or a list.",
    ),
    filter("dataset", "Target data set, or a list of them."),
    filter(
        "mode",
        "What was trained on the target: a new last layer (fixed), all (full), ...; or a list.",
    ),
    filter("metric", "What was measured, or a list."),
];

const fn filter(name: &'static str, doc: &'static str) -> Param {
    Param::optional(name, Kind::Any, doc)
}

/// A name or a number that a column should have.
enum Wanted {
    Text(String),
    Number(f64),
}

impl Wanted {
    fn read(operation: &str, column: &str, value: &Value) -> Result<Vec<Self>> {
        match value {
            Value::Unit => Ok(Vec::new()),
            Value::Text(text) => Ok(vec![Self::Text(text.clone())]),
            Value::Int(number) => Ok(vec![Self::Number(*number as f64)]),
            Value::Float(number) => Ok(vec![Self::Number(*number)]),
            Value::Ints(numbers) => {
                Ok(numbers.iter().map(|number| Self::Number(*number as f64)).collect())
            }
            Value::Floats(numbers) => Ok(numbers.iter().copied().map(Self::Number).collect()),
            Value::List(items) => {
                let read = items.iter().map(|item| Self::read(operation, column, item));
                Ok(read.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
            }
            other => Err(Error::usage(format!(
                "{operation}: {column} expected a text, a number or a list of them, found {}",
                other.found()
            ))
            .at_key(column)),
        }
    }

    fn is(&self, found: &str) -> bool {
        match self {
            Self::Text(text) => text == found,
            Self::Number(wanted) => {
                number(found).is_some_and(|found| (found - wanted).abs() <= 1e-9 * wanted.abs())
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// The rows that the options of a call want.
///
/// # Errors
/// Usage: a name that the rows left by the columns before it do not have.
pub(super) fn filtered(rows: &[&'static Row], args: &Args) -> Result<Vec<&'static Row>> {
    let operation = args.spec().name;
    let mut rows = rows.to_vec();
    for (place, column) in COLUMNS.into_iter().enumerate() {
        let wanted = Wanted::read(operation, column, args.value(column)?)?;
        if wanted.is_empty() {
            continue;
        }
        let missing = wanted.iter().find(|one| !rows.iter().any(|row| one.is(row.field(place))));
        if let Some(missing) = missing {
            return Err(none(operation, column, &missing.shown(), &levels(&rows, place)));
        }
        rows.retain(|row| wanted.iter().any(|one| one.is(row.field(place))));
    }
    Ok(rows)
}

/// The names in a column, in the order of the file.
pub(super) fn levels(rows: &[&'static Row], column: usize) -> Vec<&'static str> {
    let mut levels: Vec<&'static str> = Vec::new();
    for row in rows {
        if !levels.contains(&row.field(column)) {
            levels.push(row.field(column));
        }
    }
    levels
}

fn none(operation: &str, column: &str, missing: &str, known: &[&str]) -> Error {
    let meant = nearest(missing, known.iter().copied())
        .or_else(|| known.iter().copied().find(|name| name.starts_with(missing)))
        .map(|name| format!(", did you mean {name}?"))
        .unwrap_or_default();
    Error::usage(format!("{operation}: no number here has {column} {missing}{meant}"))
        .at_key(column)
        .hint(format!("{column}: {}", known.join(", ")))
}
