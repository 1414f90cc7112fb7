//! What a session holds: its variables, and how much memory they take.

use super::bundle::printed;
use super::session::Session;
use super::value::handle;
use crate::table::{Column, Table};
use rhai::{Array, Dynamic, ImmutableString, Map};

/// A variable of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it holds, as entries name kinds.
    pub kind: String,
    /// Its value in one line.
    pub summary: String,
    /// The bytes of its tensors and texts that are in memory now.
    pub bytes: usize,
}

impl Session {
    /// The variables, in the order in which they were defined.
    pub fn variables(&self) -> Vec<Variable> {
        let all = self.scope.iter_raw().map(|(name, constant, value)| Variable {
            name: name.to_owned(),
            kind: format!("{}{}", if constant { "const " } else { "" }, self.kind(value)),
            summary: self.summary(value),
            bytes: bytes(value),
        });
        all.collect()
    }

    /// The variables as a table: with `memory` how much each takes, else what each is.
    pub fn variables_table(&self, memory: bool) -> Table {
        let variables = self.variables();
        let last = if memory { Column::numbers("bytes") } else { Column::words("value") };
        let mut table = Table::new("", vec![Column::words("name"), Column::words("kind"), last]);
        table.rows = variables
            .iter()
            .map(|variable| {
                let last = match memory {
                    true => variable.bytes.to_string(),
                    false => variable.summary.clone(),
                };
                vec![variable.name.clone(), variable.kind.clone(), last]
            })
            .collect();
        if memory {
            let total: usize = variables.iter().map(|variable| variable.bytes).sum();
            table.notes.push(format!(
                "{total} bytes in all; handles that share images or weights count them each"
            ));
        }
        table
    }

    /// A value in one line.
    pub(super) fn summary(&self, value: &Dynamic) -> String {
        if let Some(list) = value.read_lock::<Array>() {
            return format!("{} values", list.len());
        }
        if let Some(map) = value.read_lock::<Map>() {
            let keys: Vec<&str> = map.keys().map(|key| key.as_str()).collect();
            return format!("#{{ {} }}", keys.join(", "));
        }
        let text = printed(&self.engine, value);
        let line = text.lines().next().unwrap_or("");
        match line.char_indices().nth(80) {
            Some((cut, _)) => format!("{}...", &line[..cut]),
            None => line.to_owned(),
        }
    }
}

/// The bytes of the tensors and texts in a value.
fn bytes(value: &Dynamic) -> usize {
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().map(|item| size_of::<Dynamic>() + bytes(item)).sum();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.iter().map(|(key, item)| key.len() + size_of::<Dynamic>() + bytes(item)).sum();
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.len();
    }
    handle(value).map_or(size_of::<Dynamic>(), |handle| handle.bytes())
}
