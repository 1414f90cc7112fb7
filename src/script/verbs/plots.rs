//! Plots as script values: printing one tells what it shows, and saving writes its files.

use super::cells::Cells;
use super::reports::write_files;
use crate::error::Result;
use crate::plot::{self, PICTURES, PLOTS, Plot};
use crate::registry::{Example, Home, Kind, Param, Spec};
use crate::script::binding::{Binder, Call};
use crate::script::run::Run;
use rhai::{Dynamic, ImmutableString};
use std::cell::RefCell;
use std::rc::Rc;

const SAVE: Spec = Spec {
    name: "save",
    home: Home::Method("plot"),
    doc: "Writes the picture as NAME.png and NAME.svg beside the reports. Prints where. The same \
          picture gives the same bytes.",
    inputs: &[Param::input("name", Kind::Text, "Name of the files.")],
    params: &[],
    returns: "text",
    example: Example {
        code: "plot::images(dataset::digits().test.images(0..10)).save(\"digits\")",
        shows: "digits.png",
    },
    cite: "",
    version: 1,
};

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

/// Binds one function per kind of plot, and what a plot can do.
pub fn bind(binder: &mut Binder, run: &Rc<RefCell<Run>>) {
    for entry in PLOTS {
        binder.function(&entry.spec, move |call: Call| {
            let build = || {
                let cells: Cells = call.args.handle("cells")?;
                (entry.build)(&cells.records, &call.args)
            };
            call.at(build()).map(|plot| Dynamic::from(ScriptPlot::new(plot)))
        });
    }
    for entry in PICTURES {
        binder.function(&entry.spec, move |call: Call| {
            let plot = call.at((entry.build)(&call.args))?;
            Ok(Dynamic::from(ScriptPlot::new(plot)))
        });
    }
    let run = run.clone();
    binder.method::<ScriptPlot>(&SAVE, move |call: Call| {
        let plot: ScriptPlot = call.receiver()?;
        let saved = call.args.text("name").and_then(|name| save(plot.plot(), name, &run.borrow()));
        call.at(saved).map(Dynamic::from)
    });
    let engine = binder.engine();
    engine.register_type_with_name::<ScriptPlot>("plot");
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |plot: &mut ScriptPlot| {
            ImmutableString::from(plot.0.summary.as_str())
        });
    }
}

fn save(plot: &Plot, name: &str, run: &Run) -> Result<String> {
    let files = [
        ("svg", plot::svg(&plot.scene)?.as_str().as_bytes().to_vec()),
        ("png", plot::png(&plot.scene)?),
    ];
    write_files("save", run, name, &files)?;
    (run.print)(&format!("plot: {}", run.out.join(format!("{name}.png")).display()));
    Ok(format!("{name}.png"))
}
