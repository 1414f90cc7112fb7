//! A value in the forms in which it can be shown: text for a terminal, HTML and pictures for what
//! can show them. The names of the forms are MIME types, as Jupyter's are.

use super::verbs::{ScriptPlot, ScriptTable};
use crate::plot;
use crate::published::Selection;
use crate::report;
use crate::table::{Column, Table};
use rhai::{Array, Dynamic, Engine, Map, Scope};

/// The forms of one value; the text is always there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bundle {
    /// `text/plain`.
    pub text: String,
    /// `text/html`: one element.
    pub html: Option<String>,
    /// `image/svg+xml`.
    pub svg: Option<String>,
    /// `image/png`.
    pub png: Option<Vec<u8>>,
}

impl Bundle {
    /// A value that has only a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// All forms of a script value; `engine` knows how types print.
    pub fn of(engine: &Engine, value: &Dynamic) -> Self {
        if let Some(table) = value.read_lock::<ScriptTable>() {
            return Self::table(table.table());
        }
        if let Some(published) = value.read_lock::<Selection>() {
            return Self::table(&published.table());
        }
        if let Some(plot) = value.read_lock::<ScriptPlot>() {
            let plot = plot.plot();
            return Self {
                text: plot.summary.clone(),
                svg: plot::svg(&plot.scene).ok().map(|svg| svg.as_str().to_owned()),
                png: plot::png(&plot.scene).ok(),
                html: None,
            };
        }
        match records(engine, value) {
            Some(table) => Self::table(&table),
            None => Self::text(printed(engine, value)),
        }
    }

    fn table(table: &Table) -> Self {
        Self {
            text: table.to_string().trim_start_matches('\n').to_owned(),
            html: Some(report::table(table)),
            ..Self::default()
        }
    }
}

/// How a value prints.
pub fn printed(engine: &Engine, value: &Dynamic) -> String {
    let mut scope = Scope::new();
    scope.push("value", value.clone());
    engine
        .eval_with_scope::<String>(&mut scope, "value.to_string()")
        .unwrap_or_else(|_| value.to_string())
}

/// A list of maps with the same keys as a table without a title.
fn records(engine: &Engine, value: &Dynamic) -> Option<Table> {
    let list = value.read_lock::<Array>()?;
    let first = list.first()?.read_lock::<Map>()?;
    let keys: Vec<String> = first.keys().map(ToString::to_string).collect();
    if keys.is_empty() {
        return None;
    }
    let mut rows = Vec::with_capacity(list.len());
    for item in list.iter() {
        let map = item.read_lock::<Map>()?;
        if map.len() != keys.len() {
            return None;
        }
        let cell = |key: &String| map.get(key.as_str()).map(|value| printed(engine, value));
        rows.push(keys.iter().map(cell).collect::<Option<Vec<_>>>()?);
    }
    let column = |key: &String| Column {
        name: key.clone(),
        numeric: first.get(key.as_str()).is_some_and(|value| value.is_int() || value.is_float()),
    };
    let mut table = Table::new("", keys.iter().map(column).collect());
    table.rows = rows;
    Some(table)
}
