//! A TextMate grammar: Rhai's syntax, and the program's names as groups of their own.

use super::kinds;
use crate::script::reference::Reference;
use crate::script::stdlib;
use crate::script::token::KEYWORDS;
use serde_json::json;
use std::collections::BTreeSet;

/// Words that are values.
const CONSTANTS: &[&str] = &["true", "false", "this", "global"];

/// The grammar as JSON.
pub fn grammar(reference: &Reference) -> String {
    let options: BTreeSet<&str> =
        reference.specs.iter().flat_map(|spec| spec.params).map(|param| param.name).collect();
    let mut spaces = reference.namespaces();
    spaces.extend(stdlib::modules().iter().map(|module| module.name));
    let globals = reference.globals().into_iter().map(|spec| spec.name);
    let types: Vec<&str> = kinds::OWN.iter().map(|kind| kind.name).collect();
    let keywords: Vec<&str> =
        KEYWORDS.iter().copied().filter(|word| !CONSTANTS.contains(word)).collect();
    let grammar = json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "rtscript",
        "scopeName": "source.rhai",
        "fileTypes": ["rhai"],
        "patterns": [
            { "include": "#comments" },
            { "include": "#texts" },
            { "include": "#numbers" },
            { "include": "#words" },
            { "include": "#operators" },
        ],
        "repository": {
            "comments": { "patterns": [
                { "name": "comment.line.documentation.rhai", "match": "//[/!].*$" },
                { "name": "comment.line.double-slash.rhai", "match": "//.*$" },
                { "name": "comment.block.rhai", "begin": r"/\*", "end": r"\*/",
                  "patterns": [{ "include": "#comments" }] },
            ] },
            "texts": { "patterns": [
                { "name": "string.quoted.double.rhai", "begin": "\"", "end": "\"",
                  "patterns": [{ "include": "#escapes" }] },
                { "name": "string.template.rhai", "begin": "`", "end": "`", "patterns": [
                    { "name": "meta.template.expression.rhai", "begin": r"\$\{", "end": r"\}",
                      "patterns": [{ "include": "$self" }] },
                ] },
                { "name": "string.quoted.single.rhai", "match": r"'(\\.[0-9A-Fa-f]*|[^'\\])'" },
            ] },
            "escapes": { "patterns": [
                { "name": "constant.character.escape.rhai",
                  "match": r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)" },
            ] },
            "numbers": { "patterns": [
                { "name": "constant.numeric.rhai",
                  "match": r"\b(0x[0-9A-Fa-f_]+|0o[0-7_]+|0b[01_]+)\b" },
                { "name": "constant.numeric.rhai",
                  "match": r"\b[0-9][0-9_]*(\.[0-9][0-9_]*)?([eE][+-]?[0-9]+)?\b" },
            ] },
            "words": { "patterns": [
                { "name": "keyword.control.rhai", "match": words(&keywords) },
                { "name": "constant.language.rhai", "match": words(CONSTANTS) },
                { "match": format!(r"{}\s*(::)", words(&spaces)), "captures": {
                    "1": { "name": "support.class.namespace.rtscript" },
                    "2": { "name": "punctuation.separator.namespace.rhai" } } },
                { "match": format!(r"{}\s*(:)", words(options)), "captures": {
                    "1": { "name": "support.variable.option.rtscript" },
                    "2": { "name": "punctuation.separator.key.rhai" } } },
                { "match": r"\b([A-Za-z_][A-Za-z0-9_]*)\s*(::)", "captures": {
                    "1": { "name": "entity.name.namespace.rhai" },
                    "2": { "name": "punctuation.separator.namespace.rhai" } } },
                { "match": format!(r"{}\s*(\()", words(globals)), "captures": {
                    "1": { "name": "support.function.rtscript" } } },
                { "match": r"\b([A-Za-z_][A-Za-z0-9_]*)\s*(\()", "captures": {
                    "1": { "name": "entity.name.function.rhai" } } },
                { "match": format!(r"(->)\s*{}", words(types)), "captures": {
                    "1": { "name": "keyword.operator.rhai" },
                    "2": { "name": "support.type.rtscript" } } },
                { "name": "variable.other.rhai", "match": r"\b[A-Za-z_][A-Za-z0-9_]*\b" },
            ] },
            "operators": { "patterns": [
                { "name": "keyword.operator.rhai",
                  "match": r"\?\?|\?\.|\.\.=?|=>|->|[-+*/%&|^<>=!]=?|\*\*|&&|\|\||<<|>>" },
            ] },
        },
    });
    format!("{grammar:#}\n")
}

/// A pattern for whole words, in a group.
fn words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let words: Vec<S> = words.into_iter().collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    format!(r"\b({})\b", words.join("|"))
}
