//! `why(x)`: the derivation of a handle or a result.

use crate::attack::{Inversion, Perturbed};
use crate::error::{Error, Result};
use crate::evaluate::Evaluation;
use crate::lineage::{Derived, Lineage};
use crate::metric::FeatureDiagnostics;
use crate::registry::{Example, Home, Kind, Param, Spec};
use crate::script::binding::{Binder, Call};
use crate::script::value::handle;
use crate::train::TrainReport;
use crate::transfer::Transferred;
use rhai::Dynamic;
use std::rc::Rc;

const WHY: Spec = Spec {
    name: "why",
    home: Home::Global,
    doc: "The derivation of a handle or a result, as a tree. It tells what was asked for, with \
          every option after defaults, and the address of each step.",
    inputs: &[Param::input("x", Kind::Any, "A dataset, attack, model or result.")],
    params: &[],
    returns: "text",
    example: Example {
        code: "why(attack::pgd()).split(\"\\n\")[0].sub_string(0, 14)",
        shows: "attack::pgd v1",
    },
    cite: "",
    version: 1,
};

/// Binds `why`.
pub fn bind(binder: &mut Binder) {
    binder.function(&WHY, |call: Call| {
        let derivation = call.inputs.first().map_or_else(|| Err(unknown("nothing")), lineage);
        call.at(derivation).map(|lineage| Dynamic::from(lineage.to_string()))
    });
}

fn unknown(found: &str) -> Error {
    Error::usage(format!("why: expected a handle or a result, found {found}"))
        .hint("plain values have no derivation")
}

/// The derivation of a script value.
fn lineage(value: &Dynamic) -> Result<Rc<Lineage>> {
    fn of<T: Clone + 'static>(value: &Dynamic) -> Option<Rc<Lineage>> {
        value.read_lock::<Derived<T>>().map(|derived| derived.lineage.clone())
    }
    handle(value)
        .map(|handle| handle.lineage())
        .or_else(|| of::<TrainReport>(value))
        .or_else(|| of::<Evaluation>(value))
        .or_else(|| of::<Transferred>(value))
        .or_else(|| of::<FeatureDiagnostics>(value))
        .or_else(|| of::<Inversion>(value))
        .or_else(|| of::<Perturbed>(value))
        .ok_or_else(|| unknown(value.type_name()))
}
