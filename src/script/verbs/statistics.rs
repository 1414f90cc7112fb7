//! Statistics: of lists of numbers, and of the cells of a sweep.

use super::cells::Cells;
use super::tables::ScriptTable;
use crate::error::{Error, Result};
use crate::registry::Value;
use crate::script::binding::{Binder, Call};
use crate::script::value::from_value;
use crate::stats::{
    self, CELLS_AT, CELLS_MEAN, CELLS_ONLY, NESTED_GAINS, STATISTICS, SUMMARY, TABLES,
};
use rhai::{Dynamic, Map};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Binds both, and the methods of cells.
pub fn bind(binder: &mut Binder) {
    for entry in STATISTICS {
        binder
            .function(&entry.spec, |call: Call| call.at((entry.build)(&call.args)).map(from_value));
    }
    for entry in TABLES {
        binder.function(&entry.spec, |call: Call| {
            let tabulate = || {
                let cells: Cells = call.args.handle("cells")?;
                let mut table = (entry.build)(&cells.records, &call.args)?;
                table.notes.extend(cells.records.notes());
                Ok(table)
            };
            call.at(tabulate()).map(|table| Dynamic::from(ScriptTable::new(table)))
        });
    }
    binder.method::<Cells>(&SUMMARY, |call: Call| {
        let cells: Cells = call.receiver()?;
        let summary = || {
            let by = call.args.texts("by")?;
            let replicate = call.args.text("replicate")?;
            stats::summary(&cells.records, &by, call.args.text("metric")?, replicate)
        };
        call.at(summary()).map(|table| Dynamic::from(ScriptTable::new(table)))
    });
    some_cells(binder);
}

/// Binds what scripts take from cells to go on with.
fn some_cells(binder: &mut Binder) {
    binder.method::<Cells>(&CELLS_MEAN, |call: Call| {
        let cells: Cells = call.receiver()?;
        let mean =
            || stats::cells_mean(&cells.records, call.args.text("metric")?, levels(&call, "mean")?);
        call.at(mean()).map(|found| found.map_or(Dynamic::UNIT, Dynamic::from))
    });
    binder.method::<Cells>(&CELLS_AT, |call: Call| {
        let cells: Cells = call.receiver()?;
        let at = || stats::cells_at(&cells.records, levels(&call, "at")?);
        let row = call.at(at())?;
        Ok(row.map_or(Dynamic::UNIT, |row| {
            let metrics = row.metrics.iter().filter_map(|(name, metric)| {
                Some((name.as_str().into(), from_value(stats::plain(metric)?)))
            });
            Dynamic::from(metrics.collect::<Map>())
        }))
    });
    binder.method::<Cells>(&CELLS_ONLY, |call: Call| {
        let cells: Cells = call.receiver()?;
        let only = || stats::cells_only(&cells.records, levels(&call, "only")?);
        let records = Rc::new(call.at(only())?);
        Ok(Dynamic::from(Cells { records, lineages: cells.lineages }))
    });
    binder.method::<Cells>(&NESTED_GAINS, |call: Call| {
        let cells: Cells = call.receiver()?;
        call.at(stats::nested_gains(&cells.records, &call.args)).map(from_value)
    });
}

/// The levels that a call of a method of cells names, by axis.
fn levels<'c>(call: &'c Call, method: &str) -> Result<&'c BTreeMap<String, Value>> {
    match call.args.value("levels")? {
        Value::Map(levels) => Ok(levels),
        other => {
            let found = other.found();
            Err(Error::usage(format!("{method}: expected a map of levels, found {found}"))
                .hint("#{ arm: \"pgd\" }"))
        }
    }
}
