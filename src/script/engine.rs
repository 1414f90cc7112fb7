//! The Rhai engine of a session: strict, without loopholes, with all entries bound.

use super::binding::Binder;
use super::failure::Failure;
use super::missing;
use super::reference::Reference;
use super::run::Run;
use super::verbs;
use crate::context::Context;
use crate::registry::{Example, Spec};
use rhai::{Engine, ImmutableString};
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
    engine.set_strict_variables(true);
    engine.set_fail_on_invalid_map_property(true);
    super::limits::install(&mut engine, context.interrupt.clone(), run);
    let sink = run.clone();
    engine.on_print(move |text| (sink.borrow().print)(text));
    let sink = run.clone();
    engine.on_debug(move |text, _, position| {
        (sink.borrow().print)(&format!("{position:?} {text}"));
    });
    super::builtins::install(&mut engine);
    engine.register_type_with_name::<Failure>("error");
    engine.register_fn("to_string", |failure: &mut Failure| failure.to_string());
    engine.register_fn("print", |failure: &mut Failure| failure.to_string());

    let mut binder = Binder::new(&mut engine, run.clone());
    binder.property(&MESSAGE, |failure: &mut Failure| ImmutableString::from(failure.to_string()));
    super::param::bind(&mut binder, run);
    verbs::bind(&mut binder, context, run);
    let specs = binder.finish();
    let (bounds, sources) = {
        let run = run.borrow();
        (run.bounds.clone(), run.texts.modules.clone())
    };
    super::modules::install(&mut engine, &bounds, &sources);
    missing::install(&mut engine, run);
    let reference = Reference::new(specs, &engine);
    (engine, reference)
}
