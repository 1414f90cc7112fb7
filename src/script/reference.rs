//! What a script can name: entries by namespace and by type, and Rhai's own functions.

use super::callable::{Callable, callables};
use crate::registry::{Home, Spec};
use rhai::Engine;
use std::collections::BTreeSet;

/// The kinds of values that are handles: they have a name and an address.
pub const HANDLES: &[&str] = &[
    "dataset",
    "split",
    "transform",
    "model",
    "threat_model",
    "attack",
    "objective",
    "protocol",
    "cells",
];

/// What a script can name.
#[derive(Clone, Default)]
pub struct Reference {
    /// Every entry, in the order of the manual.
    pub specs: Vec<&'static Spec>,
    /// Everything that the engine finds by name, entries and Rhai's own functions.
    pub callables: Vec<Callable>,
}

impl Reference {
    /// The reference of an engine to which `specs` are bound.
    pub fn new(specs: Vec<&'static Spec>, engine: &Engine) -> Self {
        Self { specs, callables: callables(engine) }
    }

    /// The namespaces of entries, sorted.
    pub fn namespaces(&self) -> Vec<&'static str> {
        let spaces = self.specs.iter().filter_map(|spec| match spec.home {
            Home::Namespace(name) => Some(name),
            _ => None,
        });
        spaces.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The entries of a namespace.
    pub fn of_namespace(&self, name: &str) -> Vec<&'static Spec> {
        self.chosen(|home| matches!(home, Home::Namespace(space) if space == name))
    }

    /// The entries without namespace or receiver.
    pub fn globals(&self) -> Vec<&'static Spec> {
        self.chosen(|home| home == Home::Global)
    }

    /// The methods and properties of a kind of values.
    pub fn members(&self, kind: &str) -> Vec<&'static Spec> {
        let of_handle = HANDLES.contains(&kind);
        self.chosen(|home| match home {
            Home::Method(of) | Home::Property(of) => of == kind || (of == "handle" && of_handle),
            _ => false,
        })
    }

    /// The kinds of values that have a property; none for another entry.
    pub fn receivers(&self, spec: &Spec) -> Vec<&'static str> {
        match spec.home {
            Home::Property("handle") => HANDLES.to_vec(),
            Home::Property(kind) => vec![kind],
            _ => Vec::new(),
        }
    }

    /// The methods and properties of all kinds.
    pub fn all_members(&self) -> Vec<&'static Spec> {
        self.chosen(|home| matches!(home, Home::Method(_) | Home::Property(_)))
    }

    /// The names of Rhai's own functions that take a value of this kind first.
    pub fn of_rhai(&self, kind: &str) -> impl Iterator<Item = &str> {
        let hidden = ["print", "debug", "to_debug"];
        let chosen = self.callables.iter().filter(move |callable| {
            callable.receiver() == kind
                && callable.namespace.is_empty()
                && !callable.property
                && callable.name.starts_with(|c: char| c.is_ascii_lowercase())
                && !hidden.contains(&callable.name.as_str())
        });
        let names: BTreeSet<&str> = chosen.map(|callable| callable.name.as_str()).collect();
        names.into_iter()
    }

    /// The names of all functions, with their namespaces; methods by their bare name.
    pub fn function_names(&self) -> Vec<String> {
        let name = |spec: &&Spec| match spec.home {
            Home::Namespace(namespace) => format!("{namespace}::{}", spec.name),
            Home::Method(_) | Home::Property(_) | Home::Global => spec.name.to_owned(),
        };
        self.specs.iter().map(name).collect()
    }

    fn chosen(&self, fits: impl Fn(Home) -> bool) -> Vec<&'static Spec> {
        self.specs.iter().copied().filter(|spec| fits(spec.home)).collect()
    }
}
