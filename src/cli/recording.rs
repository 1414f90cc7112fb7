//! What was entered at a prompt, as a script with its outcomes.

use crate::script::{Ended, Token, pieces};

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

    /// A script that `rtscript test` accepts: each entry with the value it showed. Where a later
    /// entry uses `ans`, the value it stands for gets that name.
    pub fn script(&self) -> String {
        let mut text = String::new();
        for (index, entry) in self.0.iter().enumerate() {
            let mut later = self.0[index + 1..].iter();
            let until = later.clone().position(|entry| entry.shown.is_some());
            let readers = until.map_or(usize::MAX, |next| next + 1);
            let named = entry.shown.is_some() && later.by_ref().take(readers).any(Entry::reads_ans);
            entry.write(&mut text, named);
        }
        text
    }
}

impl Entry {
    fn reads_ans(&self) -> bool {
        pieces(&self.source)
            .iter()
            .any(|piece| piece.token == Token::Name && piece.text(&self.source) == "ans")
    }

    fn write(&self, text: &mut String, named: bool) {
        if named {
            let (before, last) = self.source.split_at(self.last_statement());
            text.push_str(&format!("{before}let ans = {}; ans", last.trim_end_matches(';')));
        } else {
            text.push_str(&self.source);
        }
        let definition = self.shown.is_none() && self.source.ends_with('}');
        if !text.ends_with(';') && !definition {
            text.push(';');
        }
        if let Some(shown) = &self.shown {
            text.push_str(" //=> ");
            text.push_str(&shown.replace('\n', "\n//=> "));
        }
        text.push('\n');
    }

    /// Where the last statement starts.
    fn last_statement(&self) -> usize {
        let mut depth = 0i64;
        let mut start = 0;
        let pieces = pieces(&self.source);
        for (index, piece) in pieces.iter().enumerate() {
            match piece.text(&self.source) {
                _ if piece.token != Token::Symbol => {}
                "(" | "[" | "{" | "#{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                ";" if depth == 0 => {
                    start = pieces.get(index + 1).map_or(start, |next| next.start);
                }
                _ => {}
            }
        }
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Bundle;

    fn recorded(entries: &[(&str, Option<&str>)]) -> String {
        let mut recording = Recording::default();
        for (source, shown) in entries {
            recording.add(source, &Ended::Value(shown.map(Bundle::text)));
        }
        recording.script()
    }

    #[test]
    fn values_stand_behind_their_entries_line_by_line() {
        let text = recorded(&[
            ("let a = 1", None),
            ("fn f() {\n1\n}", None),
            ("f()", Some("1")),
            ("t", Some("x\ny")),
        ]);
        assert_eq!(text, "let a = 1;\nfn f() {\n1\n}\nf(); //=> 1\nt; //=> x\n//=> y\n");
    }

    #[test]
    fn ans_is_named_only_where_it_is_read() {
        let text = recorded(&[
            ("1", Some("1")),
            ("let x = [1, 2]; x", Some("[1, 2]")),
            ("let y = 3;", None),
            ("ans.len()", Some("2")),
            ("5", Some("5")),
        ]);
        let expected = "1; //=> 1\nlet x = [1, 2]; let ans = x; ans; //=> [1, 2]\nlet y = 3;\n\
                        ans.len(); //=> 2\n5; //=> 5\n";
        assert_eq!(text, expected);
    }
}
