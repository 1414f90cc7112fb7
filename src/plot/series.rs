//! Series of numbers, as scripts give them.

use crate::error::{Error, Result};
use crate::registry::Value;
use std::collections::BTreeMap;

/// The most points of a line.
const LONGEST: usize = 10_000;
/// The keys of a series.
const KEYS: [&str; 5] = ["name", "y", "x", "low", "high"];

/// A point of a line, with its interval where it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Option<(f64, f64)>,
}

/// A line, broken where a point is missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    /// The stretches without a gap; none is empty.
    pub(super) runs: Vec<Vec<Point>>,
}

impl Line {
    pub(super) fn points(&self) -> impl Iterator<Item = &Point> {
        self.runs.iter().flatten()
    }
}

/// One series; errors lack the operation.
pub(super) fn line(series: &Value, shared: Option<&[f64]>, logarithmic: [bool; 2]) -> Result<Line> {
    let only_y;
    let map = match series {
        Value::Map(map) => map,
        list => {
            only_y = BTreeMap::from([("y".to_owned(), list.clone())]);
            &only_y
        }
    };
    if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Error::usage(format!("unknown key {key}"))
            .hint(format!("keys of a series: {}", KEYS.join(", "))));
    }
    let of = |key: &str| map.get(key).map(|value| numbers(key, value)).transpose();
    let y = of("y")?.ok_or_else(|| {
        Error::usage("y is missing").hint("a series is a list of numbers or #{ name, y }")
    })?;
    if y.len() > LONGEST {
        return Err(Error::usage(format!("expected at most {LONGEST} points, found {}", y.len())));
    }
    let name = match map.get("name") {
        None | Some(Value::Unit) => String::new(),
        Some(Value::Text(name)) => name.clone(),
        Some(other) => {
            return Err(Error::usage(format!("name expected a text, found {}", other.found())));
        }
    };
    let counted = || (1..=y.len()).map(|place| place as f64).collect();
    let x = of("x")?.or_else(|| shared.map(<[f64]>::to_vec)).unwrap_or_else(counted);
    let [low, high] = [of("low")?, of("high")?];
    for (key, list) in [("x", Some(&x)), ("low", low.as_ref()), ("high", high.as_ref())] {
        if let Some(list) = list.filter(|list| list.len() != y.len()) {
            return Err(Error::usage(format!(
                "{key} expected {} numbers, as many as y, found {}",
                y.len(),
                list.len()
            )));
        }
    }
    if low.is_some() != high.is_some() {
        return Err(Error::usage("expected both low and high, found one of them"));
    }
    let end = |list: &Option<Vec<f64>>, place: usize| list.as_ref().map(|list| list[place]);
    let mut runs = vec![Vec::new()];
    for (place, (&x, &y)) in x.iter().zip(&y).enumerate() {
        let interval = end(&low, place).zip(end(&high, place));
        let interval = interval.filter(|(low, high)| !low.is_nan() && !high.is_nan());
        match x.is_nan() || y.is_nan() {
            true => runs.push(Vec::new()),
            false => runs.last_mut().into_iter().for_each(|run| run.push(Point { x, y, interval })),
        }
    }
    runs.retain(|run| !run.is_empty());
    let line = Line { name, runs };
    check(&line, logarithmic)?;
    Ok(line)
}

/// Refuses what has no place on the axes.
fn check(line: &Line, [log_x, log_y]: [bool; 2]) -> Result<()> {
    if line.points().next().is_none() {
        return Err(Error::usage("expected at least one number, found none"));
    }
    for point in line.points() {
        let (low, high) = point.interval.unwrap_or((point.y, point.y));
        for (key, value, log) in [
            ("x", point.x, log_x),
            ("y", point.y, log_y),
            ("low", low, log_y),
            ("high", high, log_y),
        ] {
            if value.is_infinite() {
                return Err(Error::usage(format!("{key} expected finite numbers, found {value}")));
            }
            if log && value <= 0.0 {
                return Err(Error::usage(format!(
                    "{key} expected numbers above 0 on a logarithmic axis, found {value}"
                ))
                .hint("log: \"none\" draws them"));
            }
        }
        if low > high {
            return Err(Error::usage(format!("expected low <= high, found {low} and {high}")));
        }
    }
    Ok(())
}

/// A list of numbers; nothing in the place of one is a gap.
pub(super) fn numbers(key: &str, value: &Value) -> Result<Vec<f64>> {
    let number = |value: &Value| match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        Value::Unit => Some(f64::NAN),
        _ => None,
    };
    let found = match value {
        Value::Ints(values) => Some(values.iter().map(|value| *value as f64).collect()),
        Value::Floats(values) => Some(values.clone()),
        Value::List(items) => items.iter().map(number).collect(),
        _ => None,
    };
    found.ok_or_else(|| {
        let found = match value {
            Value::List(items) => items.iter().find(|item| number(item).is_none()),
            _ => None,
        };
        let found = found.unwrap_or(value).found();
        Error::usage(format!("{key} expected a list of numbers, found {found}"))
    })
}
