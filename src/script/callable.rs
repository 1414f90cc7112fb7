//! Functions as the engine knows them: what a script can call, whoever registered it.

use rhai::{Array, Dynamic, Engine, FnPtr, FuncInfo, ImmutableString, Map};
use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

/// A function or property that the engine would find. Operators, and what compilers of Rhai call
/// by other means, are none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Callable {
    /// The namespace; empty for functions without one.
    pub namespace: String,
    /// The name; of a property the property's.
    pub name: String,
    /// Whether it is read without brackets: `list.len`.
    pub property: bool,
    /// Names and kinds of the arguments, the receiver of a method included.
    pub arguments: Vec<(String, String)>,
    /// The kind of the result; empty for nothing.
    pub returns: String,
    /// The first sentence of its documentation; may be empty.
    pub summary: String,
    /// Whether Rhai's own packages bring it.
    pub of_rhai: bool,
}

impl Callable {
    /// The kind of the first argument, on which it can be called as a method; empty without
    /// arguments.
    pub fn receiver(&self) -> &str {
        self.arguments.first().map_or("", |(_, kind)| kind)
    }
}

/// All callables of an engine, sorted. What takes the place of a function of Rhai's own, to bound
/// it or to show numbers, is described as that function.
pub fn callables(engine: &Engine) -> Vec<Callable> {
    let key = |info: &FuncInfo| (info.namespace.to_string(), info.metadata.hash);
    let own: BTreeSet<_> =
        engine.collect_fn_metadata(None, |info| Some(key(&info)), false).into_iter().collect();
    let found = |info: FuncInfo| Some((key(&info), callable(&info, !own.contains(&key(&info)))));
    let mut by_key: BTreeMap<_, Option<Callable>> = BTreeMap::new();
    // Rhai's own come last.
    for (key, callable) in engine.collect_fn_metadata(None, found, true) {
        let replaces = by_key.contains_key(&key);
        let of_rhai =
            |callable: Callable| Callable { of_rhai: callable.of_rhai || replaces, ..callable };
        by_key.insert(key, callable.map(of_rhai));
    }
    let mut callables: Vec<Callable> = by_key.into_values().flatten().collect();
    callables.sort();
    callables
}

/// A function as its metadata tell it; none for an operator.
fn callable(info: &FuncInfo, of_rhai: bool) -> Option<Callable> {
    let data = info.metadata;
    let (name, property) = match data.name.strip_prefix("get$") {
        Some(name) => (name, true),
        None => (data.name.as_str(), false),
    };
    let word = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let arguments = data.param_types.iter().enumerate().map(|(place, id)| {
        let info = data.params_info.get(place).map_or("", |info| info.as_str());
        let (name, written) = info.split_once(':').unwrap_or((info, ""));
        let name = name.trim().rsplit(' ').next().unwrap_or("").to_owned();
        (name, kind(*id, written))
    });
    word.then(|| Callable {
        namespace: info.namespace.to_string(),
        name: name.to_owned(),
        property,
        arguments: arguments.collect(),
        returns: returned(&data.return_type),
        summary: summary(&data.comments),
        of_rhai,
    })
}

/// The manual's word for an argument's type; the type as written where there is no word.
fn kind(id: TypeId, written: &str) -> String {
    let words = [
        (TypeId::of::<ImmutableString>(), "text"),
        (TypeId::of::<Array>(), "list"),
        (TypeId::of::<Map>(), "map"),
        (TypeId::of::<i64>(), "number"),
        (TypeId::of::<f64>(), "number"),
        (TypeId::of::<bool>(), "truth"),
        (TypeId::of::<char>(), "character"),
        (TypeId::of::<FnPtr>(), "function"),
        (TypeId::of::<Range<i64>>(), "range"),
        (TypeId::of::<RangeInclusive<i64>>(), "range"),
        (TypeId::of::<Dynamic>(), "any"),
    ];
    let word = words.iter().find(|(known, _)| *known == id).map(|(_, word)| *word);
    word.map_or_else(|| written.trim().trim_start_matches("&mut ").to_owned(), str::to_owned)
}

/// The manual's word for a result's type, read off how Rust writes it.
fn returned(written: &str) -> String {
    let bare = written.split('<').find(|part| !part.contains("Result")).unwrap_or(written);
    let bare = bare.split([',', '>']).next().unwrap_or("").trim();
    let word = match bare.rsplit("::").next().unwrap_or("") {
        "()" | "" => "",
        "String" | "ImmutableString" | "&str" | "SmartString" => "text",
        "Array" | "Vec" => "list",
        "Map" => "map",
        "INT" | "i64" | "FLOAT" | "f64" | "usize" => "number",
        "bool" => "truth",
        "char" => "character",
        "FnPtr" => "function",
        "Dynamic" => "any",
        other => other,
    };
    word.to_owned()
}

/// The first sentence of documentation lines, without their marks.
fn summary(comments: &[impl AsRef<str>]) -> String {
    let lines = comments.iter().flat_map(|comment| comment.as_ref().lines());
    let texts = lines.map(|line| line.trim().trim_start_matches('/').trim());
    let first: Vec<&str> = texts.take_while(|text| !text.is_empty()).collect();
    let text = first.join(" ");
    match text.find(". ") {
        Some(stop) => text[..=stop].to_owned(),
        None => text,
    }
}
