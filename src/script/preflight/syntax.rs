//! Faults of the text that Rhai accepts in silence or blames on the wrong line.

use crate::script::source::{Span, offset};
use crate::script::token::{Token, pieces};
use rhai::{ParseError, ParseErrorType, Position};

/// The start of a comment that nothing closes: Rhai takes the rest of the script for it.
pub fn unclosed_comment(source: &str) -> Option<Position> {
    let open =
        pieces(source).into_iter().find(|piece| piece.token == Token::Comment { closed: false })?;
    let before = source.get(..open.start)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Some(Position::new(u16::try_from(line).ok()?, u16::try_from(column).unwrap_or(u16::MAX)))
}

/// The message and the place for a statement that lacks its `;`: Rhai points at the line after
/// it.
pub fn missing_semicolon(error: &ParseError, source: &str) -> Option<(String, Span)> {
    if !matches!(error.err_type(), ParseErrorType::MissingToken(token, _) if token == ";") {
        return None;
    }
    let found = offset(source, error.position())?;
    let last = pieces(source)
        .into_iter()
        .take_while(|piece| piece.start < found)
        .filter(|piece| !matches!(piece.token, Token::Comment { .. }))
        .last()?;
    if !source.get(last.end..found)?.contains('\n') {
        return None;
    }
    let line = source.get(..last.end)?.matches('\n').count() + 1;
    Some((format!("missing ';' after line {line}"), Span { start: last.start, end: last.end }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rhai::Engine;

    #[test]
    fn a_comment_that_nothing_closes_is_found_where_it_starts() {
        let place = unclosed_comment("let a = \"/*\"; // /*\n  /* b /* c */\n1").unwrap();
        assert_eq!((place.line(), place.position()), (Some(2), Some(3)));
        for closed in ["/* a /* b */ c */ 1", "\"/*\"", "`/* ${ /* x */ 1 }`", "// /*"] {
            assert_eq!(unclosed_comment(closed), None, "{closed}");
        }
    }

    #[test]
    fn a_missing_semicolon_is_placed_at_the_end_of_its_statement() {
        let found = |source: &str| {
            let error = Engine::new().compile(source).unwrap_err();
            missing_semicolon(&error, source)
                .map(|(text, span)| (text, source[span.start..span.end].to_owned()))
        };
        let missing = |line: usize, token: &str| {
            Some((format!("missing ';' after line {line}"), token.to_owned()))
        };
        assert_eq!(found("let a = 1 // one\n\n// two\nlet b = 2;"), missing(1, "1"));
        assert_eq!(found("fn f() {\n  let a = [\n1]\n  a }"), missing(3, "]"));
        assert_eq!(found("let a = 1 let b = 2;"), None);
        assert_eq!(found("let a = ;"), None);
    }
}
