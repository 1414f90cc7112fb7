//! What the line editor knows of the language: completion, hints, colours, whether an entry is
//! complete.

use super::commands;
use crate::script::{Piece, Session, Token, pieces};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

/// The editor's view of a session.
pub struct Editing(pub Rc<RefCell<Session>>);

/// Where the script starts in a line: behind the command, if it has one.
fn script_start(line: &str) -> usize {
    match line.chars().next() {
        Some('?') => 1,
        Some(':') => line.find(' ').map_or(line.len(), |space| space + 1),
        _ => 0,
    }
}

impl Validator for Editing {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let whole = input.starts_with([':', '?']) || self.0.borrow().is_complete(input);
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Editing {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let start = script_start(line);
        if line.starts_with(':') && cursor < start.max(1) + usize::from(start == line.len()) {
            return Ok((0, commands::completed(&line[..cursor])));
        }
        let completion = self.0.borrow().complete(&line[start..], cursor.saturating_sub(start));
        let pair = |candidate: crate::script::Candidate| Pair {
            display: candidate.shown,
            replacement: candidate.text,
        };
        Ok((start + completion.start, completion.candidates.into_iter().map(pair).collect()))
    }
}

impl Hinter for Editing {
    type Hint = String;

    fn hint(&self, line: &str, cursor: usize, _: &Context<'_>) -> Option<String> {
        if cursor < line.len() || line.starts_with([':', '?']) {
            return None;
        }
        self.0.borrow().hint(line)
    }
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";

impl Highlighter for Editing {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if line.starts_with([':', '?']) {
            return Cow::Owned(format!("\x1b[36m{line}{RESET}"));
        }
        Cow::Owned(coloured(line))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("{DIM}{hint}{RESET}"))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}

impl Helper for Editing {}

/// A text with colours; its visible characters stay.
fn coloured(line: &str) -> String {
    let pieces = pieces(line);
    let mut out = String::with_capacity(2 * line.len());
    let mut at = 0;
    for (index, piece) in pieces.iter().enumerate() {
        out.push_str(&line[at..piece.start]);
        let text = piece.text(line);
        match colour(*piece, pieces.get(index + 1).map(|next| next.text(line))) {
            Some(code) => out.push_str(&format!("\x1b[{code}m{text}{RESET}")),
            None => out.push_str(text),
        }
        at = piece.end;
    }
    out.push_str(&line[at..]);
    out
}

fn colour(piece: Piece, next: Option<&str>) -> Option<&'static str> {
    match (piece.token, next) {
        (Token::Keyword, _) => Some("35"),
        (Token::Number, _) => Some("33"),
        (Token::Text { .. }, _) => Some("32"),
        (Token::Comment { .. }, _) => Some("2"),
        (Token::Name, Some("::")) => Some("36"),
        (Token::Name, Some("(")) => Some("34"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_no_visible_character() {
        let line = "let a = attack::pgd(#{ eps: 1.5, norm: \"l2\" }); // é";
        let mut visible = String::new();
        let mut rest = coloured(line);
        while let Some(start) = rest.find('\x1b') {
            visible.push_str(&rest[..start]);
            let end = rest[start..].find('m').unwrap();
            rest = rest[start + end + 1..].to_owned();
        }
        visible.push_str(&rest);
        assert_eq!(visible, line);
    }
}
