//! What the manual says about one entry.

use super::document::{Article, Block};
use super::kinds;
use crate::registry::{Default, Home, Kind, Param, Spec};
use crate::script::reference::Reference;
use crate::script::verbs::names_of;

/// Where links to an entry lead: `attack.pgd`.
pub fn anchor(spec: &Spec) -> String {
    spec.path().replace("::", ".")
}

/// A link to an entry.
pub fn link(spec: &Spec) -> String {
    format!("[`{}`](#{})", spec.path(), anchor(spec))
}

/// A link to what the manual says about a kind of values.
pub fn link_to_kind(kind: &str) -> String {
    let own = kinds::OWN.iter().any(|known| known.name == kind);
    if own { format!("[{kind}](#type.{kind})") } else { format!("[{kind}](#plain)") }
}

/// The article of an entry; names of entries in its texts become links.
pub fn article(reference: &Reference, spec: &Spec) -> Article {
    let text = |text: &str| Block::Text(linked(reference, spec, text));
    let signature = match spec.home {
        Home::Property(_) => String::new(),
        _ => spec.signature(),
    };
    let mut blocks = vec![Block::Signature(signature, link_to_kind(spec.returns))];
    blocks.push(text(spec.summary()));
    blocks.extend(spec.details().split("\n\n").filter(|part| !part.is_empty()).map(text));
    let table = |head, params: &[Param]| {
        let rows = params.iter().map(|param| row(reference, spec, param)).collect();
        (!params.is_empty()).then_some(Block::Table(head, rows))
    };
    blocks.extend(table(&["argument", "takes", "default", "meaning"], spec.inputs));
    blocks.extend(table(&["option", "takes", "default", "meaning"], spec.params));
    blocks.push(Block::Code(spec.example.code.to_owned()));
    blocks.push(Block::Shows(spec.example.shows.to_owned()));
    blocks.extend(small(spec));
    let (title, short) = (spec.path(), spec.name.to_owned());
    Article { anchor: anchor(spec), title, short, blocks }
}

/// Citation and version; nothing to say of the first version of what follows nobody.
fn small(spec: &Spec) -> Option<Block> {
    let mut parts = Vec::new();
    if !spec.cite.is_empty() {
        parts.push(format!("Follows {}.", cited(spec.cite.trim_end_matches('.'))));
    }
    if !matches!(spec.home, Home::Property(_)) {
        parts.push(format!("Version {}.", spec.version));
    }
    (!parts.is_empty()).then(|| Block::Small(parts.join(" ")))
}

fn row(reference: &Reference, spec: &Spec, param: &Param) -> Vec<String> {
    let default = match param.default {
        Default::Required => "required".to_owned(),
        Default::Unset => "optional".to_owned(),
        _ => format!("`{}`", param.default_text()),
    };
    let meaning = linked(reference, spec, param.doc);
    vec![format!("`{}`", param.name), takes(param), default, meaning]
}

/// The values that a parameter takes, with range and choices.
fn takes(param: &Param) -> String {
    match param.kind {
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Int { min, max } => {
            let range = range(
                (min > i64::MIN).then(|| min.to_string()),
                (max < i64::MAX).then(|| max.to_string()),
            );
            format!("whole number{range}")
        }
        Kind::Float { min, max } => format!("number{}", interval(min, max)),
        Kind::Floats { min, max } => format!("number or list of numbers{}", interval(min, max)),
        Kind::Text => "text".to_owned(),
        Kind::File => "path".to_owned(),
        Kind::Choice(words) => quoted(words),
        Kind::Ints => "list or range of whole numbers".to_owned(),
        Kind::Handle(kind) => {
            let names = names_of(kind);
            let link = link_to_kind(kind);
            if names.is_empty() { link } else { format!("{link}, or its name: {}", quoted(&names)) }
        }
        Kind::Either { words, kinds } => {
            let words = words.iter().map(|word| format!("`\"{word}\"`"));
            words
                .chain(kinds.iter().map(|kind| link_to_kind(kind)))
                .collect::<Vec<_>>()
                .join(" or ")
        }
        Kind::Texts => "list of texts".to_owned(),
        Kind::Handles(kind) => format!("list of {}", link_to_kind(kind)),
        Kind::Any => "any value".to_owned(),
        Kind::Callback => "function".to_owned(),
    }
}

fn interval(min: f64, max: f64) -> String {
    let bound = |value: f64| (value.abs() < f64::MAX).then(|| number(value));
    range(bound(min), bound(max))
}

fn range(least: Option<String>, most: Option<String>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) => format!(", at least {least}"),
        (None, Some(most)) => format!(", at most {most}"),
        (None, None) => String::new(),
    }
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        format!("{value}")
    } else {
        format!("{value:?}")
    }
}

fn quoted(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// A text whose names of other entries in backquotes are links.
fn linked(reference: &Reference, own: &Spec, text: &str) -> String {
    let mut found = String::new();
    for (place, part) in text.split('`').enumerate() {
        if place % 2 == 0 {
            found.push_str(part);
            continue;
        }
        let other =
            reference.specs.iter().find(|spec| spec.path() == part && spec.path() != own.path());
        match other {
            Some(spec) => found.push_str(&link(spec)),
            None => found.push_str(&format!("`{part}`")),
        }
    }
    found
}

/// A citation whose addresses and arXiv numbers are links.
fn cited(cite: &str) -> String {
    let words = cite.split(' ').collect::<Vec<_>>();
    let mut found: Vec<String> = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let bare = word.trim_end_matches([',', ';']);
        let rest = &word[bare.len()..];
        let after_arxiv = place > 0 && words[place - 1] == "arXiv";
        found.push(match bare.strip_prefix("https://") {
            Some(short) => format!("[{short}]({bare}){rest}"),
            None if after_arxiv => format!("[{bare}](https://arxiv.org/abs/{bare}){rest}"),
            None => (*word).to_owned(),
        });
    }
    found.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_citations_are_links() {
        let cite = "A 2019, arXiv 1805.08974, appendix; https://doi.org/10.1";
        let expected = "A 2019, arXiv [1805.08974](https://arxiv.org/abs/1805.08974), appendix; \
                        [doi.org/10.1](https://doi.org/10.1)";
        assert_eq!(cited(cite), expected);
    }

    #[test]
    fn ranges_are_told_in_words() {
        assert_eq!(takes(&Param::float("eps", 0.5, 0.0, "")), "number, at least 0");
        assert_eq!(takes(&Param::int("n", 1, 1, "").up_to(3.0)), "whole number, 1 to 3");
        assert_eq!(takes(&Param::float("std", 0.5, 1e-6, "")), "number, at least 1e-6");
        let any = Kind::Float { min: f64::MIN, max: f64::MAX };
        assert_eq!(takes(&Param::input("value", any, "")), "number");
        assert_eq!(takes(&Param::choice("norm", &["l2", "linf"], "")), "`\"l2\"` or `\"linf\"`");
    }
}
