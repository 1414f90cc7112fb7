//! Faults and warnings, and how they are shown.

use super::modules::Broken;
use super::program::Program;
use crate::error::{Error, Kind};
use crate::registry::Spec;
use crate::script::diagnostic::{self, Diagnostic};
use crate::script::source::{Span, offset, token};
use codespan_reporting::diagnostic::Severity;
use rhai::Position;
use std::rc::Rc;

/// The most faults that are shown at once.
pub const SHOWN: usize = 30;

/// A fault and its place.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Where it is.
    pub at: Position,
    /// What is wrong.
    pub message: String,
    /// What to try.
    pub hints: Vec<String>,
    /// What kind of failure it would be.
    pub kind: Kind,
    /// The entry that a warning is about; none for an error.
    pub warns_of: Option<&'static Spec>,
    /// The imported module whose text is at fault.
    pub broken: Option<Rc<Broken>>,
}

impl Finding {
    /// An error at a place.
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            hints: Vec::new(),
            kind: Kind::Usage,
            warns_of: None,
            broken: None,
        }
    }

    /// What a call would raise.
    pub fn of(error: &Error, at: Position) -> Self {
        let (kind, hints) = (error.kind(), error.hints().to_vec());
        Self { kind, hints, ..Self::new(at, error.to_string()) }
    }

    /// Adds what to try.
    #[must_use]
    pub fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hints.extend(hint.map(Into::into));
        self
    }

    /// The text at fault with its name, and the place in it.
    fn place<'f>(&'f self, program: &'f Program) -> (&'f str, &'f str, Option<Span>) {
        match &self.broken {
            Some(broken) => (&broken.name, &broken.source, broken.place),
            None => {
                let place = offset(&program.source, self.at);
                let place = place.map(|start| token(&program.source, start));
                (&program.name, &program.source, place)
            }
        }
    }

    /// The message with its place and its caret.
    pub fn shown(&self, program: &Program) -> String {
        let severity = if self.warns_of.is_some() { Severity::Warning } else { Severity::Error };
        let (name, source, place) = self.place(program);
        let imported = self.broken.as_ref().map(|broken| {
            format!("in {}, imported at {}:{:?}", broken.name, program.name, self.at)
        });
        let hints = self.hints.iter().map(|hint| format!("hint: {hint}"));
        let notes: Vec<String> = imported.into_iter().chain(hints).collect();
        let text = diagnostic::report(severity, &self.message, name, source, place, &notes);
        format!("{}\n", text.trim_end())
    }
}

/// All faults as one error; its message and its place are those of the first.
pub fn shown(faults: &[(&Program, Finding)]) -> Diagnostic {
    let mut texts: Vec<String> =
        faults.iter().take(SHOWN).map(|(program, finding)| finding.shown(program)).collect();
    if faults.len() > 1 {
        let count = faults.len();
        let some =
            if count > SHOWN { format!(", of which {SHOWN} are shown") } else { String::new() };
        texts.push(format!("error: {count} errors before the run{some}; nothing was run\n"));
    }
    let Some((program, first)) = faults.first() else {
        return Diagnostic::plain(&Error::internal("preflight: no fault to show"));
    };
    let (_, source, place) = first.place(program);
    Diagnostic {
        kind: first.kind,
        text: texts.join("\n"),
        message: first.message.clone(),
        place: place.map(|span| diagnostic::caret(source, span)),
    }
}
