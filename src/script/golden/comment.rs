//! The comments of a script, as Rhai's own tokenizer finds them.

use crate::script::source::offset;
use rhai::{Engine, Position, Token};
use std::ops::Range;

/// A comment `//` and what precedes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// From the slashes to the end of the line, in bytes.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The last token of code before it.
    pub after: Option<Code>,
    /// Whether a bracket is open.
    pub nested: bool,
}

/// A token of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its first byte.
    pub start: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Whether it is the semicolon that ends a statement.
    pub ends: bool,
}

/// All `//` comments of a script, and its last token of code.
pub fn comments(source: &str) -> (Vec<Comment>, Option<Code>) {
    let engine = Engine::new_raw();
    let inputs = [source];
    let (mut tokens, control) = engine.lex(&inputs);
    tokens.state.include_comments = true;
    let mut found = Vec::new();
    let mut last: Option<(Position, bool)> = None;
    let mut depth = 0usize;
    let mut interpolations = Vec::new();
    let code = |(position, ends): (Position, bool)| {
        let line = position.line().unwrap_or(1);
        offset(source, position).map(|start| Code { start, line, ends })
    };
    for (token, position) in tokens {
        match &token {
            Token::EOF => break,
            Token::Comment(text) => {
                if text.starts_with("//")
                    && let (Some(start), Some(line)) = (offset(source, position), position.line())
                {
                    let length = source[start..].find(['\n', '\r']);
                    let end = length.map_or(source.len(), |length| start + length);
                    let after = last.and_then(code);
                    found.push(Comment { span: start..end, line, after, nested: depth > 0 });
                }
                continue;
            }
            Token::InterpolatedString(_) => interpolations.push(depth),
            Token::LeftBrace
            | Token::MapStart
            | Token::LeftParen
            | Token::LeftBracket
            | Token::QuestionBracket => depth += 1,
            Token::RightBrace | Token::RightParen | Token::RightBracket => {
                depth = depth.saturating_sub(1);
                if token == Token::RightBrace && interpolations.last() == Some(&depth) {
                    interpolations.pop();
                    // The parser says so, too, where a `}` ends `${`.
                    control.borrow_mut().is_within_text = true;
                }
            }
            _ => {}
        }
        last = Some((position, token == Token::SemiColon && depth == 0));
    }
    (found, last.and_then(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        comments(source).0.into_iter().map(|comment| &source[comment.span]).collect()
    }

    #[test]
    fn marks_in_texts_and_block_comments_are_no_comments() {
        let source = "let a = \"//=> 1\"; /* //=> 2 /* nested */ //=> 3 */\n\
                      let b = `//=> 4 ${ if a == \"}\" { 1 } else { 2 } } //=> 5`; //=> 6\n\
                      let c = #\"//=> 7 \"#; // é\n";
        assert_eq!(texts(source), ["//=> 6", "// é"]);
    }

    #[test]
    fn a_comment_knows_the_code_before_it() {
        let source = "// head\nlet é = #{ a: 1, // in\n};\n// out\r\nf() // end";
        let (found, last) = comments(source);
        let lines: Vec<usize> = found.iter().map(|comment| comment.line).collect();
        assert_eq!(lines, [1, 2, 4, 5]);
        let nested: Vec<bool> = found.iter().map(|comment| comment.nested).collect();
        assert_eq!(nested, [false, true, false, false]);
        assert_eq!(found[0].after, None);
        let out = found[2].after.unwrap();
        assert_eq!((&source[out.start..=out.start], out.line, out.ends), (";", 3, true));
        assert_eq!(&source[last.unwrap().start..][..1], "(");
        assert_eq!(texts(source)[2], "// out");
    }
}
