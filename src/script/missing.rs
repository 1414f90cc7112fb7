//! What a script names that is not there: functions, methods, operators and properties, with the
//! facts of the values at hand and the name that was probably meant.

use super::bundle::printed;
use super::reference::Reference;
use super::run::Run;
use super::token::{Token, pieces};
use crate::error::nearest;
use crate::registry::one;
use rhai::{Dynamic, Engine, EvalAltResult};
use std::cell::RefCell;
use std::rc::Rc;

/// A call that failed, as Rhai's hook sees it: the hook runs for every native call with an error,
/// so that only the error itself tells whether the function was missing.
#[derive(Debug, Clone, Default)]
pub struct Failed {
    name: String,
    method: bool,
    kinds: Vec<String>,
    facts: Vec<String>,
}

/// Lets `engine` remember in `run` what the last failed call was given.
pub fn install(engine: &mut Engine, run: &Rc<RefCell<Run>>) {
    let run = run.clone();
    #[expect(
        deprecated,
        reason = "marked so because it may change; nothing else sees the arguments"
    )]
    engine.on_missing_function(move |name, arguments, method, context| {
        let engine = context.engine();
        let failed = Failed {
            name: name.to_owned(),
            method,
            kinds: arguments.iter().map(|value| kind(engine, value).to_owned()).collect(),
            facts: facts(engine, arguments),
        };
        if let Ok(mut run) = run.try_borrow_mut() {
            run.failed = failed;
        }
        Ok(None)
    });
}

/// The kind of a value, as entries name it.
pub fn kind<'a>(engine: &'a Engine, value: &'a Dynamic) -> &'a str {
    match engine.map_type_name(value.type_name()) {
        "i64" | "f64" => "number",
        "string" | "char" => "text",
        "array" => "list",
        "bool" => "truth",
        "()" => "nothing",
        name => name,
    }
}

/// Rhai's error of a function that is not there, in our words; `failed` is the last failed call.
pub fn function(reference: &Reference, signature: &str, failed: &Failed) -> (String, Vec<String>) {
    let name = signature.split([' ', '(']).next().unwrap_or(signature);
    if failed.name != name {
        let hints = near_function(reference, name).into_iter().collect();
        return (format!("function not found: {signature}"), hints);
    }
    let kinds = &failed.kinds;
    let (message, hint) = match kinds.split_first() {
        _ if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
            (format!("{name}: does not apply to {}", kinds.join(" and ")), None)
        }
        Some((receiver, rest)) if failed.method => method(reference, receiver, name, rest.len()),
        _ => {
            let message = format!("function not found: {name} ({})", kinds.join(", "));
            (message, near_function(reference, name))
        }
    };
    (message, hint.into_iter().chain(failed.facts.iter().cloned()).collect())
}

fn method(
    reference: &Reference,
    receiver: &str,
    name: &str,
    arguments: usize,
) -> (String, Option<String>) {
    let members = reference.members(receiver);
    if let Some(spec) = members.iter().find(|spec| spec.name == name) {
        let expected = spec.inputs.len();
        let message =
            format!("{receiver}.{name}: expected {expected} argument(s), found {arguments}");
        return (message, Some(format!("usage: {}", spec.signature())));
    }
    let names = members.iter().map(|spec| spec.name).chain(reference.of_rhai(receiver));
    let hint = nearest(name, names).map(|near| format!("did you mean {near}?"));
    (format!("{receiver}.{name}: {} has no method {name}", one(receiver)), hint)
}

fn near_function(reference: &Reference, name: &str) -> Option<String> {
    let all = reference.function_names();
    let bare = |path: &str| path.rsplit([':', '.']).next().unwrap_or(path).to_owned();
    if let Some(path) = all.iter().find(|path| path.contains("::") && bare(path) == name) {
        return Some(format!("did you mean {path}?"));
    }
    let near = nearest(name, all.iter().map(String::as_str)).map(str::to_owned);
    let near =
        near.or_else(|| all.iter().find(|path| nearest(name, [&*bare(path)]).is_some()).cloned());
    near.map(|near| format!("did you mean {near}?"))
}

/// What each value is, so that shapes and types can be compared at a glance.
fn facts(engine: &Engine, values: &[&mut Dynamic]) -> Vec<String> {
    let simple =
        |value: &Dynamic| value.is_int() || value.is_float() || value.is_bool() || value.is_unit();
    let telling = values.iter().filter(|value| !simple(value));
    let fact = |value: &&mut Dynamic| {
        if let Some(list) = value.read_lock::<rhai::Array>() {
            return format!("found list: {} values", list.len());
        }
        let text = printed(engine, value);
        let line: String = text.lines().next().unwrap_or("").chars().take(90).collect();
        format!("found {}: {line}", kind(engine, value))
    };
    telling.take(4).map(fact).collect()
}

/// The message and the hint for a key that a map does not have: Rhai does not show the map, but
/// most keys are written in the text.
pub fn key(name: &str, source: &str) -> (String, Vec<String>) {
    let pieces = pieces(source);
    let keys = pieces
        .windows(2)
        .filter(|pair| pair[0].token == Token::Name && matches!(pair[1].text(source), ":" | "="));
    let near = nearest(name, keys.map(|pair| pair[0].text(source)).filter(|key| *key != name));
    let hint = near.map(|near| format!("did you mean {near}?"));
    (format!("there is no property {name} in this map"), hint.into_iter().collect())
}

/// Rhai's error of a property that a type does not have, in our words.
pub fn property(reference: &Reference, error: &EvalAltResult) -> Option<(String, Vec<String>)> {
    let EvalAltResult::ErrorDotExpr(text, _) = error else { return None };
    let name = text.strip_prefix("Unknown property '")?.split('\'').next()?;
    let kind = text.rsplit("type '").next()?.trim_end_matches('\'');
    let members = reference.members(kind);
    let names: Vec<&str> = members.iter().map(|spec| spec.name).collect();
    let mut hints = Vec::new();
    if let Some(near) = nearest(name, names.iter().copied()) {
        hints.push(format!("did you mean {near}?"));
    }
    if !names.is_empty() {
        hints.push(format!("{} has {}", one(kind), names.join(", ")));
    }
    Some((format!("{kind}.{name}: {} has no property {name}", one(kind)), hints))
}
