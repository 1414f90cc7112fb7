//! What a script can name: entries by namespace and by type, and Rhai's own functions.

use crate::registry::{Home, Spec};
use rhai::{Array, Engine, ImmutableString, Map};
use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of values that are handles: they have a name and an address.
pub const HANDLES: &[&str] =
    &["dataset", "split", "model", "attack", "objective", "protocol", "cells"];

/// What a script can name.
#[derive(Clone, Default)]
pub struct Reference {
    /// Every entry, in the order of the manual.
    pub specs: Vec<&'static Spec>,
    /// Rhai's own functions by the kind of their first argument.
    rhai: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Reference {
    /// The reference of an engine to which `specs` are bound.
    pub fn new(specs: Vec<&'static Spec>, engine: &Engine) -> Self {
        Self { specs, rhai: rhai_functions(engine) }
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

    /// The methods and properties of all kinds.
    pub fn all_members(&self) -> Vec<&'static Spec> {
        self.chosen(|home| matches!(home, Home::Method(_) | Home::Property(_)))
    }

    /// The names of Rhai's own functions that take a value of this kind first.
    pub fn of_rhai(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.rhai.get(kind).into_iter().flatten().map(String::as_str)
    }

    /// The entries whose name or documentation holds all of these words.
    pub fn find(&self, words: &str) -> Vec<&'static Spec> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let holds = |spec: &&'static Spec| {
            let text = format!("{} {}", spec.path(), spec.doc).to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        self.specs.iter().copied().filter(holds).collect()
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

/// The functions of Rhai's packages whose first argument has one of these types; operators and
/// what is reached by other means are left out.
fn rhai_functions(engine: &Engine) -> BTreeMap<&'static str, BTreeSet<String>> {
    let kinds = [
        (TypeId::of::<ImmutableString>(), "text"),
        (TypeId::of::<Array>(), "list"),
        (TypeId::of::<Map>(), "map"),
        (TypeId::of::<i64>(), "number"),
        (TypeId::of::<f64>(), "number"),
    ];
    let first = |info: rhai::FuncInfo| {
        let metadata = info.metadata;
        let of = metadata.param_types.first()?;
        let kind = kinds.iter().find(|(id, _)| id == of)?.1;
        let word = metadata.name.starts_with(|c: char| c.is_ascii_lowercase())
            && metadata.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let hidden = ["print", "debug", "to_debug"].contains(&metadata.name.as_str());
        (word && !hidden && info.namespace.is_empty()).then(|| (kind, metadata.name.to_string()))
    };
    let mut found: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for (kind, name) in engine.collect_fn_metadata(None, first, true) {
        found.entry(kind).or_default().insert(name);
    }
    found
}
