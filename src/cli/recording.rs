//! What was entered at a prompt, as a script with its outcomes.

use crate::script::Ended;

/// The entries that ended without an error, in order.
#[derive(Debug, Default)]
pub struct Recording(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    source: String,
    shown: Option<String>,
}

impl Recording {
    /// Adds an entry and what it showed.
    pub fn add(&mut self, source: &str, ended: &Ended) {
        let shown = match ended {
            Ended::Value(Some(bundle)) => Some(bundle.text.clone()),
            Ended::Value(None) => None,
            Ended::ShardDone { .. } => return,
        };
        self.0.push(Entry { source: source.trim().to_owned(), shown });
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A script that `rtscript test` accepts: each entry with the value it showed.
    pub fn script(&self) -> String {
        let mut text = String::new();
        for entry in &self.0 {
            text.push_str(&entry.source);
            if !entry.source.ends_with([';', '}'])
                || entry.shown.is_some() && !entry.source.ends_with(';')
            {
                text.push(';');
            }
            if let Some(shown) = &entry.shown {
                text.push_str(" //=> ");
                text.push_str(&shown.replace('\n', "\n//   "));
            }
            text.push('\n');
        }
        text
    }
}
