//! All that is no tensor, as an indented tree.

use super::super::node::{How, Id, Node, Opaque, Value};
use super::super::symbol::Trust;
use super::super::walk;
use super::Style;
use super::text::{counted, printable};
use std::collections::{BTreeMap, BTreeSet};

/// What is written without `--all`: lines, parts of one value, levels.
const SHORT: (usize, usize, usize) = (60, 12, 6);
/// What is written with it.
const FULL: (usize, usize, usize) = (100_000, 100_000, walk::MAX_DEPTH);

/// The tree below `root`, without what holds only tensors; nothing if there is nothing else.
pub fn lines(root: Node, style: Style) -> String {
    let (most_lines, most_parts, most_depth) = if style.all { FULL } else { SHORT };
    let mut tree = Tree {
        text: String::new(),
        lines: 0,
        most_lines,
        most_parts,
        most_depth,
        style,
        followed: BTreeSet::new(),
        sorting: Sorting::default(),
    };
    match inline(root, style.width) {
        Some(value) => tree.line(0, &value),
        None => tree.parts(root, 0),
    }
    tree.text
}

struct Tree {
    text: String,
    lines: usize,
    most_lines: usize,
    most_parts: usize,
    most_depth: usize,
    style: Style,
    followed: BTreeSet<Id>,
    sorting: Sorting,
}

impl Tree {
    fn line(&mut self, depth: usize, line: &str) {
        self.lines += 1;
        if self.lines <= self.most_lines {
            self.text.push_str(&format!("{}{line}\n", "  ".repeat(depth + 1)));
        } else if self.lines == self.most_lines + 1 {
            self.text.push_str("  … more (--all)\n");
        }
    }

    fn parts(&mut self, node: Node, depth: usize) {
        if depth == self.most_depth || self.lines > self.most_lines {
            self.line(depth, "…");
            return;
        }
        if !self.followed.insert(node.id()) {
            self.line(depth, "… as above");
            return;
        }
        let mut parts = walk::parts(node);
        // What only holds tensors is told among the tensors.
        parts.retain(|(_, part)| !self.sorting.is_tensors(*part));
        // A module keeps its own affairs under such names.
        let module = node.attribute("_modules").is_some();
        parts.retain(|(name, _)| self.style.all || !module || !name.starts_with('_'));
        let left = parts.len().saturating_sub(self.most_parts);
        parts.truncate(self.most_parts);
        let names: Vec<String> = parts.iter().map(|(name, _)| printable(name, 40)).collect();
        let widest = names.iter().map(|name| name.chars().count()).filter(|&n| n <= 24).max();
        let column = widest.unwrap_or(0);
        for (name, (_, part)) in names.iter().zip(&parts) {
            let used = 2 * depth + 4 + column.max(name.chars().count());
            let room = self.style.width.saturating_sub(used).max(20);
            let code = !self.style.all && is_code(*part);
            match inline(*part, room) {
                _ if code => self.line(depth, &format!("{name:<column$}  {}(…)", described(*part))),
                Some(value) => self.line(depth, &format!("{name:<column$}  {value}")),
                None => {
                    self.line(depth, &format!("{name:<column$}  {}", described(*part)));
                    self.parts(*part, depth + 1);
                }
            }
        }
        if left > 0 {
            self.line(depth, &format!("… {left} more (--all)"));
        }
    }
}

/// What was found of values, each looked at once however often it is listed.
#[derive(Default)]
struct Sorting {
    tensors: BTreeMap<Id, bool>,
    states: BTreeMap<Id, bool>,
}

impl Sorting {
    /// Whether a value is a tensor, or a container of nothing else that is told with the tensors.
    fn is_tensors(&mut self, node: Node) -> bool {
        if let Some(&known) = self.tensors.get(&node.id()) {
            return known;
        }
        let found = match node.value() {
            Value::Tensor(_) | Value::Storage(_) => true,
            Value::Dict { items, .. } => {
                !items.is_empty() && node.items().all(|(_, value)| self.is_state(value))
            }
            Value::List(ids) | Value::Tuple(ids) => {
                !ids.is_empty() && node.elements().all(|value| self.is_state(value))
            }
            _ => false,
        };
        self.tensors.insert(node.id(), found);
        found
    }

    /// Whether a value is a tensor, or a dictionary of tensors and numbers such as the state that
    /// an optimizer keeps of a parameter.
    fn is_state(&mut self, node: Node) -> bool {
        if let Some(&known) = self.states.get(&node.id()) {
            return known;
        }
        let plain = |node: Node| node.float().is_some() || matches!(node.value(), Value::None);
        let found = match node.value() {
            Value::Tensor(_) => true,
            Value::Dict { .. } => {
                node.items().any(|(_, value)| value.tensor().is_some())
                    && node.items().all(|(_, value)| value.tensor().is_some() || plain(value))
            }
            _ => false,
        };
        self.states.insert(node.id(), found);
        found
    }
}

/// Whether a value is a function or a class put together from stored code.
fn is_code(node: Node) -> bool {
    node.opaque().is_some_and(|(opaque, symbol)| {
        symbol.trust == Trust::BuildsCode && opaque.how == How::Called
    })
}

/// What stands behind the name of a value whose parts follow below it.
fn described(node: Node) -> String {
    match node.opaque() {
        Some((opaque, symbol)) => {
            let name = printable(&format!("{}.{}", symbol.module, symbol.name), 80);
            if opaque.how == How::ResultCalled { format!("object of {name}(…)") } else { name }
        }
        None => {
            let parts = node.items().len() + node.elements().len();
            format!("{} of {parts}", node.kind())
        }
    }
}

/// A value on one line of `room` characters; nothing if it needs more.
fn inline(node: Node, room: usize) -> Option<String> {
    Some(match node.value() {
        Value::None => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Long(digits) => printable(digits, room),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => format!("\"{}\"", printable(text, room.saturating_sub(5))),
        Value::Bytes(_) => counted(node.bytes().map_or(0, <[u8]>::len), "byte"),
        Value::Tensor(meta) => format!("tensor {}", super::tensors::shape(&meta.shape)),
        Value::Storage(_) => "storage".to_owned(),
        Value::List(_) => return list(node, ("[", "]"), room),
        Value::Tuple(_) => return list(node, ("(", ")"), room),
        Value::Set(_) => return list(node, ("{", "}"), room),
        Value::Dict { items, .. } if items.is_empty() => "{}".to_owned(),
        Value::Dict { .. } => return None,
        Value::Opaque(opaque) if is_bare(node, opaque) => described(node),
        Value::Opaque(opaque) if opaque.state.is_none() && opaque.items.is_empty() => {
            let arguments = node.at(opaque.arguments?);
            let name = described(node);
            let left = room.saturating_sub(name.chars().count());
            format!("{name}{}", list(arguments, ("(", ")"), left)?)
        }
        Value::Opaque(_) => return None,
    })
}

/// Whether an opaque value has no parts.
fn is_bare(node: Node, opaque: &Opaque) -> bool {
    let none = |id: Id| node.at(id).elements().len() == 0;
    opaque.items.is_empty()
        && opaque.elements.is_empty()
        && opaque.state.is_none()
        && opaque.arguments.is_none_or(none)
}

/// The most elements of a list that stand on one line.
const MAX_INLINE: usize = 64;

fn list(node: Node, (open, close): (&str, &str), room: usize) -> Option<String> {
    let count = node.elements().len();
    let flat = |node: Node| {
        let empty = node.items().len() + node.elements().len() == 0;
        empty && !matches!(node.value(), Value::Opaque(opaque) if opaque.arguments.is_some())
    };
    let number = |node: Node| node.float().is_some();
    let numbers = count > 8 && node.elements().take(MAX_INLINE).all(number);
    if numbers && (count > MAX_INLINE || width_of(node) > room) {
        let first: Vec<String> =
            node.elements().take(4).map(|part| inline(part, 12)).collect::<Option<_>>()?;
        return Some(format!("{open}{}, …{close} of {count}", first.join(", ")));
    }
    let mut text = open.to_owned();
    for (index, part) in node.elements().enumerate() {
        if !flat(part) || text.chars().count() > room {
            return None;
        }
        text.push_str(if index > 0 { ", " } else { "" });
        text.push_str(&inline(part, room)?);
    }
    text.push_str(close);
    (text.chars().count() <= room).then_some(text)
}

/// The characters that the first numbers of a list take on one line.
fn width_of(node: Node) -> usize {
    node.elements().take(MAX_INLINE).filter_map(|part| inline(part, 30)).map(|t| t.len() + 2).sum()
}
