//! Script values as the domain sees them, and the handles among them.

use super::param::Default;
use crate::lineage::Lineage;
use serde_json::Value as Json;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// Something of the domain that a script holds: it has a kind, a lineage and a one-line summary.
pub trait Handle: Any {
    /// The kind, as [`Kind::Handle`] names it: `"attack"`, `"dataset"`, `"model"`.
    fn kind(&self) -> &'static str;
    /// Where it comes from.
    fn lineage(&self) -> Rc<Lineage>;
    /// One line for people.
    fn summary(&self) -> String;
    /// The name in tables and plots.
    fn label(&self) -> String {
        self.summary()
    }
    /// The bytes of tensors that it holds in memory now; what is still on disk counts nothing.
    fn bytes(&self) -> usize {
        0
    }
    /// For [`Args::handle`].
    fn as_any(&self) -> &dyn Any;
}

/// A script value as the domain sees it.
#[derive(Clone)]
pub enum Value {
    /// Nothing.
    Unit,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(BTreeMap<String, Value>),
    /// A handle.
    Handle(Rc<dyn Handle>),
    /// A value the domain has no use for; the text names its type.
    Other(String),
}

/// One thing of a kind, in words: `a model`, `an attack`, `cells`.
pub fn one(kind: &str) -> String {
    if kind.ends_with('s') && !kind.ends_with("ss") {
        return kind.to_owned();
    }
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found())
    }
}

impl Value {
    /// The value and its type, for the end of "expected X, found Y".
    pub fn found(&self) -> String {
        match self {
            Self::Unit => "nothing".to_owned(),
            Self::Bool(value) => format!("{value}"),
            Self::Int(value) => format!("{value}"),
            Self::Float(value) => format!("{value}"),
            Self::Text(value) => format!("\"{value}\" (a text)"),
            Self::Ints(values) => format!("{values:?}"),
            Self::Floats(values) => format!("{values:?}"),
            Self::List(values) => format!("a list of {} values", values.len()),
            Self::Map(_) => "a map".to_owned(),
            Self::Handle(handle) => one(handle.kind()),
            Self::Other(name) => one(name),
        }
    }

    /// A list of numbers as numbers with a fraction; any other value as it is.
    pub(super) fn widened(self) -> Self {
        let number = |value: &Self| match value {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        };
        let numbers = match &self {
            Self::Ints(values) => Some(values.iter().map(|&value| value as f64).collect()),
            Self::List(values) => values.iter().map(number).collect(),
            _ => None,
        };
        numbers.map_or(self, Self::Floats)
    }

    pub(super) fn json(&self) -> Json {
        match self {
            Self::Bool(value) => Json::from(*value),
            Self::Int(value) => Json::from(*value),
            Self::Float(value) => Json::from(*value),
            Self::Text(value) => Json::from(value.as_str()),
            Self::Ints(values) => Json::from(values.as_slice()),
            Self::Floats(values) => Json::from(values.as_slice()),
            Self::List(values) => values.iter().map(Self::json).collect(),
            Self::Map(values) => {
                values.iter().map(|(key, value)| (key.clone(), value.json())).collect()
            }
            Self::Handle(handle) => Json::from(handle.lineage().address().as_str()),
            Self::Unit | Self::Other(_) => Json::Null,
        }
    }
}

impl From<Default> for Value {
    fn from(default: Default) -> Self {
        match default {
            Default::Required | Default::Unset => Self::Unit,
            Default::Bool(value) => Self::Bool(value),
            Default::Int(value) => Self::Int(value),
            Default::Float(value) => Self::Float(value),
            Default::Text(value) => Self::Text(value.to_owned()),
            Default::Floats(values) => Self::Floats(values.to_vec()),
        }
    }
}

#[cfg(test)]
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

#[cfg(test)]
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

#[cfg(test)]
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
