//! Places in a script's text that Rhai gives no span for: the keys of a literal map in a call.

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
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let first = rest.chars().next();
    let length = match first {
        Some(c) if word(c) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
        Some('"') => skip(rest, 0).unwrap_or(rest.len()),
        Some(c) => c.len_utf8(),
        None => 0,
    };
    Span { start, end: start + length.max(1) }
}

/// The keys at the first level of the first map literal at or after `start`, up to the end of the
/// call that encloses it, in source order.
pub fn keys(source: &str, start: usize) -> Vec<(String, Span)> {
    let mut keys = Vec::new();
    let mut stack: Vec<char> = Vec::new();
    let mut at = start;
    while let Some(c) = source.get(at..).and_then(|rest| rest.chars().next()) {
        if let Some(next) = skip(source, at) {
            let quoted = c == '"' && stack == ['(', '{'];
            if quoted && follows_colon(source, next) {
                let text = source[at + 1..next - 1].to_owned();
                keys.push((text, Span { start: at, end: next }));
            }
            at = next;
            continue;
        }
        match c {
            '(' | '[' | '{' => stack.push(c),
            ')' | ']' | '}' => {
                stack.pop();
                if stack.is_empty() {
                    break;
                }
            }
            c if c.is_alphabetic() || c == '_' => {
                let span = token(source, at);
                if stack == ['(', '{'] && follows_colon(source, span.end) {
                    keys.push((source[at..span.end].to_owned(), span));
                }
                at = span.end;
                continue;
            }
            _ => {}
        }
        at += c.len_utf8();
    }
    keys
}

/// The end of the text or comment that starts at `at`, if one does.
fn skip(source: &str, at: usize) -> Option<usize> {
    let rest = source.get(at..)?;
    if rest.starts_with("//") {
        return Some(at + rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(at + rest.find("*/").map_or(rest.len(), |end| end + 2));
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`' | '\''))?;
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return Some(at + index + c.len_utf8());
        }
        escaped = c == '\\' && !escaped;
    }
    Some(source.len())
}

fn follows_colon(source: &str, at: usize) -> bool {
    let rest = source.get(at..).unwrap_or("").trim_start();
    rest.starts_with(':') && !rest.starts_with("::")
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
