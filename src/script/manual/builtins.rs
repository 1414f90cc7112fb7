//! Rhai's own functions, as its packages describe them.

use super::document::{Block, Chapter, Section};
use crate::script::callable::Callable;
use crate::script::reference::Reference;
use std::collections::BTreeMap;

/// Kinds of first arguments that get a section, and its heading.
const SECTIONS: &[(&str, &str)] = &[
    ("text", "Texts"),
    ("list", "Lists"),
    ("map", "Maps"),
    ("number", "Numbers"),
    ("range", "Ranges"),
    ("function", "Functions as values"),
    ("", "Without arguments"),
];

/// What is reached by other means, or means nothing to a script.
const HIDDEN: &[&str] = &[
    "print",
    "debug",
    "to_debug",
    "to_string",
    "sleep",
    "exit",
    "get_fn_metadata_list",
    "blob",
    "to_blob",
];

/// The chapter: one section per kind of the first argument.
pub fn chapter(reference: &Reference) -> Chapter {
    let lead = "What the language brings along, by the kind of the first argument. Each can be \
                called as a method, `list.push(x)`, or as a function, `push(list, x)`. The \
                descriptions are Rhai's; the Rhai book has the details: \
                [rhai.rs/book](https://rhai.rs/book/).";
    let section = |(kind, title): &(&str, &str)| Section {
        anchor: if kind.is_empty() { "rhai.none".to_owned() } else { format!("rhai.{kind}") },
        title: (*title).to_owned(),
        blocks: vec![Block::Table(&["call", "what it does"], rows(reference, kind))],
        articles: Vec::new(),
    };
    Chapter {
        anchor: "rhai".to_owned(),
        title: "Rhai's own functions".to_owned(),
        blocks: vec![Block::Text(lead.to_owned())],
        sections: SECTIONS.iter().map(section).collect(),
    }
}

/// One row per name that Rhai describes.
fn rows(reference: &Reference, kind: &str) -> Vec<Vec<String>> {
    let mut names: BTreeMap<&str, Vec<&Callable>> = BTreeMap::new();
    let chosen = reference.callables.iter().filter(|callable| {
        callable.of_rhai
            && callable.namespace.is_empty()
            && callable.receiver() == kind
            && !HIDDEN.contains(&callable.name.as_str())
            && !callable.name.starts_with('_')
    });
    for callable in chosen {
        names.entry(&callable.name).or_default().push(callable);
    }
    names.values().filter_map(|callables| row(callables)).collect()
}

/// One call per number of arguments, that with texts before that with characters, and its
/// description.
fn row(callables: &[&Callable]) -> Option<Vec<String>> {
    let count = |callable: &Callable| callable.arguments.len();
    let with_character =
        |callable: &Callable| callable.arguments.iter().any(|(_, kind)| kind == "character");
    let mut ordered = callables.to_vec();
    ordered.sort_by_key(|callable| (count(callable), !callable.property, with_character(callable)));
    ordered.dedup_by_key(|callable| count(callable));
    let mut summaries = ordered.iter().map(|callable| callable.summary.as_str());
    let summary = summaries.find(|text| !text.is_empty())?;
    let calls: Vec<String> =
        ordered.iter().map(|callable| format!("`{}`", call(callable))).collect();
    Some(vec![calls.join(", "), summary.to_owned()])
}

fn call(callable: &Callable) -> String {
    let receiver = match callable.receiver() {
        "" => String::new(),
        kind => format!("{kind}."),
    };
    if callable.property {
        return format!("{receiver}{}", callable.name);
    }
    let rest = callable.arguments.iter().skip(1);
    let rest: Vec<&str> = rest.map(|(name, _)| name.as_str()).collect();
    format!("{receiver}{}({})", callable.name, rest.join(", "))
}
