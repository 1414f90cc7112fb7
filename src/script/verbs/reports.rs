//! `report::write`: the cells of a study as CSV, pictures and one HTML page.

use super::cells::Cells;
use super::tables::ScriptTable;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::plot::{self, Plot};
use crate::registry::{Args, Default, Example, Home, Kind, Param, Spec, Value};
use crate::report::{Figure, Page, csv, html};
use crate::script::binding::{Binder, Call};
use crate::script::param::head_comment;
use crate::script::run::Run;
use crate::stats::{REPLICATE, Records, Table, summary};
use crate::store;
use rhai::{Array, Dynamic};
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::rc::Rc;

const WRITE: Spec = Spec {
    name: "write",
    home: Home::Namespace("report"),
    doc: "Writes the cells of a study as a table, a picture and a page. NAME.csv holds the cells, \
          NAME.svg and NAME.png the picture, and NAME.html is one page without external resources: \
          what was asked, the picture, tables, what they do not show, settings, derivations and \
          environment. Prints where. The same results give the same bytes.",
    inputs: &[
        Param::input("name", Kind::Text, "Name of the files."),
        Param::input("cells", Kind::Handle("cells"), "What a sweep measured."),
        Param {
            name: "tables",
            kind: Kind::Any,
            default: Default::Unset,
            doc: "List of tables for the page; a summary of the metric by default.",
            label: false,
        },
    ],
    params: &[
        Param::choice("plot", &["bars"], "Kind of picture."),
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
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(Error::usage(format!(
            "write: expected a name of letters, digits, _ and -, found \"{name}\""
        )));
    }
    let cells: Cells = call.args.handle("cells")?;
    let plot = picture(&cells, &call.args)?;
    let svg = plot::svg(&plot.scene)?;
    let page =
        page(context, run, &cells, call, Figure { svg: svg.clone(), caption: plot.caption })?;
    let files: [(&str, Vec<u8>); 4] = [
        ("csv", csv(&cells.records)?.into_bytes()),
        ("svg", svg.as_str().as_bytes().to_vec()),
        ("png", plot::png(&plot.scene)?),
        ("html", html(&page).into_bytes()),
    ];
    fs::create_dir_all(&run.out).map_err(|error| {
        Error::io(format!("write: cannot create {}", run.out.display()), &error)
    })?;
    for (extension, bytes) in &files {
        store::write(&run.out.join(format!("{name}.{extension}")), bytes)?;
    }
    (run.print)(&format!("report: {}", run.out.join(format!("{name}.html")).display()));
    Ok(format!("{name}.html"))
}

fn picture(cells: &Cells, args: &Args) -> Result<Plot> {
    let entry = plot::find(args.text("plot")?)?;
    let option = |key: &str| -> Result<(String, Value)> {
        Ok((key.to_owned(), Value::Text(args.text(key)?.to_owned())))
    };
    let options = vec![option("metric")?, option("by")?];
    let args = Args::resolve(&entry.spec, vec![Value::Handle(Rc::new(cells.clone()))], options)?;
    (entry.build)(&cells.records, &args)
}

fn page(context: &Context, run: &Run, cells: &Cells, call: &Call, figure: Figure) -> Result<Page> {
    let (name, source) =
        run.texts.last().map_or(("", ""), |text| (text.name.as_ref(), text.source.as_ref()));
    let script = Path::new(name).file_name().map_or(name.into(), |name| name.to_string_lossy());
    Ok(Page {
        title: call.args.text("name")?.replace('_', " "),
        description: head_comment(source),
        scale: scale(&cells.records, &run.params),
        figures: vec![figure],
        tables: tables(cells, call)?,
        notes: Vec::new(),
        lineages: cells
            .lineages
            .iter()
            .map(|(name, lineage)| (name.clone(), lineage.to_string()))
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
    })
}

fn tables(cells: &Cells, call: &Call) -> Result<Vec<Table>> {
    let given = call.inputs.get(2).filter(|value| !value.is_unit());
    let Some(given) = given else {
        let axes = cells.records.axes.iter().map(|axis| axis.name.clone());
        let by: Vec<String> = axes.filter(|axis| axis != REPLICATE).collect();
        return Ok(vec![summary(&cells.records, &by, call.args.text("metric")?, REPLICATE)?]);
    };
    let list = given.clone().try_cast::<Array>();
    let tables = list.as_ref().and_then(|list| {
        list.iter()
            .map(|value| value.clone().try_cast::<ScriptTable>().map(|table| table.table().clone()))
            .collect::<Option<Vec<_>>>()
    });
    tables.ok_or_else(|| {
        Error::usage(format!("write: expected a list of tables, found a {}", given.type_name()))
            .hint("report::write(\"name\", cells, [cells.summary(...), ...], #{ plot: \"bars\" })")
    })
}

/// How much the numbers rest on, in a sentence.
fn scale(records: &Records, params: &[(String, String)]) -> String {
    let axes: Vec<String> =
        records.axes.iter().map(|axis| format!("{} {}", axis.levels.len(), axis.name)).collect();
    let replicates = records.axes.iter().find(|axis| axis.name == REPLICATE);
    let n = replicates.map_or(1, |axis| axis.levels.len());
    let scale = params
        .iter()
        .find(|(name, _)| name == "scale")
        .map(|(_, value)| format!("Scale {value}. "))
        .unwrap_or_default();
    format!(
        "{scale}{} cells: {}. Every mean is over n = {n} independent source networks.",
        records.rows.len(),
        axes.join(" x ")
    )
}
