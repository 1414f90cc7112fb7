//! Checks a script whole before it runs, dead branches and function bodies included.
//!
//! What is found would fail where it stands: an unknown name, a wrong number of arguments, an
//! option that an entry does not have or does not take. Where the type of a value is not known,
//! nothing is said.

mod calls;
mod entries;
mod finding;
mod members;
mod modules;
mod names;
mod program;
mod scope;
mod syntax;
mod vocabulary;
mod walk;

pub use syntax::missing_semicolon;

use super::diagnostic::Diagnostic;
use super::limits::{Bounds, grammar};
use super::param::{self, Declared};
use super::reference::Reference;
use crate::confinement::Confinement;
use crate::registry::Spec;
use finding::shown;
use modules::Modules;
use program::Program;
use rhai::{AST, Engine};
use vocabulary::Vocabulary;
use walk::{Walk, World};

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
    /// Where files may lie that the script reads.
    pub files: Confinement,
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
    let world = World {
        words: &words,
        session: &session,
        globals: &names,
        modules: &modules,
        files: &known.files,
    };
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
