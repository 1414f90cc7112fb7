//! What scripts can call: entries of the registries, and the verbs over them.

mod answers;
mod cells;
mod constructors;
mod datasets;
mod diagnostics;
mod inversions;
mod masking;
mod models;
mod perturbations;
mod pages;
mod plots;
mod published;
mod reports;
mod results;
mod splits;
mod statistics;
mod tables;
mod tensors;
mod trainings;
mod why;

pub use cells::{Cells, GRID};
pub use constructors::{by_name, names_of};
pub use models::captured_receiver;
pub use plots::ScriptPlot;
pub use tables::ScriptTable;
pub use tensors::ScriptTensor;

use super::binding::Binder;
use super::run::Run;
use crate::context::Context;
use std::cell::RefCell;
use std::rc::Rc;

/// Binds everything.
pub fn bind(binder: &mut Binder, context: &Context, run: &Rc<RefCell<Run>>) {
    constructors::bind(binder, context);
    datasets::bind(binder, context);
    splits::bind(binder);
    tensors::bind(binder);
    models::bind(binder, context, run);
    trainings::bind(binder);
    results::bind(binder);
    diagnostics::bind(binder, context);
    inversions::bind(binder, context);
    perturbations::bind(binder, context);
    masking::bind(binder, context);
    cells::bind(binder, context, run);
    statistics::bind(binder);
    published::bind(binder);
    tables::bind(binder);
    plots::bind(binder, run);
    reports::bind(binder, context, run);
    pages::bind(binder, context, run);
    why::bind(binder);
}
