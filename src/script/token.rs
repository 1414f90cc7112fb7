//! Rhai's words as the prompt needs them: also of text that is not finished or not correct.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A name: of a variable, a function, an option.
    Name,
    /// A word of the language.
    Keyword,
    /// A number.
    Number,
    /// A text in quotes or backticks, or a character; `closed` tells whether it ends.
    Text {
        /// Whether the closing quote is there.
        closed: bool,
    },
    /// A comment, to the end of its line or to its closing mark; `closed` as for texts.
    Comment {
        /// Whether the closing mark is there; true for a comment to the end of a line.
        closed: bool,
    },
    /// Anything else: `(`, `::`, `#{`, one or two characters long.
    Symbol,
}

/// A token and its place, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub token: Token,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Piece {
    /// Its text in `source`.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or("")
    }
}

/// Words of the language that take a place in scripts.
pub const KEYWORDS: &[&str] = &[
    "as", "break", "catch", "const", "continue", "do", "else", "export", "false", "fn", "for",
    "if", "import", "in", "let", "loop", "private", "return", "switch", "this", "throw", "true",
    "try", "until", "while",
];

/// The pieces of `source` in order; white space is left out.
pub fn pieces(source: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let (token, length) = piece(&source[at..], first);
        if let Some(token) = token {
            found.push(Piece { token, start: at, end: at + length });
        }
        at += length;
    }
    found
}

fn piece(rest: &str, first: char) -> (Option<Token>, usize) {
    if first.is_whitespace() {
        return (None, first.len_utf8());
    }
    if rest.starts_with("//") {
        let end = rest.find('\n').unwrap_or(rest.len());
        return (Some(Token::Comment { closed: true }), end);
    }
    if rest.starts_with("/*") {
        let end = end_of_comment(rest);
        let token = Token::Comment { closed: end.is_some() };
        return (Some(token), end.unwrap_or(rest.len()));
    }
    if matches!(first, '"' | '`' | '\'') {
        let end = end_of_text(rest, first);
        return (Some(Token::Text { closed: end.is_some() }), end.unwrap_or(rest.len()));
    }
    let word = |c: char| c.is_alphanumeric() || c == '_';
    if word(first) {
        let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
        if first.is_ascii_digit() {
            return (Some(Token::Number), end_of_number(rest, length));
        }
        let keyword = KEYWORDS.contains(&&rest[..length]);
        return (Some(if keyword { Token::Keyword } else { Token::Name }), length);
    }
    let double =
        ["::", "#{", "=>", "==", "!=", "<=", ">=", "&&", "||", "..", "+=", "-=", "*=", "/="];
    let length =
        if double.iter().any(|symbol| rest.starts_with(symbol)) { 2 } else { first.len_utf8() };
    (Some(Token::Symbol), length)
}

/// Comments nest, as in Rhai.
fn end_of_comment(rest: &str) -> Option<usize> {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    None
}

/// A text in double quotes ends on its line unless the line ends with a backslash; one in
/// backticks may hold lines, and code in `${...}`.
fn end_of_text(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let mut depth = 0;
    let mut before = ' ';
    for (index, c) in rest.char_indices().skip(1) {
        if quote == '`' {
            match c {
                '{' if before == '$' || depth > 0 => depth += 1,
                '}' if depth > 0 => depth -= 1,
                '`' if depth == 0 => return Some(index + 1),
                _ => {}
            }
            before = c;
            continue;
        }
        if c == quote && !escaped {
            return Some(index + c.len_utf8());
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

/// Digits may be followed by a fraction and an exponent; `0..3` is no fraction.
fn end_of_number(rest: &str, digits: usize) -> usize {
    let bytes = rest.as_bytes();
    let mut end = digits;
    let fraction = bytes.get(end) == Some(&b'.')
        && bytes.get(end + 1).is_none_or(|c| !c.is_ascii_alphabetic() && !matches!(c, b'.' | b'_'));
    if fraction {
        end += 1;
        while bytes.get(end).is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_') {
            end += 1;
        }
    }
    let exponent = bytes.get(end - 1).is_some_and(|c| matches!(c, b'e' | b'E'))
        && bytes.get(end).is_some_and(|c| matches!(c, b'+' | b'-'))
        && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    if exponent {
        end += 1;
        while bytes.get(end).is_some_and(u8::is_ascii_digit) {
            end += 1;
        }
    }
    end
}

/// Whether a text, a comment or a bracket is open at the end of `source`: more must follow.
pub fn is_open(source: &str) -> bool {
    let mut depth = 0i64;
    for piece in pieces(source) {
        match piece.token {
            Token::Text { closed: false } | Token::Comment { closed: false } => return true,
            Token::Symbol => match piece.text(source) {
                "(" | "[" | "{" | "#{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            },
            _ => {}
        }
    }
    depth > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(source: &str) -> Vec<&str> {
        pieces(source).into_iter().map(|piece| piece.text(source)).collect()
    }

    #[test]
    fn a_line_of_script_falls_into_its_words() {
        assert_eq!(
            texts("let a = attack::pgd(#{ eps: 1.5e-3 }); // why"),
            [
                "let", "a", "=", "attack", "::", "pgd", "(", "#{", "eps", ":", "1.5e-3", "}", ")",
                ";", "// why"
            ]
        );
        assert_eq!(
            texts("0..3 1.5 2.max(3)"),
            ["0", "..", "3", "1.5", "2", ".", "max", "(", "3", ")"]
        );
    }

    #[test]
    fn texts_hold_quotes_lines_and_code() {
        for text in [r#""a \" b""#, "`x ${f(#{ a: 1 })} y`", "'c'", "\"é\"", "/* a /* b */ c */"] {
            assert_eq!(texts(text), [text]);
            assert!(!is_open(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_open() {
        for source in ["f(", "#{ a: [1,", "fn f() {", "\"abc", "`a ${b", "/* a /* b */", "{ \"}\""]
        {
            assert!(is_open(source), "{source}");
        }
        for source in ["f()", "1 + 2", "// (", "\"(\"", "let x = '{';", ")"] {
            assert!(!is_open(source), "{source}");
        }
    }

    proptest! {
        #[test]
        fn pieces_cover_all_but_white_space_in_order(source in "\\PC{0,60}") {
            let mut at = 0;
            for piece in pieces(&source) {
                prop_assert!(piece.start >= at && piece.end > piece.start);
                prop_assert!(source[at..piece.start].chars().all(char::is_whitespace));
                at = piece.end;
            }
            prop_assert!(source[at..].chars().all(char::is_whitespace));
        }
    }
}
