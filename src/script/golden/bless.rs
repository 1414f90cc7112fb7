//! Rewriting expectations that fail.

use super::difference::{difference, merged};
use super::{Golden, Ran};
use std::ops::Range;

/// The files that change, with their new texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// The script.
    pub source: Option<String>,
    /// The expected output.
    pub output: Option<String>,
}

impl Golden {
    /// The expectations with what was found in place of what differs; lines that are within the
    /// tolerance keep their digits.
    pub fn rewritten(&self, ran: &Ran) -> Rewritten {
        let tolerance = &self.directives.tolerance;
        let output = self.output.as_ref().and_then(|output| {
            difference(output, &ran.printed, tolerance)?;
            Some(merged(output, &ran.printed, tolerance))
        });
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut growth: Vec<(usize, isize)> = Vec::new();
        for (mark, value) in self.expectations.marks.iter().zip(&ran.values) {
            if difference(&mark.text, value, tolerance).is_some() {
                let comment =
                    self.comment(mark.comment.start, &merged(&mark.text, value, tolerance));
                let lines = |text: &str| text.matches('\n').count() as isize;
                let grown = lines(&comment) - lines(&self.source[mark.comment.clone()]);
                growth.push((mark.line, grown));
                edits.push((mark.comment.clone(), comment));
            }
        }
        if let (Some(failing), Some(found)) = (&self.expectations.failing, &ran.end) {
            let place = found.place.map(|(line, column)| {
                let above = growth.iter().filter(|(at, _)| *at < line && self.target.is_none());
                let grown: isize = above.map(|(_, grown)| grown).sum();
                (line.saturating_add_signed(grown), column)
            });
            let same = self.fails_as(failing, found);
            if !same || place != failing.place {
                let message = if same { &failing.message } else { &found.message };
                let place = place.map(|(line, column)| format!("{line}:{column} "));
                let text = format!("// error: {}{message}", place.unwrap_or_default());
                edits.push((failing.comment.clone(), text));
            }
        }
        Rewritten { source: (!edits.is_empty()).then(|| self.edited(edits)), output }
    }

    /// The comment of a value that starts at a byte, further lines below it.
    fn comment(&self, start: usize, value: &str) -> String {
        let line = self.source[..start].rsplit('\n').next().unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start().len()];
        let lines: Vec<String> =
            value.lines().map(|line| format!("//=> {line}").trim_end().to_owned()).collect();
        if lines.is_empty() { "//=>".to_owned() } else { lines.join(&format!("\n{indent}")) }
    }

    fn edited(&self, mut edits: Vec<(Range<usize>, String)>) -> String {
        edits.sort_by_key(|(range, _)| range.start);
        let mut text = String::new();
        let mut from = 0;
        for (range, new) in edits {
            text.push_str(&self.source[from..range.start]);
            text.push_str(&new);
            from = range.end;
        }
        text + &self.source[from..]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Directives, Expectations};
    use super::*;
    use crate::error::{Error, Kind};
    use crate::script::Diagnostic;

    fn golden(source: &str, output: Option<&str>) -> Golden {
        Golden {
            path: "a.rhai".into(),
            source: source.to_owned(),
            directives: Directives::default(),
            expectations: Expectations::read(source).unwrap(),
            output: output.map(str::to_owned),
            target: None,
        }
    }

    fn ran(values: &[&str], printed: &str, end: Option<(&str, (usize, usize))>) -> Ran {
        Ran {
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            printed: printed.to_owned(),
            end: end.map(|(message, place)| Diagnostic {
                place: Some(place),
                kind: Kind::Usage,
                ..Diagnostic::plain(&Error::usage(message))
            }),
        }
    }

    #[test]
    fn only_values_that_fail_are_rewritten() {
        let source = "a; //=> 0.50\n  b; //=> 0.50\n  //=> x\nc; //=> 1\nd //=>\n";
        let new = golden(source, None).rewritten(&ran(&["0.51", "0.6\nx\ny", "", "2"], "", None));
        let expected = "a; //=> 0.50\n  b; //=> 0.6\n  //=> x\n  //=> y\nc; //=>\nd //=> 2\n";
        assert_eq!(new, Rewritten { source: Some(expected.to_owned()), output: None });
        let same = golden(source, Some("p 0.1\n"));
        let new = same.rewritten(&ran(&["0.5", "0.5\nx", "1", ""], "p 0.2\n", None));
        assert_eq!(new, Rewritten::default());
    }

    #[test]
    fn a_place_moves_with_the_lines_of_values_above_it() {
        let source = "// error: 3:1 no b\na; //=> 1\nb();\n";
        let of = |value, message, line| {
            golden(source, None).rewritten(&ran(&[value], "", Some((message, (line, 1))))).source
        };
        assert_eq!(of("1", "no b", 3), None);
        let moved = "// error: 4:1 no b\na; //=> 1\n//=> 2\nb();\n";
        assert_eq!(of("1\n2", "no b", 3).as_deref(), Some(moved));
        let other = "// error: 2:1 no a\na; //=> 1\nb();\n";
        assert_eq!(of("1", "no a", 2).as_deref(), Some(other));
    }

    #[test]
    fn what_was_rewritten_passes() {
        let source = "// error: 1:1 x\nf; //=> a\n//=> b\ng //=> 0.5\nh";
        let ran = ran(&["  c\n\nd", "0.7"], "1.5\n2\n", Some(("y", (5, 1))));
        let before = golden(source, Some("1.4\n3\n"));
        assert_eq!(before.mismatches(&ran).len(), 4);
        let new = before.rewritten(&ran);
        let after = golden(&new.source.unwrap(), new.output.as_deref());
        let mut moved = ran.clone();
        moved.end.as_mut().unwrap().place = Some((6, 1));
        assert_eq!(after.mismatches(&moved), []);
        assert_eq!(after.output.as_deref(), Some("1.4\n2\n"));
    }
}
