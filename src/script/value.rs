//! Rhai values to domain values and back.

use crate::attack::Attacker;
use crate::dataset::{Dataset, Split};
use crate::metric::Correctness;
use crate::model::Model;
use crate::registry::{Handle, Kind, Value};
use crate::script::limits::LIST;
use crate::script::verbs::{Cells, ScriptTensor};
use crate::threat_model::ThreatModel;
use crate::train::Arm;
use crate::transfer::Protocol;
use crate::transform::Transform;
use rhai::{Array, Dynamic, ImmutableString, Map};
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;

/// A Rhai value as the domain sees it, where a parameter of `kind` is expected.
pub fn to_value(value: &Dynamic, kind: Kind) -> Value {
    if value.is_unit() {
        return Value::Unit;
    }
    if let Ok(value) = value.as_bool() {
        return Value::Bool(value);
    }
    if let Ok(value) = value.as_int() {
        return Value::Int(value);
    }
    if let Ok(value) = value.as_float() {
        return Value::Float(value);
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Value::Text(text.to_string());
    }
    if let Some(range) = value.read_lock::<Range<i64>>() {
        return whole(range.start, range.end);
    }
    if let Some(range) = value.read_lock::<RangeInclusive<i64>>() {
        return match range.end().checked_add(1) {
            Some(end) => whole(*range.start(), end),
            None => whole(i64::MIN, i64::MAX),
        };
    }
    if let Some(items) = value.read_lock::<Array>() {
        let ints: Option<Vec<i64>> = items.iter().map(|item| item.as_int().ok()).collect();
        return match ints {
            Some(ints) if kind == Kind::Ints => Value::Ints(ints),
            _ => Value::List(items.iter().map(|item| to_value(item, Kind::Any)).collect()),
        };
    }
    if let Some(map) = value.read_lock::<Map>() {
        let all = map.iter().map(|(key, item)| (key.to_string(), to_value(item, Kind::Any)));
        return Value::Map(all.collect());
    }
    if let Some(correct) = value.read_lock::<Correctness>() {
        let hits = correct.as_slice().iter();
        return Value::Floats(hits.map(|hit| f64::from(u8::from(*hit))).collect());
    }
    match handle(value) {
        Some(handle) => Value::Handle(handle),
        None => Value::Other(value.type_name().to_owned()),
    }
}

/// A plain value of the domain as a script has it; handles are bound by their own verbs.
pub fn from_value(value: Value) -> Dynamic {
    match value {
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Float(value) => value.into(),
        Value::Text(value) => value.into(),
        Value::Ints(values) => values.into_iter().map(Dynamic::from).collect::<Array>().into(),
        Value::Floats(values) => values.into_iter().map(Dynamic::from).collect::<Array>().into(),
        Value::List(values) => values.into_iter().map(from_value).collect::<Array>().into(),
        Value::Map(values) => {
            let items = values.into_iter().map(|(key, value)| (key.into(), from_value(value)));
            items.collect::<Map>().into()
        }
        Value::Unit | Value::Handle(_) | Value::Other(_) => Dynamic::UNIT,
    }
}

/// The numbers from `start` to below `end`, unless they are more than a list may hold.
fn whole(start: i64, end: i64) -> Value {
    let count = i128::from(end) - i128::from(start);
    if count > LIST as i128 {
        return Value::Other(format!("range of {count} numbers, more than {LIST}"));
    }
    Value::Ints((start..end).collect())
}

/// The handle in a Rhai value, if there is one.
pub fn handle(value: &Dynamic) -> Option<Rc<dyn Handle>> {
    fn of<T: Handle + Clone>(value: &Dynamic) -> Option<Rc<dyn Handle>> {
        value.read_lock::<T>().map(|handle| Rc::new(handle.clone()) as Rc<dyn Handle>)
    }
    of::<Dataset>(value)
        .or_else(|| of::<Split>(value))
        .or_else(|| of::<Model>(value))
        .or_else(|| of::<Transform>(value))
        .or_else(|| of::<ThreatModel>(value))
        .or_else(|| of::<Attacker>(value))
        .or_else(|| of::<Arm>(value))
        .or_else(|| of::<Protocol>(value))
        .or_else(|| of::<Cells>(value))
        .or_else(|| of::<ScriptTensor>(value))
}
