//! Entries: the one definition of everything a script can name.
//!
//! A [`Spec`] says name, documentation, inputs, options, example and citation. Bindings, option
//! checks, help and the laws over all entries read it; nothing is listed a second time.

mod args;
mod param;
mod value;

pub use args::Args;
pub use param::{Default, Kind, Param};
pub use value::{Handle, Value, one};

use crate::error::{Error, nearest};

/// Where a script finds an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// A function of a namespace: `attack::pgd(...)`.
    Namespace(&'static str),
    /// A method of a kind of handle: `m.train(...)`.
    Method(&'static str),
    /// A value read off a kind of handle or result: `data.train`. Those of `handle` belong to
    /// every handle.
    Property(&'static str),
    /// A function without a namespace: `param(...)`.
    Global,
}

/// The description of one entry.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// The name in scripts; also the name of the file that defines it.
    pub name: &'static str,
    /// Where scripts find it.
    pub home: Home,
    /// What it does: a summary sentence, then details.
    pub doc: &'static str,
    /// Positional arguments, in order.
    pub inputs: &'static [Param],
    /// Options of the last argument, an object map.
    pub params: &'static [Param],
    /// What it gives: a kind of handle or result, `text`, `number`, `truth`, `list`, `map`,
    /// `nothing`, or `any`.
    pub returns: &'static str,
    /// A script that runs, and what it evaluates to.
    pub example: Example,
    /// The paper or code it follows; empty where there is none.
    pub cite: &'static str,
    /// Raised when the same request gives another outcome.
    pub version: u32,
}

/// A script and the text of its value.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The script.
    pub code: &'static str,
    /// Its value as printed.
    pub shows: &'static str,
}

/// A specification together with the function that makes the thing.
#[derive(Debug, Clone, Copy)]
pub struct Entry<B> {
    /// The description.
    pub spec: Spec,
    /// The constructor.
    pub build: B,
}

impl Spec {
    /// The description of a property of `kind`.
    pub const fn property(
        kind: &'static str,
        name: &'static str,
        returns: &'static str,
        doc: &'static str,
        example: Example,
    ) -> Self {
        let home = Home::Property(kind);
        Self { name, home, doc, inputs: &[], params: &[], returns, example, cite: "", version: 1 }
    }

    /// The name with its home: `attack::pgd`, `model.train`.
    pub fn path(&self) -> String {
        match self.home {
            Home::Namespace(namespace) => format!("{namespace}::{}", self.name),
            Home::Method(kind) | Home::Property(kind) => format!("{kind}.{}", self.name),
            Home::Global => self.name.to_owned(),
        }
    }

    /// How it is called: `attack::pgd([#{norm, eps}])`, with brackets around what may be left out;
    /// a property is just named.
    pub fn signature(&self) -> String {
        if matches!(self.home, Home::Property(_)) {
            return self.path();
        }
        let written = |name: String, required: bool| match required {
            true => name,
            false => format!("[{name}]"),
        };
        let required = |param: &Param| param.default == Default::Required;
        let mut arguments: Vec<String> = self
            .inputs
            .iter()
            .map(|input| written(input.name.to_owned(), required(input)))
            .collect();
        if !self.params.is_empty() {
            let keys: Vec<_> = self.params.iter().map(|param| param.name).collect();
            let options = format!("#{{{}}}", keys.join(", "));
            arguments.push(written(options, self.params.iter().any(required)));
        }
        format!("{}({})", self.path(), arguments.join(", "))
    }

    /// The first sentence of the documentation: a hint of one line.
    pub fn summary(&self) -> &'static str {
        self.sentences().0
    }

    /// The documentation after its first sentence; empty where there is no more.
    pub fn details(&self) -> &'static str {
        self.sentences().1
    }

    fn sentences(&self) -> (&'static str, &'static str) {
        let stops = self.doc.match_indices('.').map(|(place, _)| self.doc.split_at(place + 1));
        let ends = |rest: &str| rest.chars().next().is_none_or(char::is_whitespace);
        let mut halves = stops.filter(|(_, rest)| ends(rest));
        halves.next().map_or((self.doc, ""), |(first, rest)| (first, rest.trim_start()))
    }

    /// How many positional arguments may not be left out.
    pub fn required_inputs(&self) -> usize {
        self.inputs.iter().filter(|input| input.default == Default::Required).count()
    }

    /// The error of `found` positional arguments.
    pub fn wrong_count(&self, found: usize) -> Error {
        let most = self.inputs.len();
        Error::usage(format!("{}: expected {most} argument(s), found {found}", self.name))
            .hint(format!("usage: {}", self.signature()))
    }

    /// The error of an option that must be given and is not.
    pub fn missing(&self, param: &Param) -> Error {
        Error::usage(format!("{}: {} is missing", self.name, param.name))
            .hint(format!("{}: {}", param.name, param.doc))
    }

    /// The error of a last argument that should hold the options and is no map.
    pub fn no_options(&self, found: &str) -> Error {
        Error::usage(format!("{}: expected the options as a map, found {found}", self.name))
            .hint(format!("usage: {}", self.signature()))
    }

    /// The error of an option that the entry does not have.
    pub fn unknown_option(&self, key: &str) -> Error {
        let names: Vec<_> = self.params.iter().map(|param| param.name).collect();
        let meant = nearest(key, names.iter().copied())
            .map(|name| format!(", did you mean {name}?"))
            .unwrap_or_default();
        let known = if names.is_empty() {
            format!("{} takes no options", self.name)
        } else {
            format!("options of {}: {}", self.name, names.join(", "))
        };
        Error::usage(format!("{}: unknown option {key}{meant}", self.name)).at_key(key).hint(known)
    }
}
