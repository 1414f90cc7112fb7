//! What scripts can call is what the entries tell, no more and no less: the engine's own list of
//! functions is compared with the entries.

use crate::examples::session;
use libtest_mimic::{Failed, Trial};
use rtscript::registry::{Home, Spec};
use rtscript::script::{Callable, Reference};
use std::collections::BTreeSet;

/// The laws.
pub fn tests() -> Vec<Trial> {
    vec![
        law("no_function_is_callable_that_is_no_entry", callable_is_documented),
        law("every_entry_is_callable_with_every_number_of_arguments", documented_is_callable),
        law("a_property_belongs_to_the_kinds_that_the_manual_names", properties),
    ]
}

fn law(name: &str, check: fn(&Reference) -> Vec<String>) -> Trial {
    Trial::test(format!("callables::{name}"), move || {
        let folder = tempfile::tempdir()?;
        let wrong = check(session(folder.path()).reference());
        if wrong.is_empty() { Ok(()) } else { Err(Failed::from(wrong.join("\n"))) }
    })
}

/// Functions that only refuse, in the place of one of Rhai's.
const REFUSED: &[&str] = &["sleep"];
/// How values become texts.
const CONVERSIONS: &[&str] = &["to_string", "print", "to_debug", "debug"];

/// How many arguments an entry is bound for: one more than it takes, so that a superfluous one
/// gets the entry's own message.
fn bound(spec: &Spec) -> std::ops::RangeInclusive<usize> {
    let receiver = usize::from(matches!(spec.home, Home::Method(_)));
    receiver..=receiver + spec.inputs.len() + 1
}

fn is_of(callable: &Callable, spec: &Spec) -> bool {
    let (space, property) = match spec.home {
        Home::Namespace(space) => (space, false),
        Home::Property(_) => ("", true),
        Home::Method(_) | Home::Global => ("", false),
    };
    callable.name == spec.name
        && callable.namespace == space
        && callable.property == property
        && (property || bound(spec).contains(&callable.arguments.len()))
}

fn callable_is_documented(reference: &Reference) -> Vec<String> {
    let own = reference.callables.iter().filter(|callable| !callable.of_rhai);
    let own: Vec<&Callable> = own.collect();
    assert!(own.len() > 100, "{}", own.len());
    let exempt = |callable: &Callable| {
        let name = callable.name.as_str();
        CONVERSIONS.contains(&name) && callable.arguments.len() == 1 || REFUSED.contains(&name)
    };
    let unknown = own.into_iter().filter(|callable| {
        !exempt(callable) && !reference.specs.iter().any(|spec| is_of(callable, spec))
    });
    unknown.map(|callable| format!("{callable:?} is no entry")).collect()
}

fn documented_is_callable(reference: &Reference) -> Vec<String> {
    let mut wrong = Vec::new();
    let called = reference.specs.iter().filter(|spec| !matches!(spec.home, Home::Property(_)));
    for spec in called {
        let found = reference.callables.iter().filter(|callable| is_of(callable, spec));
        let counts: BTreeSet<usize> = found.map(|callable| callable.arguments.len()).collect();
        let missing = bound(spec).filter(|count| !counts.contains(count));
        wrong.extend(missing.map(|count| format!("{} does not take {count}", spec.path())));
    }
    wrong
}

fn properties(reference: &Reference) -> Vec<String> {
    let mut wrong = Vec::new();
    let properties = reference.specs.iter().filter(|spec| matches!(spec.home, Home::Property(_)));
    for name in properties.map(|spec| spec.name).collect::<BTreeSet<_>>() {
        let getters = reference
            .callables
            .iter()
            .filter(|callable| callable.property && callable.name == name && !callable.of_rhai);
        let specs = reference.specs.iter().filter(|spec| spec.name == name);
        let told: usize = specs.map(|spec| reference.receivers(spec).len()).sum();
        let bound = getters.count();
        if bound != told {
            wrong.push(format!("{bound} kinds have the property {name}, {told} are told of"));
        }
    }
    wrong
}
