//! Comparing what a script gave with what it expects.

use super::difference::{difference, hunks};
use super::{Failing, Golden, Ran};
use crate::script::diagnostic::Diagnostic;

/// Something that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What is wrong, for people, over several lines.
    pub text: String,
    /// Whether what was found may become what is expected. Whether a script fails is never
    /// blessed.
    pub blessable: bool,
}

impl Golden {
    /// All that is not as expected.
    pub fn mismatches(&self, ran: &Ran) -> Vec<Mismatch> {
        let name = self.path.display();
        let tolerance = &self.directives.tolerance;
        let mut wrong = Vec::new();
        for (mark, value) in self.expectations.marks.iter().zip(&ran.values) {
            if let Some(difference) = difference(&mark.text, value, tolerance) {
                let text = format!("{name}:{}: another value\n{difference}", mark.line);
                wrong.push(Mismatch { text, blessable: true });
            }
        }
        // What was printed before an unexpected error is not all.
        let whole = ran.end.is_none() || self.expectations.failing.is_some();
        if let Some(output) = self.output.as_ref().filter(|_| whole)
            && let Some(difference) =
                difference(&self.compared(output), &self.compared(&ran.printed), tolerance)
        {
            let text = format!("{}: another output\n{difference}", self.output_path().display());
            wrong.push(Mismatch { text, blessable: true });
        }
        wrong.extend(self.end(ran).map(|(text, blessable)| Mismatch { text, blessable }));
        wrong
    }

    /// An output without the lines that are left out.
    fn compared(&self, output: &str) -> String {
        let left_out = |line: &&str| self.directives.left_out.iter().any(|it| line.contains(it));
        output.lines().filter(|line| !left_out(line)).flat_map(|line| [line, "\n"]).collect()
    }

    fn end(&self, ran: &Ran) -> Option<(String, bool)> {
        let name = self.path.display();
        match (&self.expectations.failing, &ran.end) {
            (None, None) => None,
            (None, Some(found)) => {
                Some((format!("{name}: failed\n{}", indented(&found.text)), false))
            }
            (Some(failing), None) => {
                Some((format!("{name}: expected {}, but it did not fail\n", words(failing)), false))
            }
            (Some(failing), Some(found)) => {
                if !self.fails_as(failing, found) {
                    let expected =
                        format!("{name}: another error\n    expected  {}", words(failing));
                    return Some((format!("{expected}\n{}", indented(&found.text)), true));
                }
                let unreached = self.expectations.marks.get(ran.values.len())?;
                let line = unreached.line;
                Some((format!("{name}:{line}: not reached, the script fails before it\n"), false))
            }
        }
    }

    /// Whether an error is the one expected.
    pub(super) fn fails_as(&self, failing: &Failing, found: &Diagnostic) -> bool {
        failing.place == found.place
            && hunks(&failing.message, &found.message, &self.directives.tolerance).is_empty()
    }
}

fn words(failing: &Failing) -> String {
    let place = failing.place.map(|(line, column)| format!("{line}:{column} "));
    format!("error: {}{}", place.unwrap_or_default(), failing.message)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Directives, Expectations};
    use super::*;

    #[test]
    fn lines_that_are_left_out_may_differ_be_more_or_fewer_and_others_not() {
        let source = "print(1)";
        let left_out = vec!["at the edge".to_owned()];
        let golden = Golden {
            path: "a.rhai".into(),
            source: source.to_owned(),
            directives: Directives { left_out, ..Directives::default() },
            expectations: Expectations::read(source).unwrap(),
            output: Some("accuracy 0.50\n- lambda at the edge in 2 cells\nend\n".to_owned()),
            target: None,
        };
        let differs = |printed: &str| {
            let ran = Ran { values: Vec::new(), printed: printed.to_owned(), end: None };
            !golden.mismatches(&ran).is_empty()
        };
        assert!(!differs("accuracy 0.50\n- lambda at the edge in 7 cells\nend\n"));
        assert!(!differs("accuracy 0.50\nend\n"));
        assert!(!differs("at the edge\naccuracy 0.50\nend\nat the edge\n"));
        assert!(differs("accuracy 0.60\n- lambda at the edge in 2 cells\nend\n"));
        assert!(differs("accuracy 0.50\n- lambda at its edge in 2 cells\nend\n"));
    }
}
