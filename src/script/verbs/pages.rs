//! `report::page`: a study that is no sweep as one HTML page, tables and pictures.

use super::plots::ScriptPlot;
use super::reports::{figure, page, prepared};
use super::tables::ScriptTable;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::plot;
use crate::registry::{Example, Home, Kind, Param, Spec};
use crate::report::{Part, html, tables_csv};
use crate::script::binding::{Binder, Call};
use crate::script::run::Run;
use crate::script::value::to_value;
use crate::store;
use rhai::{Array, Dynamic, ImmutableString};
use std::cell::RefCell;
use std::rc::Rc;

const PAGE: Spec = Spec {
    name: "page",
    home: Home::Namespace("report"),
    doc: "Writes tables, plots and words as one page, in their order. NAME.html is the page, without \
          external resources; NAME.csv has the cells of its tables, one a line; NAME_1.svg and \
          NAME_1.png the first picture, and so on. A text is a paragraph, or a heading where it \
          begins with `# `. Prints where. The same parts give the same bytes.",
    inputs: &[
        Param::input("name", Kind::Text, "Name of the files."),
        Param::input("parts", Kind::Any, "A list of tables, plots and texts."),
    ],
    params: &[],
    returns: "text",
    example: Example {
        code: "let gains = report::table(\"gains\", [\"set\", \"points\"], [[\"Cars\", 1.5]]);\n\
               report::page(\"gains\", [\"# Cars\", \"One gain.\", gains])",
        shows: "gains.html",
    },
    cite: "",
    version: 1,
};

/// Binds `report::page`.
pub fn bind(binder: &mut Binder, context: &Context, run: &Rc<RefCell<Run>>) {
    let (context, run) = (context.clone(), run.clone());
    binder.function(&PAGE, move |call: Call| {
        let written = write(&context, &run.borrow(), &call);
        call.at(written).map(Dynamic::from)
    });
}

fn write(context: &Context, run: &Run, call: &Call) -> Result<String> {
    let name = call.args.text("name")?;
    let (parts, plots) = parts(call.inputs.get(1))?;
    let tables = tables_csv(parts.iter().filter_map(Part::table))?;
    let folder = prepared("page", run, name)?;
    let put = |file: String, bytes: &[u8]| store::write(&folder.join(file), bytes);
    for (place, plot) in plots.iter().enumerate() {
        let scene = &plot.plot().scene;
        let stem = format!("{name}_{}", place + 1);
        put(format!("{stem}.svg"), plot::svg(scene)?.as_str().as_bytes())?;
        put(format!("{stem}.png"), &plot::png(scene)?)?;
    }
    put(format!("{name}.csv"), tables.as_bytes())?;
    put(format!("{name}.html"), html(&page(context, run, name, parts)).as_bytes())?;
    (run.print)(&format!("report: {}", folder.join(format!("{name}.html")).display()));
    Ok(format!("{name}.html"))
}

/// What the list holds, and the plots among it.
fn parts(given: Option<&Dynamic>) -> Result<(Vec<Part>, Vec<ScriptPlot>)> {
    let unfit = |found: &Dynamic| {
        let found = to_value(found, Kind::Any).found();
        Error::usage(format!("page: expected a list of tables, plots and texts, found {found}"))
            .at_key("parts")
            .hint("report::page(\"name\", [\"# Heading\", table, plot])")
    };
    let given = given.cloned().unwrap_or(Dynamic::UNIT);
    let (mut parts, mut plots) = (Vec::new(), Vec::new());
    for item in given.read_lock::<Array>().ok_or_else(|| unfit(&given))?.iter() {
        if let Some(table) = item.read_lock::<ScriptTable>() {
            parts.push(Part::Table(table.table().clone()));
        } else if let Some(plot) = item.read_lock::<ScriptPlot>() {
            parts.push(figure(&plot)?);
            plots.push(plot.clone());
        } else if let Some(text) = item.read_lock::<ImmutableString>() {
            parts.push(match text.strip_prefix("# ") {
                Some(heading) => Part::Heading(heading.to_owned()),
                None => Part::Text(text.to_string()),
            });
        } else {
            return Err(unfit(item));
        }
    }
    Ok((parts, plots))
}
