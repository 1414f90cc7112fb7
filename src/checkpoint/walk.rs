//! All places of a value, by path.

use super::node::{Id, Node, Value};
use super::tensor_meta::TensorMeta;
use crate::error::{Error, Result};
use std::collections::BTreeSet;

/// The deepest that values are followed; files of PyTorch need a dozen levels.
pub const MAX_DEPTH: usize = 64;

/// The most characters of a key that a path shows.
const MAX_KEY: usize = 200;

/// The most bytes that the list of all paths may take, and what a path takes besides its text.
const MAX_PATHS: usize = 128 << 20;
const PATH: usize = 64;

/// The most parts that are looked at for a state dict.
const MAX_NAMED: usize = 1 << 20;

/// The parts of a value, each with the step that leads to it: a key, an index, the name of an
/// attribute, or the number of an argument as `(0)`.
pub fn parts<'a>(node: Node<'a>) -> Vec<(String, Node<'a>)> {
    let mut parts: Vec<(String, Node)> =
        node.items().map(|(key, value)| (step(key), value)).collect();
    let elements = node.elements().enumerate();
    parts.extend(elements.map(|(index, element)| (index.to_string(), element)));
    if let Value::Opaque(opaque) = node.value() {
        if let Some(arguments) = opaque.arguments {
            let given = node.at(arguments).elements().enumerate();
            parts.extend(given.map(|(index, argument)| (format!("({index})"), argument)));
        }
        if let Some(state) = opaque.state.map(|state| node.at(state)) {
            let halves = match state.value() {
                Value::Tuple(_) => state.elements().collect(),
                _ => vec![state],
            };
            for half in halves {
                parts.extend(half.items().map(|(key, value)| (step(key), value)));
            }
        }
    }
    parts
}

/// A key as a step of a path.
fn step(key: Node) -> String {
    match key.value() {
        Value::Text(text) if text.chars().nth(MAX_KEY).is_none() => text.clone(),
        Value::Text(text) => text.chars().take(MAX_KEY).chain(['…']).collect(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(known) => if *known { "True" } else { "False" }.to_owned(),
        _ => format!("<{}>", key.kind()),
    }
}

/// Every tensor below a value with its path, the steps joined by `/`, in the order of the file. A
/// container listed twice is followed at its first place only.
///
/// # Errors
/// Data: more paths than 128 MiB take.
pub fn tensors(root: Node<'_>) -> Result<Vec<(String, &TensorMeta)>> {
    let mut found = Vec::new();
    let mut followed: BTreeSet<Id> = BTreeSet::new();
    let mut bytes = 0;
    let mut left = vec![(String::new(), root, 0)];
    while let Some((path, node, depth)) = left.pop() {
        if let Some(meta) = node.tensor() {
            found.push((path, meta));
            continue;
        }
        if depth == MAX_DEPTH || !followed.insert(node.id()) {
            continue;
        }
        for (step, part) in parts(node).into_iter().rev() {
            let path = if path.is_empty() { step } else { format!("{path}/{step}") };
            bytes += path.len() + PATH;
            if bytes > MAX_PATHS {
                return Err(Error::data("checkpoint: too many values to list"));
            }
            left.push((path, part, depth + 1));
        }
    }
    Ok(found)
}

/// The tensors of a state dict by name, in its order: of a dictionary that holds some, or of a
/// whole `nn.Module`, whose names are put together as its `state_dict()` does. `None` if it holds
/// none, or more than a million parts. Buffers that a module does not save are among them, since a
/// file does not tell them apart.
pub fn state_dict(node: Node<'_>) -> Option<Vec<(String, &TensorMeta)>> {
    let mut named = Vec::new();
    match node.value() {
        Value::Dict { .. } => {
            let tensors = node
                .items()
                .filter_map(|(key, value)| Some((key.text()?.to_owned(), value.tensor()?)));
            named.extend(tensors);
        }
        Value::Opaque(_) => {
            let mut modules = Modules { followed: BTreeSet::new(), left: MAX_NAMED, named };
            modules.follow(node, "", 0)?;
            named = modules.named;
        }
        _ => {}
    }
    (!named.is_empty()).then_some(named)
}

struct Modules<'a> {
    followed: BTreeSet<Id>,
    left: usize,
    named: Vec<(String, &'a TensorMeta)>,
}

impl<'a> Modules<'a> {
    /// Adds the tensors of a module; nothing if there are too many.
    fn follow(&mut self, node: Node<'a>, prefix: &str, depth: usize) -> Option<()> {
        if depth == MAX_DEPTH || !self.followed.insert(node.id()) {
            return Some(());
        }
        // Looking for these three takes a step for each attribute.
        self.left = self.left.checked_sub(node.state().map_or(0, |state| state.items().len()))?;
        for kind in ["_parameters", "_buffers"] {
            for (key, value) in node.attribute(kind).iter().flat_map(|tensors| tensors.items()) {
                self.left = self.left.checked_sub(1)?;
                if let Some(meta) = value.tensor() {
                    self.named.push((format!("{prefix}{}", step(key)), meta));
                }
            }
        }
        for (key, part) in node.attribute("_modules").iter().flat_map(|parts| parts.items()) {
            self.left = self.left.checked_sub(1)?;
            self.follow(part, &format!("{prefix}{}.", step(key)), depth + 1)?;
        }
        Some(())
    }
}
