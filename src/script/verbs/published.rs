//! Published numbers in scripts.

use super::cells::Cells;
use super::results::property;
use crate::error::Result;
use crate::lineage::Lineage;
use crate::published::{FILTERS, PUBLISHED, Selection};
use crate::registry::{Example, Home, Kind, Param, Spec, Value};
use crate::script::binding::{Binder, Call};
use crate::script::value::from_value;
use rhai::{Array, Dynamic, ImmutableString};
use serde_json::Value as Json;
use std::rc::Rc;

const VALUE: Spec = Spec {
    name: "value",
    home: Home::Method("records"),
    doc: "The one number that the options leave. An error says in which columns several differ.",
    inputs: &[],
    params: &FILTERS,
    returns: "number",
    example: Example {
        code: "let robust = published::table(#{ study: \"eps_sweep_mean3\", eps: 3, mode: \"fixed\" });\n\
               robust.value(#{ arch: \"resnet50\", dataset: \"CIFAR-10\" })",
        shows: "94.77",
    },
    cite: "",
    version: 1,
};
const SELECT: Spec = Spec {
    name: "select",
    home: Home::Method("records"),
    doc: "Those of these numbers that the options leave.",
    inputs: &[],
    params: &FILTERS,
    returns: "records",
    example: Example {
        code: "let sweep = published::table(#{ study: \"eps_sweep_mean3\" });\n\
               sweep.select(#{ arch: \"resnet18\", dataset: \"Cars\", mode: \"full\" }).len",
        shows: "10",
    },
    cite: "",
    version: 1,
};
const CELLS: Spec = Spec {
    name: "cells",
    home: Home::Method("records"),
    doc: "The numbers as cells of a grid over some columns, for statistics and plots. Their metric \
          is `value`.",
    inputs: &[Param::input("by", Kind::Texts, "The columns, each an axis.")],
    params: &[],
    returns: "cells",
    example: Example {
        code: "let sweep = published::table(#{ study: \"eps_sweep_mean3\", mode: \"full\", eps: [0, 3] });\n\
               sweep.cells([\"eps\", \"dataset\", \"arch\"]).len",
        shows: "96",
    },
    cite: "",
    version: 1,
};

const LEVELS: Spec = Spec {
    name: "levels",
    home: Home::Method("records"),
    doc: "The names in a column, in the order of the file.",
    inputs: &[Param::input(
        "column",
        Kind::Text,
        "A column, as the options of `published::table` are named.",
    )],
    params: &[],
    returns: "list",
    example: Example {
        code: "published::table(#{ study: \"linf_eps_sweep\" }).levels(\"eps\")",
        shows: "[\"0\", \"0.5/255\", \"1/255\", \"2/255\", \"4/255\", \"8/255\"]",
    },
    cite: "",
    version: 1,
};

macro_rules! reproduction {
    ($read:literal) => {
        concat!(
            "let found = published::table(#{ study: \"repro_ponyli_l2\", arch: \"resnet18\", ",
            "dataset: \"CIFAR-10\", mode: \"fixed\", eps: [0, 3] });\n",
            $read
        )
    };
}

/// Binds the table of published numbers and what a selection can do.
pub fn bind(binder: &mut Binder) {
    for entry in PUBLISHED {
        binder.function(&entry.spec, |call: Call| {
            call.at((entry.build)(&call.args)).map(Dynamic::from)
        });
    }
    binder.method::<Selection>(&VALUE, |call: Call| {
        let found: Selection = call.receiver()?;
        let value = found.filtered(&call.args).and_then(|one| one.value());
        call.at(value).map(Dynamic::from)
    });
    binder.method::<Selection>(&SELECT, |call: Call| {
        let found: Selection = call.receiver()?;
        call.at(found.filtered(&call.args)).map(Dynamic::from)
    });
    binder.method::<Selection>(&CELLS, |call: Call| {
        let found: Selection = call.receiver()?;
        let cells = || cells(&found, &call.args.texts("by")?);
        call.at(cells()).map(Dynamic::from)
    });
    binder.method::<Selection>(&LEVELS, |call: Call| {
        let found: Selection = call.receiver()?;
        let levels = call.args.text("column").and_then(|column| found.levels(column));
        call.at(levels)
            .map(|levels| levels.into_iter().map(Dynamic::from).collect::<Array>().into())
    });
    properties(binder);
    let engine = binder.engine();
    engine.register_type_with_name::<Selection>("records");
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |found: &mut Selection| {
            ImmutableString::from(found.table().to_string())
        });
    }
}

fn properties(binder: &mut Binder) {
    binder.property(
        property!(
            "records",
            "len",
            "number",
            "How many numbers there are.",
            "published::table(#{ study: \"table1_arxiv\" }).len",
            "48"
        ),
        |found: &mut Selection| found.rows().len() as i64,
    );
    binder.property(
        property!(
            "records",
            "values",
            "list",
            "The numbers, in the order of the file.",
            reproduction!("found.values"),
            "[73.72, 90.97]"
        ),
        |found: &mut Selection| -> Array {
            found.rows().iter().map(|row| Dynamic::from(row.value)).collect()
        },
    );
    binder.fallible_property(
        property!(
            "records",
            "rows",
            "list",
            "The numbers as maps: a key per column, `value` and `source`; at most 1,000.",
            reproduction!("[found.rows[1].eps, found.rows[1].value]"),
            "[3.0, 90.97]"
        ),
        |found: &Selection| -> Result<Array> {
            Ok(found.maps()?.into_iter().map(|map| from_value(Value::Map(map))).collect())
        },
    );
    binder.fallible_property(
        property!(
            "records",
            "sha256",
            "text",
            "The SHA-256 of the numbers as CSV with their sources.",
            reproduction!("found.sha256.len"),
            "64"
        ),
        Selection::sha256,
    );
    binder.property(
        property!(
            "records",
            "sources",
            "list",
            "Where the numbers were printed.",
            reproduction!("found.sources.len"),
            "1"
        ),
        |found: &mut Selection| -> Array {
            found.sources().into_iter().map(Dynamic::from).collect()
        },
    );
}

/// Cells whose derivation is where their numbers were printed.
fn cells(found: &Selection, by: &[String]) -> Result<Cells> {
    let records = Rc::new(found.cells(by)?);
    let options = found.sources().into_iter().enumerate();
    let options =
        options.map(|(place, source)| (format!("source {}", place + 1), Json::from(source)));
    let lineages = PUBLISHED.iter().map(|entry| {
        let spec = &entry.spec;
        let lineage =
            Lineage::new(spec.path(), spec.version, options.clone().collect(), Default::default());
        (spec.path(), lineage)
    });
    Ok(Cells { records, lineages: Rc::new(lineages.collect()) })
}
