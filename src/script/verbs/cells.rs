//! Sweeps and their cells: `sweep::grid`.

use super::constructors::handle_type;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::metric::Correctness;
use crate::registry::{Example, Handle, Home, Kind, Param, Spec, Value};
use crate::script::binding::{Binder, Call, Outcome};
use crate::script::failure::{Stop, stopped};
use crate::script::run::Run;
use crate::script::source;
use crate::script::value::{handle, to_value};
use crate::stats::{BETWEEN_NOTES, Metric, NOTES, REPLICATE, Records};
use crate::sweep::{Cell, Grid, Level, Shard};
use rhai::{Array, Dynamic, EvalAltResult, FnPtr, Map};
use serde_json::Value as Json;
use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The cells of a finished sweep as a script holds them.
#[derive(Clone)]
pub struct Cells {
    /// What the cells measured.
    pub records: Rc<Records>,
    /// The derivations of the levels that have one, by axis and label.
    pub lineages: Rc<Vec<(String, Rc<Lineage>)>>,
}

impl Handle for Cells {
    fn kind(&self) -> &'static str {
        "cells"
    }

    fn lineage(&self) -> Rc<Lineage> {
        let axes = self.records.axes.iter();
        let options = axes.map(|axis| (axis.name.clone(), Json::from(axis.levels.as_slice())));
        let inputs = self.lineages.iter().cloned().collect();
        Lineage::new(GRID.path(), GRID.version, options.collect(), inputs)
    }

    fn summary(&self) -> String {
        let axes = self.records.axes.iter();
        let axes: Vec<_> =
            axes.map(|axis| format!("{} {}", axis.levels.len(), axis.name)).collect();
        format!("cells: {} of {}", self.records.rows.len(), axes.join(" x "))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `sweep::grid(axes, cell)`.
pub const GRID: Spec = Spec {
    name: "grid",
    home: Home::Namespace("sweep"),
    doc: "Runs a function for every combination of some levels and collects what it returns. That \
          is a map of numbers, texts and per-image correctness. What its transfers note of themselves \
          is kept under `notes`, and every table of the cells repeats it. Cells run in the order of \
          their addresses; with --shard i/N this process does its share and stops. A cell whose training \
          diverges is kept with that status.",
    inputs: &[
        Param::input("axes", Kind::Any, "A map from axis to its levels, a list or a range."),
        Param::input("cell", Kind::Any, "A function of a map with one level of every axis."),
    ],
    params: &[],
    returns: "cells",
    example: Example {
        code: "let cells = sweep::grid(#{ b: [1, 2], a: 0..3 }, |c| #{ sum: c.a + c.b });\n\
               cells.len",
        shows: "6",
    },
    cite: "",
    version: 1,
};

const LEN: Spec = Spec::property(
    "cells",
    "len",
    "number",
    "The number of cells.",
    Example { code: "sweep::grid(#{ a: 0..3 }, |c| #{ b: c.a }).len", shows: "3" },
);
const AXES: Spec = Spec::property(
    "cells",
    "axes",
    "list",
    "The names of the axes, in the order of the source.",
    Example {
        code: "sweep::grid(#{ b: 0..2, a: 0..3 }, |c| #{ sum: c.a + c.b }).axes",
        shows: "[\"b\", \"a\"]",
    },
);

const CELL_NOTES: Spec = Spec::property(
    "cells",
    "notes",
    "list",
    "What results of the cells note of themselves, for `report::table` to repeat.\n\nA sentence each \
     with the number of cells. Tables that statistics make of the cells have them already; a table of \
     a script's own needs them among its `notes`.",
    Example {
        code: "let cells = sweep::grid(#{ a: 0..3 }, |c| #{ b: c.a, notes: \"a pilot\" });\n\
               cells.notes",
        shows: "[\"all cells: a pilot\"]",
    },
);

/// Binds the sweep and what its cells tell of themselves.
pub fn bind(binder: &mut Binder, context: &Context, run: &Rc<RefCell<Run>>) {
    let (under, running) = (context.clone(), run.clone());
    binder.function(&GRID, move |call| grid(&under, &running, &call));
    handle_type::<Cells>(binder, "cells");
    binder.property(&LEN, |cells: &mut Cells| cells.records.rows.len() as i64);
    binder.property(&CELL_NOTES, |cells: &mut Cells| -> Array {
        cells.records.notes().into_iter().map(Dynamic::from).collect()
    });
    binder.property(&AXES, |cells: &mut Cells| -> Array {
        cells.records.axes.iter().map(|axis| Dynamic::from(axis.name.clone())).collect()
    });
}

/// One axis as the script gave it.
struct Axis {
    name: String,
    values: Vec<Dynamic>,
}

fn grid(context: &Context, run: &Rc<RefCell<Run>>, call: &Call) -> Outcome {
    let (axes, function) = call.at(arguments(run, call))?;
    let (levels, lineages) = call.at(levels(&axes))?;
    let grid = call.at(Grid::new(levels))?;
    let shard = run.borrow().shard;
    let mut raised: Option<Box<EvalAltResult>> = None;
    let mut compute = |cell: &Cell| {
        let levels = axes.iter().zip(&cell.levels);
        let map: Map = levels
            .map(|(axis, level)| (axis.name.as_str().into(), axis.values[*level].clone()))
            .collect();
        let outer = std::mem::take(&mut run.borrow_mut().notes);
        let answer = function.call_within_context::<Dynamic>(call.context, (map,));
        let notes = std::mem::replace(&mut run.borrow_mut().notes, outer);
        let mut metrics = answer
            .map_err(|error| {
                let stop = stopped(&error);
                raised = Some(error);
                stop
            })
            .and_then(|answer| metrics(&answer))?;
        note(&mut metrics, notes);
        Ok(metrics)
    };
    let outer = {
        let mut run = run.borrow_mut();
        let seeds = axes.iter().any(|axis| axis.name == REPLICATE);
        std::mem::replace(&mut run.seed_axis, seeds)
    };
    let records = grid.run(context, shard, &mut compute);
    run.borrow_mut().seed_axis = outer;
    let records = match (records, raised) {
        (Ok(records), _) => records,
        (Err(error), Some(raised)) if stopped(&raised).to_string() == error.to_string() => {
            return Err(raised);
        }
        (Err(error), _) => return call.at(Err(error)),
    };
    if shard != Shard::WHOLE {
        let stop = Stop::ShardDone { done: records.rows.len(), of: grid.cells().len() };
        let stop =
            EvalAltResult::ErrorTerminated(Dynamic::from(stop), call.context.call_position());
        return Err(Box::new(stop));
    }
    Ok(Dynamic::from(Cells { records: Rc::new(records), lineages: Rc::new(lineages) }))
}

/// The axes in the order of the source, and the function of a cell.
fn arguments(run: &Rc<RefCell<Run>>, call: &Call) -> Result<(Vec<Axis>, FnPtr)> {
    let axes = call.inputs.first().and_then(|value| value.clone().try_cast::<Map>());
    let function = call.inputs.get(1).and_then(|value| value.clone().try_cast::<FnPtr>());
    let (Some(axes), Some(function)) = (axes, function) else {
        let found: Vec<String> =
            call.inputs.iter().map(|value| to_value(value, Kind::Any).found()).collect();
        return Err(Error::usage(format!(
            "grid: expected a map of axes and a function, found {}",
            found.join(" and ")
        ))
        .hint("sweep::grid(#{ arm: arms, seed: 0..3 }, |c| #{ accuracy: ... })"));
    };
    let place = run.borrow().texts.find(call.context.call_position()).and_then(|(text, place)| {
        let start = source::offset(&text.source, place)?;
        Some(source::keys(&text.source, start))
    });
    let written = place.unwrap_or_default();
    let place = |name: &str| written.iter().position(|(key, _)| key == name);
    let mut axes: Vec<Axis> = axes
        .into_iter()
        .map(|(name, levels)| Ok(Axis { values: values(&name, &levels)?, name: name.into() }))
        .collect::<Result<_>>()?;
    axes.sort_by_key(|axis| place(&axis.name));
    Ok((axes, function))
}

fn values(axis: &str, levels: &Dynamic) -> Result<Vec<Dynamic>> {
    if let Some(items) = levels.read_lock::<Array>() {
        return Ok(items.iter().map(Dynamic::flatten_clone).collect());
    }
    match to_value(levels, Kind::Ints) {
        Value::Ints(values) => Ok(values.into_iter().map(Dynamic::from).collect()),
        other => Err(Error::usage(format!(
            "grid: the axis {axis} expected a list or a range, found {}",
            other.found()
        ))
        .at_key(axis)),
    }
}

type Levels = Vec<(String, Vec<Level>)>;
type Lineages = Vec<(String, Rc<Lineage>)>;

fn levels(axes: &[Axis]) -> Result<(Levels, Lineages)> {
    let mut all = Vec::new();
    let mut lineages = Vec::new();
    for axis in axes {
        let mut levels = Vec::new();
        for value in &axis.values {
            let level = match handle(value) {
                Some(handle) => {
                    let lineage = handle.lineage();
                    let identity = Json::from(lineage.address().as_str());
                    lineages.push((format!("{} {}", axis.name, handle.label()), lineage));
                    Level { label: handle.label(), identity }
                }
                None => {
                    let label = value.to_string();
                    Level { identity: Json::from(label.as_str()), label }
                }
            };
            levels.push(level);
        }
        all.push((axis.name.clone(), levels));
    }
    Ok((all, lineages))
}

/// Adds what the results of a cell want to be known of them to what the cell says itself.
fn note(metrics: &mut BTreeMap<String, Metric>, notes: BTreeSet<String>) {
    let own = match metrics.get(NOTES) {
        Some(Metric::Text(own)) => Some(own.clone()),
        Some(_) => return,
        None => None,
    };
    let all: Vec<String> = own.into_iter().chain(notes).collect();
    if !all.is_empty() {
        metrics.insert(NOTES.to_owned(), Metric::Text(all.join(BETWEEN_NOTES)));
    }
}

/// What a cell's function returned.
fn metrics(answer: &Dynamic) -> Result<BTreeMap<String, Metric>> {
    let Some(map) = answer.read_lock::<Map>() else {
        let found = to_value(answer, Kind::Any).found();
        return Err(Error::usage(format!(
            "grid: expected the cell to return a map, found {found}"
        ))
        .hint("|c| #{ accuracy: ... }"));
    };
    map.iter()
        .map(|(name, value)| {
            let metric = if let Some(correct) = value.read_lock::<Correctness>() {
                Metric::Correct(correct.as_slice().to_vec())
            } else {
                match to_value(value, Kind::Any) {
                    Value::Int(number) => Metric::Number(number as f64),
                    Value::Float(number) => Metric::Number(number),
                    Value::Text(text) => Metric::Text(text),
                    Value::Bool(truth) => Metric::Text(truth.to_string()),
                    other => {
                        return Err(Error::usage(format!(
                            "grid: {name} expected a number, a text or correctness, found {}",
                            other.found()
                        )));
                    }
                }
            };
            Ok((name.to_string(), metric))
        })
        .collect()
}
