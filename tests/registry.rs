//! Laws over all entries: names, documentation, citations, defaults.

use crate::examples::session;
use libtest_mimic::{Failed, Trial};
use rtscript::registry::{Default, Home, Kind, Param, Spec};
use std::collections::BTreeSet;

/// Words that Rhai refuses as names or as keys of a map.
const RESERVED: &[&str] = &[
    "as",
    "async",
    "await",
    "break",
    "case",
    "catch",
    "const",
    "continue",
    "default",
    "do",
    "each",
    "else",
    "exit",
    "export",
    "false",
    "fn",
    "for",
    "go",
    "goto",
    "if",
    "import",
    "in",
    "is",
    "let",
    "loop",
    "match",
    "module",
    "new",
    "nil",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "shared",
    "spawn",
    "static",
    "super",
    "switch",
    "sync",
    "then",
    "this",
    "thread",
    "throw",
    "true",
    "try",
    "until",
    "use",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// The laws.
pub fn tests() -> Vec<Trial> {
    vec![
        law("names_are_snake_case_and_not_reserved", names),
        law("paths_are_unique", unique),
        law("documentation_is_a_sentence_and_parameters_have_one", documented),
        law("defaults_satisfy_their_own_parameter", defaults),
        law("every_random_entry_takes_a_seed_of_zero", seeds),
    ]
}

fn law(name: &str, check: fn(&Spec) -> Vec<String>) -> Trial {
    Trial::test(format!("registry::{name}"), move || {
        let folder = tempfile::tempdir()?;
        let specs = session(folder.path()).reference().specs.clone();
        let wrong: Vec<String> = specs
            .iter()
            .flat_map(|spec| check(spec).into_iter().map(|text| format!("{}: {text}", spec.path())))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(Failed::from(wrong.join("\n"))) }
    })
}

fn all_params(spec: &Spec) -> impl Iterator<Item = &Param> {
    spec.inputs.iter().chain(spec.params)
}

fn names(spec: &Spec) -> Vec<String> {
    let snake = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let namespace = match spec.home {
        Home::Namespace(name) | Home::Method(name) | Home::Property(name) => Some(name),
        Home::Global => None,
    };
    let named = all_params(spec).map(|param| param.name).chain([spec.name]).chain(namespace);
    named
        .filter(|name| !snake(name) || RESERVED.contains(name))
        .map(|name| format!("{name} is reserved or not snake case"))
        .collect()
}

fn unique(spec: &Spec) -> Vec<String> {
    let names: Vec<_> = all_params(spec).map(|param| param.name).collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    if distinct.len() == names.len() { Vec::new() } else { vec!["a parameter twice".to_owned()] }
}

fn documented(spec: &Spec) -> Vec<String> {
    let sentence = |text: &str| {
        text.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit() || c == '`')
            && text.trim_end().ends_with('.')
    };
    let mut wrong = Vec::new();
    if !sentence(spec.doc) {
        wrong.push("the documentation is no sentence".to_owned());
    }
    for param in all_params(spec).filter(|param| !sentence(param.doc)) {
        wrong.push(format!("the documentation of {} is no sentence: {}", param.name, param.doc));
    }
    if spec.example.code.is_empty() || spec.version == 0 {
        wrong.push("no example, or version 0".to_owned());
    }
    wrong
}

fn defaults(spec: &Spec) -> Vec<String> {
    let fits = |param: &&Param| match (param.kind, param.default) {
        (_, Default::Required | Default::Unset)
        | (Kind::Bool, Default::Bool(_))
        | (Kind::Text, Default::Text(_)) => true,
        (Kind::Int { min, max }, Default::Int(value)) => (min..=max).contains(&value),
        (Kind::Float { min, max }, Default::Float(value)) => (min..=max).contains(&value),
        (Kind::Choice(words), Default::Text(value)) => words.contains(&value),
        _ => false,
    };
    let wrong = all_params(spec).filter(|param| !fits(param));
    wrong
        .map(|param| format!("{}: {:?} is no {:?}", param.name, param.default, param.kind))
        .collect()
}

fn seeds(spec: &Spec) -> Vec<String> {
    let wrong =
        all_params(spec).filter(|param| param.name == "seed" && param.default != Default::Int(0));
    wrong.map(|_| "the default seed is not 0".to_owned()).collect()
}
