//! Checks a script whole before it runs, dead branches and function bodies included.
//!
//! What is found would fail where it stands: an unknown name, a wrong number of arguments, an
//! option that an entry does not have or does not take. Where the type of a value is not known,
//! nothing is said.

mod calls;
mod entries;
mod members;
mod modules;
mod names;
mod program;
mod scope;
mod syntax;
mod vocabulary;
mod walk;

pub use syntax::missing_semicolon;

use super::diagnostic::{self, Diagnostic};
use super::limits::{Bounds, grammar};
use super::param::{self, Declared};
use super::reference::Reference;
use super::source::{Span, offset, token};
use crate::error::{Error, Kind};
use crate::registry::Spec;
use codespan_reporting::diagnostic::Severity;
use modules::Modules;
use program::Program;
use rhai::{AST, Engine, Position};
use vocabulary::Vocabulary;
use walk::{Walk, World};

/// The most faults that are shown at once.
const SHOWN: usize = 30;

/// What a session has already that a script may use.
pub struct Known<'s> {
    /// Its engine.
    pub engine: &'s Engine,
    /// Its entries.
    pub reference: &'s Reference,
    /// Its functions.
    pub functions: &'s AST,
    /// Its variables and constants.
    pub variables: Vec<&'s str>,
    /// Where modules may lie that the script imports.
    pub bounds: &'s Bounds,
}

/// A script without errors.
pub struct Checked {
    /// The settings it declares.
    pub declared: Vec<Declared>,
    /// What may be wrong with it.
    pub warnings: Vec<Warning>,
}

/// What may be wrong, at a place of a script.
pub struct Warning {
    /// The entry it is about.
    pub entry: &'static Spec,
    /// What is said while a script runs, with the place.
    pub line: String,
    /// The message with its place and caret.
    pub text: String,
}

/// A fault and its place.
#[derive(Debug, Clone)]
struct Finding {
    at: Position,
    kind: Kind,
    message: String,
    hints: Vec<String>,
    warns_of: Option<&'static Spec>,
}

impl Finding {
    fn new(at: Position, message: impl Into<String>) -> Self {
        Self { at, kind: Kind::Usage, message: message.into(), hints: Vec::new(), warns_of: None }
    }

    fn of(error: &Error, at: Position) -> Self {
        let hints = error.hints().to_vec();
        Self { kind: error.kind(), hints, ..Self::new(at, error.to_string()) }
    }

    fn hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hints.extend(hint.map(Into::into));
        self
    }

    fn span(&self, source: &str) -> Option<Span> {
        offset(source, self.at).map(|start| token(source, start))
    }

    fn shown(&self, program: &Program) -> String {
        let (name, source) = (&program.name, &program.source);
        let severity = if self.warns_of.is_some() { Severity::Warning } else { Severity::Error };
        let notes: Vec<String> = self.hints.iter().map(|hint| format!("hint: {hint}")).collect();
        let place = self.span(source);
        let text = diagnostic::report(severity, &self.message, name, source, place, &notes);
        format!("{}\n", text.trim_end())
    }
}

/// Checks `source` and the modules beside it that it imports.
///
/// # Errors
/// All faults, one after the other.
pub fn check(name: &str, source: &str, known: &Known) -> Result<Checked, Diagnostic> {
    let mut parser = Engine::new_raw();
    grammar(&mut parser);
    let ast = match parser.compile(source) {
        Ok(ast) => ast,
        Err(error) => return Err(Diagnostic::parse(&error, name, source)),
    };
    let declared = param::declared(&ast);
    let words = Vocabulary::new(known.engine, known.reference);
    let session = Program::new("", "", known.functions.clone());
    let program = Program::new(name, source, ast);
    let modules = Modules::new(&parser, known.bounds, &program);
    let mut names: Vec<String> = known.variables.iter().map(|name| (*name).to_owned()).collect();
    names.extend(program.constants.iter().cloned());

    let mut faults = Vec::new();
    let mut warnings = Vec::new();
    let world = World { words: &words, session: &session, globals: &names, modules: &modules };
    let beside = modules.beside().map(|module| &module.program);
    for program in std::iter::once(&program).chain(beside) {
        for finding in Walk::new(&world, program).findings() {
            match finding.warns_of {
                None => faults.push((program, finding)),
                Some(entry) => {
                    let place = format!("{}:{:?}", program.name, finding.at);
                    let line = format!("{} ({place})", finding.message);
                    warnings.push(Warning { entry, line, text: finding.shown(program) });
                }
            }
        }
    }
    if faults.is_empty() { Ok(Checked { declared, warnings }) } else { Err(shown(&faults)) }
}

/// All faults as one error; its message and its place are those of the first.
fn shown(faults: &[(&Program, Finding)]) -> Diagnostic {
    let mut texts: Vec<String> =
        faults.iter().take(SHOWN).map(|(program, finding)| finding.shown(program)).collect();
    if faults.len() > 1 {
        let count = faults.len();
        let some =
            if count > SHOWN { format!(", of which {SHOWN} are shown") } else { String::new() };
        texts.push(format!("error: {count} errors before the run{some}; nothing was run\n"));
    }
    let first = faults.first();
    let place = first.and_then(|(program, finding)| {
        Some(diagnostic::caret(&program.source, finding.span(&program.source)?))
    });
    let message = first.map_or_else(String::new, |(_, finding)| finding.message.clone());
    let kind = first.map_or(Kind::Usage, |(_, finding)| finding.kind);
    Diagnostic { kind, text: texts.join("\n"), message, place }
}
