//! The checked arguments of a call, and the lineage they amount to.

use super::Spec;
use super::param::{Default, Kind};
use super::value::{Handle, Value};
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The checked arguments of one call: inputs and all options, defaults filled in.
#[derive(Debug, Clone)]
pub struct Args {
    spec: &'static Spec,
    values: BTreeMap<&'static str, Value>,
    defaulted: Vec<&'static str>,
}

impl Args {
    /// Checks positional `inputs` and `options` against `spec` and fills in defaults.
    ///
    /// # Errors
    /// [`crate::error::Kind::Usage`], with the key at fault, for a missing or superfluous input,
    /// an unknown option, a wrong type and a value out of range.
    pub fn resolve(
        spec: &'static Spec,
        inputs: Vec<Value>,
        options: Vec<(String, Value)>,
    ) -> Result<Self> {
        let most = spec.inputs.len();
        if inputs.len() < spec.required_inputs() || inputs.len() > most {
            return Err(spec.wrong_count(inputs.len()));
        }
        let mut values: BTreeMap<&'static str, Value> =
            spec.inputs.iter().map(|input| (input.name, Value::Unit)).collect();
        for (param, value) in spec.inputs.iter().zip(inputs) {
            values.insert(param.name, param.check(spec.name, value)?);
        }
        for (key, value) in options {
            let Some(param) = spec.params.iter().find(|param| param.name == key) else {
                return Err(spec.unknown_option(&key));
            };
            if !matches!(value, Value::Unit) {
                values.insert(param.name, param.check(spec.name, value)?);
            }
        }
        let mut defaulted = Vec::new();
        for param in spec.params {
            if values.contains_key(param.name) {
                continue;
            }
            if param.default == Default::Required {
                return Err(spec.missing(param));
            }
            defaulted.push(param.name);
            values.insert(param.name, param.default.into());
        }
        Ok(Self { spec, values, defaulted })
    }

    /// The entry these arguments are for.
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// Whether this option was left to its default.
    pub fn is_defaulted(&self, key: &str) -> bool {
        self.defaulted.contains(&key)
    }

    /// The same arguments with another value of the option `key`.
    ///
    /// # Errors
    /// Usage: not acceptable. Internal: the entry has no such option.
    pub fn with(&self, key: &str, value: Value) -> Result<Self> {
        let Some(param) = self.spec.params.iter().find(|param| param.name == key) else {
            return Err(Error::internal(format!("{}: no option {key}", self.spec.name)));
        };
        let mut changed = self.clone();
        changed.values.insert(param.name, param.check(self.spec.name, value)?);
        changed.defaulted.retain(|known| *known != key);
        Ok(changed)
    }

    /// Any argument by name.
    ///
    /// # Errors
    /// Internal: the entry has no parameter of that name.
    pub fn value(&self, key: &str) -> Result<&Value> {
        self.values.get(key).ok_or_else(|| {
            Error::internal(format!("{}: the entry has no parameter {key}", self.spec.name))
        })
    }

    fn mismatch<T>(&self, key: &str) -> Result<T> {
        let found = self.value(key)?.found();
        Err(Error::internal(format!("{}: {key} was read as another type: {found}", self.spec.name)))
    }

    /// A number.
    pub fn float(&self, key: &str) -> Result<f64> {
        match self.value(key)? {
            Value::Float(value) => Ok(*value),
            _ => self.mismatch(key),
        }
    }

    /// A number, or `None` where it was left out.
    pub fn optional_float(&self, key: &str) -> Result<Option<f64>> {
        match self.value(key)? {
            Value::Unit => Ok(None),
            _ => self.float(key).map(Some),
        }
    }

    /// A whole number.
    pub fn int(&self, key: &str) -> Result<i64> {
        match self.value(key)? {
            Value::Int(value) => Ok(*value),
            _ => self.mismatch(key),
        }
    }

    /// A whole number, or `None` where it was left out.
    pub fn optional_int(&self, key: &str) -> Result<Option<i64>> {
        match self.value(key)? {
            Value::Unit => Ok(None),
            _ => self.int(key).map(Some),
        }
    }

    /// A truth value.
    pub fn bool(&self, key: &str) -> Result<bool> {
        match self.value(key)? {
            Value::Bool(value) => Ok(*value),
            _ => self.mismatch(key),
        }
    }

    /// A text or a choice.
    pub fn text(&self, key: &str) -> Result<&str> {
        match self.value(key)? {
            Value::Text(value) => Ok(value),
            _ => self.mismatch(key),
        }
    }

    /// A text, or `None` where it was left out.
    pub fn optional_text(&self, key: &str) -> Result<Option<&str>> {
        match self.value(key)? {
            Value::Unit => Ok(None),
            _ => self.text(key).map(Some),
        }
    }

    /// One number or several.
    pub fn floats(&self, key: &str) -> Result<Vec<f64>> {
        match self.value(key)? {
            Value::Float(value) => Ok(vec![*value]),
            Value::Floats(values) => Ok(values.clone()),
            _ => self.mismatch(key),
        }
    }

    /// Whole numbers, or `None` where they were left out.
    pub fn ints(&self, key: &str) -> Result<Option<&[i64]>> {
        match self.value(key)? {
            Value::Unit => Ok(None),
            Value::Ints(values) => Ok(Some(values)),
            _ => self.mismatch(key),
        }
    }

    /// Texts; none where they were left out.
    pub fn texts(&self, key: &str) -> Result<Vec<String>> {
        match self.value(key)? {
            Value::Unit => Ok(Vec::new()),
            Value::List(items) => items
                .iter()
                .map(|item| match item {
                    Value::Text(text) => Ok(text.clone()),
                    _ => self.mismatch(key),
                })
                .collect(),
            _ => self.mismatch(key),
        }
    }

    /// Handles of type `T`; none where they were left out.
    pub fn handles<T: Handle + Clone>(&self, key: &str) -> Result<Vec<T>> {
        match self.value(key)? {
            Value::Unit => Ok(Vec::new()),
            Value::List(items) => items
                .iter()
                .map(|item| match item {
                    Value::Handle(handle) => match handle.as_any().downcast_ref::<T>() {
                        Some(handle) => Ok(handle.clone()),
                        None => self.mismatch(key),
                    },
                    _ => self.mismatch(key),
                })
                .collect(),
            _ => self.mismatch(key),
        }
    }

    /// A handle of type `T`, or `None` where it was left out.
    pub fn optional_handle<T: Handle + Clone>(&self, key: &str) -> Result<Option<T>> {
        match self.value(key)? {
            Value::Unit => Ok(None),
            Value::Handle(handle) => match handle.as_any().downcast_ref::<T>() {
                Some(handle) => Ok(Some(handle.clone())),
                None => self.mismatch(key),
            },
            _ => self.mismatch(key),
        }
    }

    /// A handle where it is of type `T`, for parameters that take several kinds.
    pub fn handle_if<T: Handle + Clone>(&self, key: &str) -> Result<Option<T>> {
        Ok(match self.value(key)? {
            Value::Handle(handle) => handle.as_any().downcast_ref::<T>().cloned(),
            _ => None,
        })
    }

    /// A handle of type `T`.
    pub fn handle<T: Handle + Clone>(&self, key: &str) -> Result<T> {
        match self.optional_handle(key)? {
            Some(handle) => Ok(handle),
            None => self.mismatch(key),
        }
    }

    /// The derivation this call asks for: options, then handles among the arguments, then `more`
    /// options and inputs that the verb adds (device kind, receiver, file identity).
    pub fn lineage(&self, more: &[(&str, Json)], inputs: &[(&str, Rc<Lineage>)]) -> Rc<Lineage> {
        let mut options = BTreeMap::new();
        let mut all: BTreeMap<String, Rc<Lineage>> = BTreeMap::new();
        for param in self.spec.inputs.iter().chain(self.spec.params) {
            if param.label || param.kind == Kind::Callback {
                continue;
            }
            match self.values.get(param.name) {
                Some(Value::Handle(handle)) => {
                    all.insert(param.name.to_owned(), handle.lineage());
                }
                Some(value) => {
                    options.insert(param.name.to_owned(), value.json());
                }
                None => {}
            }
        }
        options.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        all.extend(inputs.iter().map(|(key, input)| ((*key).to_owned(), input.clone())));
        Lineage::new(self.spec.path(), self.spec.version, options, all)
    }
}
