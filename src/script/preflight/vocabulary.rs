//! What scripts can name: the entries, and the functions and properties of Rhai itself as its
//! engine lists them.

use crate::registry::{Home, Spec};
use crate::script::reference::Reference;
use rhai::{Array, Dynamic, Engine, FnPtr, FuncMetadata, ImmutableString, Map};
use std::any::TypeId;
use std::collections::BTreeMap;

/// Words of the language that are called like functions, with any number of arguments.
pub const WORDS: &[&str] =
    &["Fn", "call", "debug", "is_def_fn", "is_def_var", "is_shared", "print", "tag", "type_of"];

/// A function of the engine that is no entry.
#[derive(Debug, Clone)]
pub struct Native {
    /// How many arguments it takes; the receiver of a method is one of them.
    pub arity: usize,
    first: Option<TypeId>,
    gives: Option<&'static str>,
}

/// Everything that every script can name.
pub struct Vocabulary {
    /// The entries.
    pub specs: Vec<&'static Spec>,
    /// Functions of the engine by name, with their namespace.
    natives: BTreeMap<String, Vec<Native>>,
    /// The Rust types of each kind of value.
    kinds: BTreeMap<String, Vec<TypeId>>,
}

impl Vocabulary {
    /// What `engine` and the entries know.
    pub fn new(engine: &Engine, reference: &Reference) -> Self {
        let specs = reference.specs.clone();
        let found = engine.collect_fn_metadata(
            None,
            |info| Some((info.namespace.to_string(), info.metadata.clone())),
            true,
        );
        let kinds = kinds(found.iter().map(|(_, function)| function));
        let mut words = Self { specs, natives: BTreeMap::new(), kinds };
        for (namespace, function) in &found {
            let first = function.param_types.first().copied();
            if words.is_entry(namespace, &function.name, first) {
                continue;
            }
            let name = match namespace.as_str() {
                "" => function.name.to_string(),
                namespace => format!("{namespace}::{}", function.name),
            };
            let gives = given(&function.return_type);
            let native = Native { arity: function.num_params, first, gives };
            words.natives.entry(name).or_default().push(native);
        }
        words
    }

    /// Whether a function of the engine is the binding of an entry: those are checked by their
    /// description instead.
    fn is_entry(&self, namespace: &str, name: &str, first: Option<TypeId>) -> bool {
        self.specs.iter().any(|spec| {
            spec.name == name
                && match spec.home {
                    Home::Namespace(home) => home == namespace,
                    Home::Global => namespace.is_empty(),
                    Home::Method(kind) => first.is_some_and(|first| self.is_of(kind, first)),
                    Home::Property(_) => false,
                }
        })
    }

    fn is_of(&self, kind: &str, type_id: TypeId) -> bool {
        self.kinds.get(kind).is_some_and(|types| types.contains(&type_id))
    }

    /// Whether the properties and methods of a kind of value are known.
    pub fn knows(&self, kind: &str) -> bool {
        self.kinds.contains_key(kind)
    }

    /// A function of a namespace; `None` for one without a namespace.
    pub fn function(&self, namespace: Option<&str>, name: &str) -> Option<&'static Spec> {
        let home = |spec: &Spec| match spec.home {
            Home::Namespace(home) => namespace == Some(home),
            Home::Global => namespace.is_none(),
            Home::Method(_) | Home::Property(_) => false,
        };
        self.specs.iter().find(|spec| spec.name == name && home(spec)).copied()
    }

    /// Whether this is the name of a namespace.
    pub fn is_namespace(&self, name: &str) -> bool {
        self.namespaces().any(|namespace| namespace == name)
    }

    /// The namespaces of entries and of modules that the session imported.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        let entries = self.specs.iter().filter_map(|spec| match spec.home {
            Home::Namespace(home) => Some(home),
            _ => None,
        });
        let natives = self.natives.keys().filter_map(|name| name.split_once("::"));
        entries.chain(natives.map(|(namespace, _)| namespace))
    }

    /// The methods of a name, one for each kind that has it.
    pub fn methods(&self, name: &str) -> impl Iterator<Item = &'static Spec> {
        let method = |spec: &&Spec| matches!(spec.home, Home::Method(_));
        self.specs.iter().copied().filter(method).filter(move |spec| spec.name == name)
    }

    /// The functions of the engine of this name.
    pub fn natives(&self, name: &str) -> &[Native] {
        self.natives.get(name).map_or(&[], Vec::as_slice)
    }

    /// The functions of the engine that take a value of `kind` first.
    pub fn natives_of(&self, kind: &str, name: &str) -> Vec<&Native> {
        let fits = |native: &&Native| {
            native
                .first
                .is_some_and(|first| first == TypeId::of::<Dynamic>() || self.is_of(kind, first))
        };
        self.natives(name).iter().filter(fits).collect()
    }

    /// What a property of a kind of value gives, if the kind has it.
    pub fn property(&self, kind: &str, name: &str) -> Option<Option<&'static str>> {
        let getters = self.natives_of(kind, &format!("get${name}"));
        if getters.is_empty() {
            return None;
        }
        let described = |home: &str| {
            let spec = self.specs.iter().find(|spec| {
                spec.name == name && matches!(spec.home, Home::Property(of) if of == home)
            });
            spec.map(|spec| spec.returns)
        };
        Some(described(kind).or_else(|| described("handle")).or_else(|| agreed(&getters)))
    }

    /// The names of the properties of a kind of value, without those of all values.
    pub fn properties(&self, kind: &str) -> Vec<&str> {
        let own = |native: &Native| native.first.is_some_and(|first| self.is_of(kind, first));
        let named = self.natives.iter().filter(|(_, natives)| natives.iter().any(own));
        named.filter_map(|(name, _)| name.strip_prefix("get$")).collect()
    }

    /// The names of the methods of a kind of value that are no entries.
    pub fn native_methods<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.natives.keys().map(String::as_str);
        named
            .filter(|name| !name.contains(['$', ':']))
            .filter(move |name| !self.natives_of(kind, name).is_empty())
    }

    /// The names of the methods of a kind of value that entries describe.
    pub fn methods_of(&self, kind: &str) -> Vec<&'static str> {
        let own = |spec: &&&Spec| matches!(spec.home, Home::Method(of) if of == kind);
        self.specs.iter().filter(own).map(|spec| spec.name).collect()
    }

    /// The names of all functions and methods, with their namespaces.
    pub fn names(&self) -> Vec<String> {
        let entry = |spec: &&Spec| match spec.home {
            Home::Namespace(_) => Some(spec.path()),
            Home::Global | Home::Method(_) => Some(spec.name.to_owned()),
            Home::Property(_) => None,
        };
        let plain = |name: &&String| name.starts_with(char::is_alphabetic) && !name.contains('$');
        let natives = self.natives.keys().filter(plain).cloned();
        let words = WORDS.iter().map(|word| (*word).to_owned());
        self.specs.iter().filter_map(entry).chain(natives).chain(words).collect()
    }
}

/// What functions give, if all give the same.
pub fn agreed(natives: &[&Native]) -> Option<&'static str> {
    let first = natives.first()?.gives;
    first.filter(|_| natives.iter().all(|native| native.gives == first))
}

/// The Rust types of the kinds of values: those of the language, and those that the engine lists
/// under their kind's name.
fn kinds<'a>(functions: impl Iterator<Item = &'a FuncMetadata>) -> BTreeMap<String, Vec<TypeId>> {
    let mut kinds: BTreeMap<String, Vec<TypeId>> = BTreeMap::from([
        ("text".to_owned(), vec![TypeId::of::<ImmutableString>(), TypeId::of::<String>()]),
        ("number".to_owned(), vec![TypeId::of::<i64>(), TypeId::of::<f64>()]),
        ("truth".to_owned(), vec![TypeId::of::<bool>()]),
        ("list".to_owned(), vec![TypeId::of::<Array>()]),
        ("map".to_owned(), vec![TypeId::of::<Map>()]),
        ("function".to_owned(), vec![TypeId::of::<FnPtr>()]),
        ("nothing".to_owned(), vec![TypeId::of::<()>()]),
    ]);
    for function in functions {
        let named = function.params_info.first().and_then(|info| info.split_once(": &mut "));
        let (Some((_, kind)), Some(first)) = (named, function.param_types.first()) else {
            continue;
        };
        let own = kind.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if own && !kinds.contains_key(kind) {
            kinds.insert(kind.to_owned(), vec![*first]);
        }
    }
    kinds
}

/// The kind of value that a function gives, by the name of its Rust type.
fn given(rust: &str) -> Option<&'static str> {
    match rust {
        "INT" | "FLOAT" | "i64" | "f64" => Some("number"),
        "bool" => Some("truth"),
        "String" | "ImmutableString" | "string" => Some("text"),
        "Array" | "array" => Some("list"),
        "Map" | "map" => Some("map"),
        _ => None,
    }
}
