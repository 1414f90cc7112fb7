//! Statistics: of lists of numbers, and of the cells of a sweep.

use super::cells::Cells;
use super::tables::ScriptTable;
use crate::error::Error;
use crate::registry::Value;
use crate::script::binding::{Binder, Call};
use crate::script::value::from_value;
use crate::stats::{self, CELLS_MEAN, NESTED_GAINS, STATISTICS, SUMMARY, TABLES};
use rhai::Dynamic;

/// Binds both, and `cells.summary`, `cells.mean` and `cells.nested_gains`.
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
    binder.method::<Cells>(&CELLS_MEAN, |call: Call| {
        let cells: Cells = call.receiver()?;
        let mean = || {
            let Value::Map(levels) = call.args.value("levels")? else {
                let found = call.args.value("levels")?.found();
                return Err(Error::usage(format!("mean: expected a map of levels, found {found}"))
                    .hint("cells.mean(\"accuracy\", #{ arm: \"pgd\" })"));
            };
            stats::cells_mean(&cells.records, call.args.text("metric")?, levels)
        };
        call.at(mean()).map(|found| found.map_or(Dynamic::UNIT, Dynamic::from))
    });
    binder.method::<Cells>(&NESTED_GAINS, |call: Call| {
        let cells: Cells = call.receiver()?;
        call.at(stats::nested_gains(&cells.records, &call.args)).map(from_value)
    });
}
