//! Laws over all entries: names, documentation, citations, defaults.

use crate::examples::session;
use libtest_mimic::{Failed, Trial};
use rtscript::registry::{Default, Home, Kind, Param, Spec};
use rtscript::script::{Reference, manual};
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
        law("the_summary_is_a_hint_of_one_line", summaries),
        law("lengths_say_that_they_are_in_pixels", units),
        law("what_follows_a_paper_cites_it_with_its_year", citations),
        whole("words_in_quotes_exist", quoted_words),
        whole("every_kind_of_value_is_known_and_has_a_source", kinds),
    ]
}

/// A law over the whole reference.
fn whole(name: &str, check: fn(&Reference) -> Vec<String>) -> Trial {
    Trial::test(format!("registry::{name}"), move || {
        let folder = tempfile::tempdir()?;
        let wrong = check(session(folder.path()).reference());
        if wrong.is_empty() { Ok(()) } else { Err(Failed::from(wrong.join("\n"))) }
    })
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
        (Kind::Float { min, max } | Kind::Floats { min, max }, Default::Float(value)) => {
            (min..=max).contains(&value)
        }
        (Kind::Floats { min, max }, Default::Floats(values)) => {
            values.iter().all(|value| (min..=max).contains(value))
        }
        (Kind::Choice(words) | Kind::Either { words, .. }, Default::Text(value)) => {
            words.contains(&value)
        }
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

/// The most characters of a summary: with the name before it, a line of a terminal.
const LINE: usize = 100;

fn summaries(spec: &Spec) -> Vec<String> {
    let (summary, details) = (spec.summary(), spec.details());
    let mut wrong = Vec::new();
    if summary.chars().count() > LINE || summary.contains('\n') {
        wrong.push(format!("the first sentence is longer than a line: {summary}"));
    }
    let begins = |c: char| c.is_uppercase() || c.is_ascii_digit() || c == '`';
    if !details.is_empty() && !details.starts_with(begins) {
        wrong.push(format!("the first sentence stops within: {summary}"));
    }
    wrong
}

fn units(spec: &Spec) -> Vec<String> {
    let lengths = ["eps", "step_size", "sigma", "size"];
    let wrong = all_params(spec)
        .filter(|param| lengths.contains(&param.name) && !param.doc.contains("pixel"));
    wrong.map(|param| format!("{} names no unit: {}", param.name, param.doc)).collect()
}

fn citations(spec: &Spec) -> Vec<String> {
    let published = matches!(spec.home, Home::Namespace("dataset" | "model" | "transfer"));
    let names_authors = spec.doc.contains("et al.") || spec.doc.contains("library");
    let mut wrong = Vec::new();
    if spec.cite.is_empty() && (published || names_authors) {
        wrong.push("no citation".to_owned());
    }
    let mut numbers = spec.cite.split(|c: char| !c.is_ascii_digit());
    let year = |text: &str| text.len() == 4 && (text.starts_with("19") || text.starts_with("20"));
    if !spec.cite.is_empty() && !numbers.any(year) {
        wrong.push(format!("the citation has no year: {}", spec.cite));
    }
    wrong
}

/// Names in backquotes are those of entries, options or kinds; single words in double quotes are
/// choices or entries.
fn quoted_words(reference: &Reference) -> Vec<String> {
    let specs = &reference.specs;
    let mut names: BTreeSet<String> = specs.iter().map(|spec| spec.path()).collect();
    let mut words: BTreeSet<String> = BTreeSet::new();
    for spec in specs {
        words.insert(spec.name.to_owned());
        for param in all_params(spec) {
            names.insert(param.name.to_owned());
            if let Kind::Choice(choices) | Kind::Either { words: choices, .. } = param.kind {
                words.extend(choices.iter().map(|word| (*word).to_owned()));
            }
        }
    }
    names.extend(words.iter().cloned());
    names.extend(manual::OWN.iter().chain(manual::PLAIN).map(|kind| kind.name.to_owned()));
    let is_name = |text: &&str| text.chars().all(|c| c.is_alphanumeric() || "_:.".contains(c));
    let is_word = |text: &&str| text.chars().all(|c| c.is_alphanumeric() || c == '_');
    let mut wrong = Vec::new();
    for spec in specs {
        for text in all_params(spec).map(|param| param.doc).chain([spec.doc]) {
            let named = text.split('`').skip(1).step_by(2).filter(is_name);
            let unknown = named.filter(|name| !names.contains(*name));
            wrong.extend(unknown.map(|name| format!("{}: `{name}` is nothing", spec.path())));
            let quoted = text.split('"').skip(1).step_by(2).filter(is_word);
            let unknown = quoted.filter(|word| !words.contains(*word));
            wrong.extend(unknown.map(|word| format!("{}: \"{word}\" is nothing", spec.path())));
        }
    }
    wrong
}

fn kinds(reference: &Reference) -> Vec<String> {
    let own: BTreeSet<&str> = manual::OWN.iter().map(|kind| kind.name).collect();
    let plain: BTreeSet<&str> = manual::PLAIN.iter().map(|kind| kind.name).collect();
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for spec in &reference.specs {
        if !plain.contains(spec.returns) {
            named.insert(spec.returns);
        }
        if let Home::Method(kind) | Home::Property(kind) = spec.home
            && kind != "handle"
            && !plain.contains(kind)
        {
            named.insert(kind);
        }
        for param in all_params(spec) {
            match param.kind {
                Kind::Handle(kind) | Kind::Handles(kind) => {
                    named.insert(kind);
                }
                Kind::Either { kinds, .. } => named.extend(kinds),
                _ => {}
            }
        }
    }
    let unknown = named.difference(&own);
    wrong.extend(unknown.map(|kind| format!("the manual does not say what a {kind} is")));
    let unused = own.difference(&named);
    wrong.extend(unused.map(|kind| format!("no entry gives or takes a {kind}")));
    wrong
}
