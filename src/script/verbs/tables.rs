//! Tables as script values: printing one shows it.

use crate::error::{Error, Result};
use crate::registry::{Example, Home, Kind, Param, Spec, Value};
use crate::script::binding::{Binder, Call};
use crate::stats::LIMITS;
use crate::table::{Column, Table};
use rhai::{Dynamic, ImmutableString};
use std::rc::Rc;

const TABLE: Spec = Spec {
    name: "table",
    home: Home::Namespace("report"),
    doc: "A table of the script's own, to print and for a report. Numbers with a point get two \
          decimals, nothing is shown as `-`; columns of numbers stand to the right.",
    inputs: &[
        Param::input("title", Kind::Text, "One line that says what is shown."),
        Param::input("columns", Kind::Texts, "The headings, with their units."),
        Param::input("rows", Kind::Any, "A list of lists of texts and numbers, one per column."),
    ],
    params: &[
        Param::optional("notes", Kind::Texts, "What a reader must know, a sentence each."),
        Param::optional("limits", Kind::Text, "What the table cannot show."),
    ],
    returns: "table",
    example: Example {
        code: "report::table(\"gains\", [\"set\", \"points\", \"n\"], \
               [[\"Cars\", 1.5, 4], [\"Pets\", (), 0]], #{ limits: \"other sets\" })",
        shows: "\
gains
set   points  n
----------------
Cars    1.50  4
Pets       -  0
- what this does not show: other sets",
    },
    cite: "",
    version: 1,
};

/// A table as a script holds it.
#[derive(Clone)]
pub struct ScriptTable(Rc<Table>);

impl ScriptTable {
    /// Wraps a table.
    pub fn new(table: Table) -> Self {
        Self(Rc::new(table))
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.0
    }
}

/// Binds construction and printing.
pub fn bind(binder: &mut Binder) {
    binder.function(&TABLE, |call: Call| {
        call.at(table(&call)).map(|table| Dynamic::from(ScriptTable::new(table)))
    });
    let engine = binder.engine();
    engine.register_type_with_name::<ScriptTable>("table");
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |table: &mut ScriptTable| {
            ImmutableString::from(table.table().to_string())
        });
    }
}

fn table(call: &Call) -> Result<Table> {
    let headings = call.args.texts("columns")?;
    let unfit = |what: String| {
        Error::usage(format!("table: {what}")).at_key("rows").hint(
            "report::table(\"gains\", [\"set\", \"points\"], [[\"Cars\", 1.5], [\"Pets\", 2.0]])",
        )
    };
    let Value::List(lines) = call.args.value("rows")? else {
        let found = call.args.value("rows")?.found();
        return Err(unfit(format!("expected a list of rows, found {found}")));
    };
    let mut rows = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let row = row(line).ok_or_else(|| {
            unfit(format!("row {} expected texts and numbers, found {}", place + 1, line.found()))
        })?;
        if row.len() != headings.len() {
            let (expected, found) = (headings.len(), row.len());
            return Err(unfit(format!(
                "row {} expected {expected} cells, found {found}",
                place + 1
            )));
        }
        rows.push(row);
    }
    let column = |(place, name): (usize, String)| {
        let numeric = rows.iter().all(|row: &Vec<String>| looks_numeric(&row[place]));
        Column { name, numeric }
    };
    let columns = headings.into_iter().enumerate().map(column).collect();
    let mut table = Table { rows: rows.clone(), ..Table::new(call.args.text("title")?, columns) };
    table.notes = call.args.texts("notes")?;
    table.notes.extend(call.args.optional_text("limits")?.map(|text| format!("{LIMITS}{text}")));
    Ok(table)
}

/// The cells of a row as text; none where one is no text and no number.
fn row(line: &Value) -> Option<Vec<String>> {
    let cell = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(format!("{number:.2}")),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Unit => Some("-".to_owned()),
        _ => None,
    };
    match line {
        Value::List(cells) => cells.iter().map(cell).collect(),
        Value::Ints(numbers) => Some(numbers.iter().map(i64::to_string).collect()),
        Value::Floats(numbers) => {
            Some(numbers.iter().map(|number| format!("{number:.2}")).collect())
        }
        _ => None,
    }
}

/// Whether a cell reads as a number: with a sign, as an interval or a bound, or as missing.
fn looks_numeric(cell: &str) -> bool {
    cell == "-"
        || cell.trim_start_matches(['+', '-', '[', '<']).starts_with(|c: char| c.is_ascii_digit())
}
