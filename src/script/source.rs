//! Places in a script's text that Rhai gives no span for: the keys of a literal map in a call.

use super::token::{Token, pieces};
use rhai::Position;

/// A stretch of a script, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The byte at a Rhai position, which counts characters.
pub fn offset(source: &str, position: Position) -> Option<usize> {
    let line = position.line()?;
    let start: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let text = source.get(start..)?;
    let column = position.position().unwrap_or(1).saturating_sub(1);
    let within: usize = text.chars().take(column).map(char::len_utf8).sum();
    Some((start + within).min(source.len()))
}

/// The word, number, text or operator that starts at `start`.
pub fn token(source: &str, start: usize) -> Span {
    let rest = source.get(start..).unwrap_or("");
    let length = pieces(rest).first().filter(|piece| piece.start == 0).map_or(1, |piece| piece.end);
    Span { start, end: start + length }
}

/// The keys at the first level of the first map literal at or after `start`, up to the end of the
/// call that encloses it, in source order.
pub fn keys(source: &str, start: usize) -> Vec<(String, Span)> {
    let rest = source.get(start..).unwrap_or("");
    let mut keys = Vec::new();
    let mut stack: Vec<&str> = Vec::new();
    let pieces = pieces(rest);
    for (index, piece) in pieces.iter().enumerate() {
        let text = piece.text(rest);
        match (piece.token, text) {
            (Token::Symbol, "(" | "[" | "{" | "#{") => stack.push(text),
            (Token::Symbol, ")" | "]" | "}") => {
                stack.pop();
                if stack.is_empty() {
                    break;
                }
            }
            (Token::Name | Token::Keyword | Token::Text { .. }, _) => {
                let next = pieces.get(index + 1).map(|next| next.text(rest));
                if stack == ["(", "#{"] && next == Some(":") {
                    let span = Span { start: start + piece.start, end: start + piece.end };
                    keys.push((text.trim_matches('"').to_owned(), span));
                }
            }
            _ => {}
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        keys(source, 0).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn keys_come_in_source_order_and_from_the_first_level() {
        let source = "grid(#{ b: f(#{ x: 1 }), // a: no\n \"a\": \"c: no\", z: [#{ y: 2 }] }, |c| #{ w: 1 })";
        assert_eq!(names(source)[..3], ["b", "a", "z"]);
    }

    #[test]
    fn namespaces_are_no_keys() {
        assert_eq!(names("f(#{ a: attack::pgd() })"), ["a"]);
    }

    #[test]
    fn a_position_after_wide_characters_is_found() {
        let source = "let é = 1;\nlet ü = pgd();";
        let at = offset(source, Position::new(2, 9)).unwrap();
        assert_eq!(&source[at..at + 3], "pgd");
        assert_eq!(token(source, at), Span { start: at, end: at + 3 });
    }
}
