//! Parameters: which values an entry takes, and how a value is refused.

use super::value::{Value, one};
use crate::error::{Error, Result, nearest};
use std::fmt;

/// One positional argument or option.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// The name, an option's key.
    pub name: &'static str,
    /// Which values it takes.
    pub kind: Kind,
    /// What it is when left out.
    pub default: Default,
    /// What it means, with its unit.
    pub doc: &'static str,
    /// Whether it is a label, for people only, or a way to the same numbers: no part of an address.
    pub label: bool,
}

/// Which values a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "a variant's comment covers its fields")]
pub enum Kind {
    /// true or false.
    Bool,
    /// A whole number, both ends included.
    Int { min: i64, max: i64 },
    /// A number, both ends included; whole numbers widen.
    Float { min: f64, max: f64 },
    /// Any text.
    Text,
    /// The path of a file that a script may read.
    File,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list or a range of whole numbers.
    Ints,
    /// A number or a list of numbers, both ends included; whole numbers widen.
    Floats { min: f64, max: f64 },
    /// A handle of this kind.
    Handle(&'static str),
    /// One of these words, or a handle of one of these kinds.
    Either { words: &'static [&'static str], kinds: &'static [&'static str] },
    /// A list of texts.
    Texts,
    /// A list of handles of this kind.
    Handles(&'static str),
    /// Any value; the verb checks it.
    Any,
    /// A script function; never part of an address.
    Callback,
}

/// What a parameter is when left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// It may not be left out.
    Required,
    /// Nothing.
    Unset,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text or a choice.
    Text(&'static str),
    /// A list of numbers.
    Floats(&'static [f64]),
}

impl Param {
    const fn new(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Self {
        Self { name, kind, default, doc, label: false }
    }

    /// A positional argument that must be given.
    pub const fn input(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::new(name, kind, Default::Required, doc)
    }

    /// A number of at least `min`.
    pub const fn float(name: &'static str, default: f64, min: f64, doc: &'static str) -> Self {
        let kind = Kind::Float { min, max: f64::INFINITY };
        Self::new(name, kind, Default::Float(default), doc)
    }

    /// A whole number of at least `min`.
    pub const fn int(name: &'static str, default: i64, min: i64, doc: &'static str) -> Self {
        Self::new(name, Kind::Int { min, max: i64::MAX }, Default::Int(default), doc)
    }

    /// A truth value.
    pub const fn bool(name: &'static str, default: bool, doc: &'static str) -> Self {
        Self::new(name, Kind::Bool, Default::Bool(default), doc)
    }

    /// One of some words; the first is the default.
    pub const fn choice(
        name: &'static str,
        words: &'static [&'static str],
        doc: &'static str,
    ) -> Self {
        Self::new(name, Kind::Choice(words), Default::Text(words[0]), doc)
    }

    /// A value that is nothing when left out.
    pub const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::new(name, kind, Default::Unset, doc)
    }

    /// The seed that every random entry takes.
    pub const fn seed() -> Self {
        Self::int("seed", 0, 0, "Seed of every random draw of this call.")
    }

    /// The name under which tables and plots show the thing; no part of an address.
    pub const fn label(doc: &'static str) -> Self {
        Self { name: "name", kind: Kind::Text, default: Default::Unset, doc, label: true }
    }

    /// Replaces the upper end of a number's range.
    #[must_use]
    pub const fn up_to(mut self, end: f64) -> Self {
        self.kind = match self.kind {
            Kind::Float { min, .. } => Kind::Float { min, max: end },
            Kind::Int { min, .. } => Kind::Int { min, max: end as i64 },
            other => other,
        };
        self
    }

    /// The default as a script writes it; empty where there is none.
    pub fn default_text(&self) -> String {
        match self.default {
            Default::Required | Default::Unset => String::new(),
            Default::Bool(value) => value.to_string(),
            Default::Int(value) => value.to_string(),
            Default::Float(value) => format!("{value:?}"),
            Default::Text(value) => format!("\"{value}\""),
            Default::Floats(values) => format!("{values:?}"),
        }
    }

    /// The values it takes, in words: `a number`.
    pub fn expects(&self) -> String {
        match self.kind {
            Kind::Bool => "true or false".to_owned(),
            Kind::Int { .. } => "a whole number".to_owned(),
            Kind::Float { .. } => "a number".to_owned(),
            Kind::Text => "a text".to_owned(),
            Kind::File => "a path".to_owned(),
            Kind::Choice(words) => format!("one of {}", quoted(words)),
            Kind::Ints => "a list or a range of whole numbers".to_owned(),
            Kind::Floats { .. } => "a number or a list of numbers".to_owned(),
            Kind::Handle(kind) => one(kind),
            Kind::Either { words, kinds } => {
                let words = words.iter().map(|word| format!("\"{word}\""));
                words.chain(kinds.iter().map(|kind| one(kind))).collect::<Vec<_>>().join(" or ")
            }
            Kind::Texts => "a list of texts".to_owned(),
            Kind::Handles(kind) => format!("a list of {kind}s"),
            Kind::Any => "a value".to_owned(),
            Kind::Callback => "a function".to_owned(),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

impl Param {
    /// Checks one value given to `operation`; whole numbers widen to numbers.
    ///
    /// # Errors
    /// A value of another type, out of range, or not among the choices.
    pub fn check(&self, operation: &str, value: Value) -> Result<Value> {
        let widened = match (self.kind, value) {
            (Kind::Float { .. } | Kind::Floats { .. }, Value::Int(value)) => {
                Value::Float(value as f64)
            }
            (Kind::Floats { .. }, list @ (Value::Ints(_) | Value::List(_))) => list.widened(),
            (_, value) => value,
        };
        let fits = match (&self.kind, &widened) {
            (Kind::Bool, Value::Bool(_))
            | (Kind::Int { .. }, Value::Int(_))
            | (Kind::Float { .. }, Value::Float(_))
            | (Kind::Text | Kind::File | Kind::Choice(_), Value::Text(_))
            | (Kind::Ints, Value::Ints(_))
            | (Kind::Floats { .. }, Value::Float(_) | Value::Floats(_))
            | (Kind::Any | Kind::Callback, _) => true,
            (Kind::Handle(kind), Value::Handle(handle)) => handle.kind() == *kind,
            (Kind::Either { kinds, .. }, Value::Handle(handle)) => kinds.contains(&handle.kind()),
            (Kind::Either { words, .. }, Value::Text(found)) => words.contains(&found.as_str()),
            (Kind::Texts, Value::List(items)) => {
                items.iter().all(|item| matches!(item, Value::Text(_)))
            }
            (Kind::Handles(kind), Value::List(items)) => items
                .iter()
                .all(|item| matches!(item, Value::Handle(handle) if handle.kind() == *kind)),
            _ => false,
        };
        if !fits {
            return Err(self.mismatch(operation, &widened.found()));
        }
        match (&self.kind, &widened) {
            (Kind::Int { min, max }, Value::Int(found)) if found < min || found > max => {
                Err(self.refuse(operation, &bounds(*min, *max, *max == i64::MAX), &widened))
            }
            (Kind::Float { min, max } | Kind::Floats { min, max }, Value::Float(found))
                if !within(*found, *min, *max) =>
            {
                Err(self.refuse(operation, &ends(*min, *max), &widened))
            }
            (Kind::Floats { min, max }, Value::Floats(found))
                if !found.iter().all(|&found| within(found, *min, *max)) =>
            {
                Err(self.refuse(operation, &ends(*min, *max), &widened))
            }
            (Kind::Choice(words), Value::Text(found)) if !words.contains(&found.as_str()) => {
                let error =
                    self.refuse(operation, &format!("expected {}", self.expects()), &widened);
                Err(match nearest(found, words.iter().copied()) {
                    Some(word) => error.hint(format!("did you mean \"{word}\"?")),
                    None => error,
                })
            }
            _ => Ok(widened),
        }
    }

    /// The error of a value of another type; `found` describes it, e.g. `a dataset`.
    pub fn mismatch(&self, operation: &str, found: &str) -> Error {
        self.refused(operation, &format!("expected {}", self.expects()), found)
    }

    fn refuse(&self, operation: &str, expected: &str, value: &Value) -> Error {
        self.refused(operation, expected, &value.found())
    }

    fn refused(&self, operation: &str, expected: &str, found: &str) -> Error {
        let name = self.name;
        Error::usage(format!("{operation}: {name} {expected}, found {found}"))
            .at_key(name)
            .hint(format!("{name}: {}", self.doc))
    }
}

fn within(found: f64, min: f64, max: f64) -> bool {
    found >= min && found <= max && found.is_finite()
}

fn ends(min: f64, max: f64) -> String {
    match min.is_infinite() {
        true => "must be finite".to_owned(),
        false => bounds(min, max, max.is_infinite()),
    }
}

fn bounds<N: fmt::Display>(min: N, max: N, open: bool) -> String {
    if open { format!("must be >= {min}") } else { format!("must be from {min} to {max}") }
}
