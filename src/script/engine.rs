//! The Rhai engine of a session: strict, without loopholes, with all entries bound.

use super::binding::Binder;
use super::failure::{Failure, raise};
use super::reference::Reference;
use super::run::Run;
use super::verbs;
use crate::context::Context;
use crate::error::Error;
use crate::registry::{Example, Spec};
use rhai::{Dynamic, Engine, ImmutableString, OptimizationLevel, Position};
use std::cell::RefCell;
use std::rc::Rc;

const MESSAGE: Spec = Spec::property(
    "error",
    "message",
    "text",
    "What went wrong, as `catch (e)` receives it.",
    Example {
        code: "let said = \"\";\ntry { attack::pgd(#{ eps: -1 }); } catch (e) { said = e.message; }\nsaid",
        shows: "pgd: eps must be >= 0, found -1",
    },
);

/// An engine for `context`; what its scripts print goes to the sink of `run`.
pub fn engine(context: &Context, run: &Rc<RefCell<Run>>) -> (Engine, Reference) {
    let mut engine = Engine::new();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    engine.set_max_expr_depths(128, 128);
    engine.set_max_call_levels(64);
    engine.disable_symbol("eval");

    let interrupt = context.interrupt.clone();
    engine.on_progress(move |_| {
        let error =
            Error::interrupted("interrupted").hint("run the same command again to continue");
        interrupt.is_requested().then(|| Dynamic::from(Failure(error)))
    });
    let sink = run.clone();
    engine.on_print(move |text| (sink.borrow().print)(text));
    let sink = run.clone();
    engine.on_debug(move |text, _, position| {
        (sink.borrow().print)(&format!("{position:?} {text}"));
    });
    // Rhai's own would not hear an interrupt.
    let refused = || -> Result<(), Box<rhai::EvalAltResult>> {
        Err(raise(Error::usage("sleep: scripts do not wait"), Position::NONE))
    };
    engine.register_fn("sleep", move |_: i64| refused());
    engine.register_fn("sleep", move |_: f64| refused());
    // Rhai writes 1e-9 as 0.000000001; the shortest text that reads back is shorter.
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |number: f64| ImmutableString::from(format!("{number:?}")));
    }
    engine.register_type_with_name::<Failure>("error");
    engine.register_fn("to_string", |failure: &mut Failure| failure.to_string());
    engine.register_fn("print", |failure: &mut Failure| failure.to_string());

    let mut binder = Binder::new(&mut engine, run.clone());
    binder.property(&MESSAGE, |failure: &mut Failure| ImmutableString::from(failure.to_string()));
    super::param::bind(&mut binder, run);
    verbs::bind(&mut binder, context, run);
    let specs = binder.finish();
    super::stdlib::install(&mut engine);
    let reference = Reference::new(specs, &engine);
    (engine, reference)
}
