//! What the comments of a script expect: values `//=>` and a failure `// error:`.

use super::comment::{Code, Comment, comments};
use crate::error::{Error, Result};
use std::ops::Range;

/// The value that a statement must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The line of the first `//=>`, from 1.
    pub line: usize,
    /// The text expected, without a line end behind the last line.
    pub text: String,
    /// The code since the mark before, without the semicolon that ends it, in bytes.
    pub code: Range<usize>,
    /// From the first `//=>` to the end of the last line, in bytes.
    pub comment: Range<usize>,
}

/// How a script must fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The message, its lines joined by spaces.
    pub message: String,
    /// Line and column of the caret, from 1; none for an error without a place.
    pub place: Option<(usize, usize)>,
    /// The comment, in bytes.
    pub comment: Range<usize>,
}

/// All that the comments of a script expect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations {
    /// Values, in source order.
    pub marks: Vec<Mark>,
    /// The failure.
    pub failing: Option<Failing>,
    /// The code behind the last mark, in bytes; none if there is none.
    pub rest: Option<Range<usize>>,
}

const MARK: &str = "//=>";

impl Mark {
    /// Whether it expects that its statement fails, and the script goes on.
    pub fn expects_error(&self) -> bool {
        self.text.starts_with("error:")
    }
}

impl Expectations {
    /// Reads the expectations of a script.
    ///
    /// # Errors
    /// A mark without a statement before it, one inside brackets, two failures.
    pub fn read(source: &str) -> Result<Self> {
        let (comments, last) = comments(source);
        let mut read = Self::default();
        let mut from = 0;
        let mut line = 0;
        for comment in &comments {
            let text = &source[comment.span.clone()];
            let added = if let Some(text) = text.strip_prefix(MARK) {
                let text = text.strip_prefix(' ').unwrap_or(text).trim_end();
                let continues = comment.line == line + 1 && !follows(comment, from);
                line = comment.line;
                let added = read.add(comment, text, from, continues);
                from = comment.span.end;
                added
            } else if let Some(text) = text[2..].trim_start().strip_prefix("error:") {
                read.fail(comment, text.trim())
            } else {
                Ok(())
            };
            added.map_err(|error| error.within(format!("line {}", comment.line)))?;
        }
        read.rest = last.filter(|code| code.start >= from).map(|_| from..source.len());
        Ok(read)
    }

    fn add(&mut self, comment: &Comment, text: &str, from: usize, continues: bool) -> Result<()> {
        if comment.nested {
            return Err(Error::usage("//=> stands inside brackets")
                .hint("a value is that of a whole statement, outside of functions and blocks"));
        }
        if let (true, Some(mark)) = (continues, self.marks.last_mut()) {
            mark.text.push('\n');
            mark.text.push_str(text);
            mark.comment.end = comment.span.end;
            return Ok(());
        }
        let Some(last) = comment.after.filter(|_| follows(comment, from)) else {
            return Err(Error::usage("//=> has no statement before it")
                .hint("further lines of a value follow at once, each behind its own //=>"));
        };
        let Code { start, ends, .. } = last;
        let end = if ends { start } else { comment.span.start };
        self.marks.push(Mark {
            line: comment.line,
            text: text.to_owned(),
            code: from..end,
            comment: comment.span.clone(),
        });
        Ok(())
    }

    fn fail(&mut self, comment: &Comment, text: &str) -> Result<()> {
        if self.failing.is_some() {
            return Err(Error::usage("a script fails once, found a second // error:"));
        }
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let place = first.split_once(':').and_then(|(line, column)| {
            Some((line.parse::<usize>().ok()?, column.parse::<usize>().ok()?))
        });
        let message = if place.is_some() { rest.trim() } else { text };
        self.failing =
            Some(Failing { message: message.to_owned(), place, comment: comment.span.clone() });
        Ok(())
    }
}

/// Whether code stands between byte `from` and the comment.
fn follows(comment: &Comment, from: usize) -> bool {
    comment.after.is_some_and(|code| code.start >= from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(source: &str) -> Vec<(String, String)> {
        let read = Expectations::read(source).unwrap();
        let pair = |mark: &Mark| (source[mark.code.clone()].trim().to_owned(), mark.text.clone());
        read.marks.iter().map(pair).collect()
    }

    fn pair(code: &str, text: &str) -> (String, String) {
        (code.to_owned(), text.to_owned())
    }

    #[test]
    fn a_mark_takes_the_code_since_the_one_before() {
        let source = "let a = 1;\na + 1; //=> 2\nlet b = a;\n\nb //=> 1\n";
        assert_eq!(marks(source), [pair("let a = 1;\na + 1", "2"), pair("let b = a;\n\nb", "1")]);
    }

    #[test]
    fn a_value_may_have_lines_below_its_statement() {
        let source = "table;\n  //=> a  b\n  //=>\n  //=> 1  2\nnext //=> x\n//=> y";
        assert_eq!(marks(source), [pair("table", "a  b\n\n1  2"), pair("next", "x\ny")]);
    }

    #[test]
    fn comments_between_do_not_matter_and_the_rest_is_known() {
        let source = "1; // one\n// more\n//=> 1\nprint(2);";
        assert_eq!(marks(source), [pair("1", "1")]);
        let rest = Expectations::read(source).unwrap().rest.unwrap();
        assert_eq!(source[rest].trim(), "print(2);");
        assert_eq!(Expectations::read("1; //=> 1\n// end").unwrap().rest, None);
    }

    #[test]
    fn a_failure_has_a_message_and_perhaps_a_place() {
        let failing = |source| {
            let failing = Expectations::read(source).unwrap().failing.unwrap();
            (failing.place, failing.message)
        };
        let message = "pgd: eps must be >= 0".to_owned();
        assert_eq!(
            failing("// error: 12:5 pgd: eps must be >= 0\nf()"),
            (Some((12, 5)), message.clone())
        );
        assert_eq!(failing("f(); //error: pgd: eps must be >= 0"), (None, message));
    }

    #[test]
    fn marks_without_a_statement_are_refused() {
        for (source, message) in [
            ("//=> 1", "line 1: //=> has no statement before it"),
            ("1 //=> 1\n\n//=> 2", "line 3: //=> has no statement before it"),
            ("fn f() {\n  1 //=> 1\n}", "line 2: //=> stands inside brackets"),
            ("// error: a\n// error: b", "line 2: a script fails once, found a second // error:"),
        ] {
            assert_eq!(Expectations::read(source).unwrap_err().to_string(), message);
        }
    }
}
