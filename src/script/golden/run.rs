//! Running a golden script in a session of its own.

use super::Golden;
use crate::error::{Error, Kind, Result, nearest};
use crate::registry::Home;
use crate::script::diagnostic::Diagnostic;
use crate::script::param::check_set;
use crate::script::session::{Ended, Session};
use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// What a script gave.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The text of the value at each mark that was reached; `error: message` where the mark
    /// expects an error and there was one.
    pub values: Vec<String>,
    /// All that was printed.
    pub printed: String,
    /// The error that ended it.
    pub end: Option<Diagnostic>,
}

/// What became of a golden script.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// What it needs is not here: the need and the reason.
    Skipped(String),
    /// It ran.
    Ran(Ran),
}

/// Receives what a script prints, a line at a time.
pub type Printer = Rc<dyn Fn(&str)>;

impl Golden {
    /// Runs the script in the session that `start` makes from its settings and a printer. `gpu`
    /// says whether that session computes on a GPU. The path of `hidden`, a temporary store, is
    /// shown as `runs`.
    ///
    /// # Errors
    /// A session that cannot start; a data set that does not exist.
    pub fn run(
        &self,
        gpu: bool,
        hidden: Option<&Path>,
        start: impl FnOnce(Vec<(String, String)>, Printer) -> Result<Session>,
    ) -> Result<Outcome> {
        if self.directives.needs_cuda && !gpu {
            return Ok(Outcome::Skipped("needs cuda (run it with --device cuda:0)".to_owned()));
        }
        let printed = Rc::new(RefCell::new(String::new()));
        let sink = printed.clone();
        let print = move |text: &str| {
            let mut sink = sink.borrow_mut();
            sink.push_str(text.trim_end_matches('\n'));
            sink.push('\n');
        };
        let mut session = start(self.directives.set.clone(), Rc::new(print))?;
        for name in &self.directives.data {
            if let Some(reason) = missing(&mut session, name)? {
                return Ok(Outcome::Skipped(format!("needs data {name} ({reason})")));
            }
        }
        let (values, end) = self.values(&mut session);
        let shown = |text: &str| match hidden {
            Some(folder) => text.replace(&*folder.to_string_lossy(), "runs"),
            None => text.to_owned(),
        };
        Ok(Outcome::Ran(Ran {
            values: values.iter().map(|value| shown(value)).collect(),
            printed: shown(&printed.borrow()),
            end: end.map(|end| Diagnostic {
                text: shown(&end.text),
                message: one_line(&shown(&end.message)),
                ..end
            }),
        }))
    }

    /// The values at the marks, up to an error that no mark expects.
    fn values(&self, session: &mut Session) -> (Vec<String>, Option<Diagnostic>) {
        let (path, source) = match &self.target {
            Some((path, source)) => (path, source),
            None => (&self.path, &self.source),
        };
        let name = path.display().to_string();
        let checked = session.declared(&name, source).and_then(|declared| {
            let set = check_set(&self.directives.set, &declared);
            set.map_err(|error| Diagnostic::plain(&error))
        });
        let mut values = Vec::new();
        if let Err(diagnostic) = checked {
            return (values, Some(diagnostic));
        }
        for mark in &self.expectations.marks {
            match session.execute_part(&name, source, &part(source, &mark.code)) {
                Ok(ended) => values.push(text_of(ended)),
                Err(error) if mark.expects_error() && error.kind != Kind::Interrupted => {
                    values.push(format!("error: {}", one_line(&error.message)));
                }
                Err(error) => return (values, Some(error)),
            }
        }
        let rest = match &self.expectations.rest {
            Some(rest) if self.target.is_none() => rest.clone(),
            None if self.target.is_none() => return (values, None),
            _ => 0..source.len(),
        };
        (values, session.execute_part(&name, source, &part(source, &rest)).err())
    }
}

fn text_of(ended: Ended) -> String {
    match ended {
        Ended::Value(value) => value.unwrap_or_default().text,
        Ended::ShardDone { .. } => String::new(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A stretch of a script at its own place: all before it is blank.
fn part(source: &str, code: &Range<usize>) -> String {
    let blank = |c: char| if c == '\n' { c } else { ' ' };
    let mut part: String = source[..code.start].chars().map(blank).collect();
    part.push_str(&source[code.clone()]);
    part
}

/// Why a data set cannot be used; nothing where it can.
fn missing(session: &mut Session, name: &str) -> Result<Option<String>> {
    let specs = &session.reference().specs;
    let of_data = specs.iter().filter(|spec| spec.home == Home::Namespace("dataset"));
    let names: Vec<&str> = of_data.map(|spec| spec.name).collect();
    if !names.contains(&name) {
        let meant = nearest(name, names.iter().copied())
            .map(|near| format!(", did you mean {near}?"))
            .unwrap_or_default();
        return Err(Error::usage(format!("data: there is no dataset {name}{meant}")));
    }
    // Damaged files are no reason to skip: the script shows what is wrong with them.
    let built = session.execute("data", &format!("dataset::{name}();"));
    Ok(built.err().filter(|error| error.kind == Kind::Usage).map(|error| one_line(&error.message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stands_where_it_stands_in_the_file() {
        let source = "let é = 1;\r\né //=> 1\nf(é)";
        let start = source.find("f(").unwrap();
        let found = part(source, &(start..source.len()));
        assert_eq!(found, "           \n        \nf(é)");
        assert_eq!(part(source, &(0..source.len())), source);
    }
}
