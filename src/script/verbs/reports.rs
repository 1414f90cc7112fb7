//! `report::write`: the cells of a study as CSV, pictures and one HTML page.

use super::cells::Cells;
use super::plots::ScriptPlot;
use super::tables::ScriptTable;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::plot::{self, Plot};
use crate::registry::{Args, Default, Example, Home, Kind, Param, Spec, Value};
use crate::report::{Figure, Page, Part, csv, html, tables_csv};
use crate::script::binding::{Binder, Call};
use crate::script::modules::imported;
use crate::script::param::head_comment;
use crate::script::run::Run;
use crate::stats::{Metric, REPLICATE, Records, Row, summary};
use crate::store;
use crate::table::{Column, Table};
use rhai::{Array, Dynamic};
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;

const WRITE: Spec = Spec {
    name: "write",
    home: Home::Namespace("report"),
    doc: "Writes the cells of a study as a table, a picture and a page. NAME.csv holds the cells, \
          NAME.tables.csv those of the tables, one a line, NAME.svg and NAME.png the picture, and \
          NAME.html is one page without external resources: what was asked, the picture, what was \
          varied, tables that a click on a heading sorts, what they do not show, settings, the \
          script and its modules, derivations and environment. Prints where. The same results give \
          the same bytes.",
    inputs: &[
        Param::input("name", Kind::Text, "Name of the files."),
        Param::input("cells", Kind::Handle("cells"), "What a sweep measured."),
        Param {
            name: "tables",
            kind: Kind::Any,
            default: Default::Unset,
            doc: "List of tables and further plots for the page; without a table, a summary of the \
                  metric.",
            label: false,
        },
    ],
    params: &[
        Param::choice(
            "plot",
            &["bars", "none"],
            "Kind of picture; \"none\" leaves it to `tables`.",
        ),
        Param {
            name: "metric",
            kind: Kind::Text,
            default: Default::Text("accuracy"),
            doc: "What the picture shows.",
            label: false,
        },
        Param {
            name: "by",
            kind: Kind::Text,
            default: Default::Text("arm"),
            doc: "Axis whose levels the picture compares.",
            label: false,
        },
        Param {
            name: "replicate",
            kind: Kind::Text,
            default: Default::Text(REPLICATE),
            doc: "Axis whose levels are independent repetitions.",
            label: false,
        },
    ],
    returns: "text",
    example: Example {
        code: "let cells = sweep::grid(#{ arm: [\"a\", \"b\"], seed: 0..3 }, \
               |c| #{ accuracy: 0.5 + 0.1 * c.seed });\n\
               report::write(\"example\", cells, #{ plot: \"bars\" })",
        shows: "example.html",
    },
    cite: "",
    version: 1,
};

/// Binds `report::write`.
pub fn bind(binder: &mut Binder, context: &Context, run: &Rc<RefCell<Run>>) {
    let (context, run) = (context.clone(), run.clone());
    binder.function(&WRITE, move |call: Call| {
        let written = write(&context, &run.borrow(), &call);
        call.at(written).map(Dynamic::from)
    });
}

fn write(context: &Context, run: &Run, call: &Call) -> Result<String> {
    let name = call.args.text("name")?;
    let cells: Cells = call.args.handle("cells")?;
    let replicate = call.args.text("replicate")?;
    let (mut parts, mut files) = (Vec::new(), Vec::new());
    if let Some(plot) = picture(&cells, &call.args)? {
        let svg = plot::svg(&plot.scene)?;
        files.push(("svg", svg.as_str().as_bytes().to_vec()));
        files.push(("png", plot::png(&plot.scene)?));
        parts.push(Part::Figure(Figure { svg, caption: plot.caption }));
    }
    let (mut tables, plots) = given(call)?;
    if tables.is_empty() {
        tables = vec![by_default(&cells, call.args.text("metric")?, replicate)?];
    }
    for plot in plots {
        parts.push(figure(&plot)?);
    }
    parts.push(Part::Heading("Design".to_owned()));
    parts.push(Part::Table(design(&cells.records)));
    parts.push(Part::Heading("Tables".to_owned()));
    parts.extend(tables.into_iter().map(Part::Table));
    let page = Page {
        scale: scale(&cells.records, replicate, &run.params),
        lineages: cells
            .lineages
            .iter()
            .map(|(name, lineage)| (name.clone(), lineage.to_string()))
            .collect(),
        ..page(context, run, name, parts)
    };
    let tables = tables_csv(page.parts.iter().filter_map(Part::table))?;
    files.push(("csv", csv(&cells.records)?.into_bytes()));
    files.push(("tables.csv", tables.into_bytes()));
    files.push(("html", html(&page).into_bytes()));
    write_files("write", run, name, &files)?;
    (run.print)(&format!("report: {}", run.out.join(format!("{name}.html")).display()));
    Ok(format!("{name}.html"))
}

/// Writes files named `name` with these extensions into the folder of reports.
///
/// # Errors
/// Usage: a name with other characters than letters, digits, _ and -. Io.
pub(super) fn write_files(
    operation: &str,
    run: &Run,
    name: &str,
    files: &[(&str, Vec<u8>)],
) -> Result<()> {
    let folder = prepared(operation, run, name)?;
    for (extension, bytes) in files {
        store::write(&folder.join(format!("{name}.{extension}")), bytes)?;
    }
    Ok(())
}

/// The folder of what scripts write, for a file called `name`.
///
/// # Errors
/// As [`write_files`].
pub(super) fn prepared<'a>(operation: &str, run: &'a Run, name: &str) -> Result<&'a Path> {
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(Error::usage(format!(
            "{operation}: expected a name of letters, digits, _ and -, found \"{name}\""
        )));
    }
    fs::create_dir_all(&run.out).map_err(|error| {
        Error::io(format!("{operation}: cannot create {}", run.out.display()), &error)
    })?;
    Ok(&run.out)
}

/// The picture that the options ask for; none for "none".
fn picture(cells: &Cells, args: &Args) -> Result<Option<Plot>> {
    let kind = args.text("plot")?;
    if kind == "none" {
        return Ok(None);
    }
    let entry = plot::find(kind)?;
    let option = |key: &str| -> Result<(String, Value)> {
        Ok((key.to_owned(), Value::Text(args.text(key)?.to_owned())))
    };
    let options = vec![option("metric")?, option("by")?, option("replicate")?];
    let args = Args::resolve(&entry.spec, vec![Value::Handle(Rc::new(cells.clone()))], options)?;
    (entry.build)(&cells.records, &args).map(Some)
}

/// A plot as a part of a page.
///
/// # Errors
/// Internal: the picture cannot be drawn.
pub(super) fn figure(plot: &ScriptPlot) -> Result<Part> {
    let plot = plot.plot();
    Ok(Part::Figure(Figure { svg: plot::svg(&plot.scene)?, caption: plot.caption.clone() }))
}

/// A page with what the running script says of itself.
pub(super) fn page(context: &Context, run: &Run, name: &str, parts: Vec<Part>) -> Page {
    let (script, source) =
        run.texts.last().map_or(("", ""), |text| (text.name.as_ref(), text.source.as_ref()));
    let script = Path::new(script).file_name().map_or(script.into(), |name| name.to_string_lossy());
    Page {
        title: name.replace('_', " "),
        description: unwrapped(&head_comment(source)),
        parts,
        script: source.to_owned(),
        modules: imported(&run.bounds, &run.texts.modules, source)
            .into_iter()
            .map(|(file, text)| (file, text.to_string()))
            .collect(),
        parameters: run.params.clone(),
        manifest: std::iter::once(("script".to_owned(), script.into_owned()))
            .chain(
                context
                    .origins
                    .borrow()
                    .iter()
                    .map(|origin| ("results computed by".to_owned(), origin.clone())),
            )
            .collect(),
        ..Page::default()
    }
}

/// A comment whose lines are as long as a reader's page: a line goes on the one before, unless it is
/// blank, follows a blank one, is indented or an item of a list, or begins with a label such as
/// `Question:`.
fn unwrapped(comment: &str) -> String {
    let labelled = |line: &str| {
        let label = line.split_once(": ").map_or(line.strip_suffix(':'), |(label, _)| Some(label));
        label.is_some_and(|label| {
            let short = label.split(' ').count() <= 5 && !label.contains('.');
            short && label.starts_with(char::is_uppercase)
        })
    };
    let mut out = String::new();
    let mut before = "";
    for line in comment.lines() {
        let begins = line.is_empty()
            || before.is_empty()
            || line.starts_with([' ', '-', '*'])
            || labelled(line);
        if !out.is_empty() {
            out.push(if begins { '\n' } else { ' ' });
        }
        out.push_str(line);
        before = line;
    }
    out
}

/// What was varied: the axes of the grid with their levels.
fn design(records: &Records) -> Table {
    let columns = vec![Column::words("axis"), Column::numbers("levels"), Column::words("which")];
    let mut table = Table::new("what was varied", columns);
    for axis in &records.axes {
        let (count, names) = (axis.levels.len().to_string(), axis.levels.join(", "));
        table.rows.push(vec![axis.name.clone(), count, names]);
    }
    table
}

fn by_default(cells: &Cells, metric: &str, replicate: &str) -> Result<Table> {
    let axes = cells.records.axes.iter().map(|axis| axis.name.clone());
    let by: Vec<String> = axes.filter(|axis| axis != replicate).collect();
    summary(&cells.records, &by, metric, replicate)
}

/// The tables and the plots that the call lists.
fn given(call: &Call) -> Result<(Vec<Table>, Vec<ScriptPlot>)> {
    let mut found = (Vec::new(), Vec::new());
    let Some(given) = call.inputs.get(2).filter(|value| !value.is_unit()) else {
        return Ok(found);
    };
    let unfit = |found: &Dynamic| {
        let found = found.type_name();
        Error::usage(format!("write: expected a list of tables and plots, found a {found}"))
            .hint("report::write(\"name\", cells, [cells.summary(...), ...], #{ plot: \"bars\" })")
    };
    for item in given.read_lock::<Array>().ok_or_else(|| unfit(given))?.iter() {
        if let Some(table) = item.read_lock::<ScriptTable>() {
            found.0.push(table.table().clone());
        } else if let Some(plot) = item.read_lock::<ScriptPlot>() {
            found.1.push(plot.clone());
        } else {
            return Err(unfit(item));
        }
    }
    Ok(found)
}

/// How much the numbers rest on, in a sentence.
fn scale(records: &Records, replicate: &str, params: &[(String, String)]) -> String {
    let axes: Vec<String> =
        records.axes.iter().map(|axis| format!("{} {}", axis.levels.len(), axis.name)).collect();
    let replicates = records.axes.iter().find(|axis| axis.name == replicate);
    let n = replicates.map_or(1, |axis| axis.levels.len());
    let what = match replicate {
        REPLICATE => "independent source networks".to_owned(),
        other => format!("levels of {other}"),
    };
    let scale = params
        .iter()
        .find(|(name, _)| name == "scale")
        .map(|(_, value)| format!("Scale {value}. "))
        .unwrap_or_default();
    let whole: usize = records.axes.iter().map(|axis| axis.levels.len()).product();
    let measured = |row: &&Row| row.metrics.values().any(|it| matches!(it, Metric::Number(_)));
    let complete = records.rows.iter().filter(measured).count() == whole;
    let at_most = if complete { "" } else { "at most " };
    format!(
        "{scale}{} cells: {}. Every mean is over {at_most}n = {n} {what}.",
        records.rows.len(),
        axes.join(" x ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_comment_join_where_no_label_or_blank_line_stands() {
        let comment = "Is it so?\n\nQuestion: is it\nreally so. Then: no,\nPGD is. Not that: x\n\
                       Estimand, stated before it: a\nb\n- one\n- two\nUse:\nthis";
        let shown = "Is it so?\n\nQuestion: is it really so. Then: no, PGD is. Not that: x\n\
                     Estimand, stated before it: a b\n- one\n- two\nUse: this";
        assert_eq!(unwrapped(comment), shown);
        assert_eq!(unwrapped(""), "");
    }
}
