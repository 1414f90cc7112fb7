//! Plots as script values: printing one tells what it shows.

use super::cells::Cells;
use crate::plot::{PLOTS, Plot};
use crate::script::binding::{Binder, Call};
use rhai::{Dynamic, ImmutableString};
use std::rc::Rc;

/// A plot as a script holds it.
#[derive(Clone)]
pub struct ScriptPlot(Rc<Plot>);

impl ScriptPlot {
    /// Wraps a plot.
    pub fn new(plot: Plot) -> Self {
        Self(Rc::new(plot))
    }

    /// The plot.
    pub fn plot(&self) -> &Plot {
        &self.0
    }
}

/// Binds one function per kind of plot.
pub fn bind(binder: &mut Binder) {
    for entry in PLOTS {
        binder.function(&entry.spec, move |call: Call| {
            let build = || {
                let cells: Cells = call.args.handle("cells")?;
                (entry.build)(&cells.records, &call.args)
            };
            call.at(build()).map(|plot| Dynamic::from(ScriptPlot::new(plot)))
        });
    }
    let engine = binder.engine();
    engine.register_type_with_name::<ScriptPlot>("plot");
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |plot: &mut ScriptPlot| {
            ImmutableString::from(plot.0.summary.as_str())
        });
    }
}
