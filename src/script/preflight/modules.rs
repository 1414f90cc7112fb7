//! The modules that a script imports: those of stdlib/, and files beside the script.

use super::program::Program;
use crate::error::Error;
use crate::script::diagnostic::unparsed;
use crate::script::limits::Bounds;
use crate::script::modules::{DEPTH, text};
use crate::script::source::Span;
use crate::script::stdlib::SOURCES;
use rhai::Engine;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// An imported module.
pub struct Module {
    /// What it defines.
    pub program: Program,
    /// Whether it comes with rtscript; those are checked by tests.
    is_own: bool,
}

/// Why a module cannot be imported.
pub enum Unusable {
    /// There is none of this name, or it may not be read.
    Unread(Error),
    /// Its text does not parse.
    Broken(Rc<Broken>),
}

/// A text that does not parse, and why.
#[derive(Debug)]
pub struct Broken {
    /// Its path.
    pub name: String,
    /// What it says.
    pub source: Rc<str>,
    /// What is wrong with it.
    pub message: String,
    /// Where.
    pub place: Option<Span>,
}

/// The modules that a script imports, directly or not, by the text that names them.
pub struct Modules(BTreeMap<String, Result<Rc<Module>, Unusable>>);

impl Modules {
    /// Reads all modules that `program` imports by a literal name, within `bounds`.
    pub fn new(parser: &Engine, bounds: &Bounds, program: &Program) -> Self {
        let mut all = BTreeMap::new();
        let mut wanted = program.imports.clone();
        // Deeper ones are refused while the script runs.
        for _ in 0..DEPTH {
            let mut next = BTreeSet::new();
            for path in
                wanted.into_iter().filter(|path| !all.contains_key(path)).collect::<Vec<_>>()
            {
                let read = read(parser, bounds, &path);
                if let Ok(module) = &read {
                    next.extend(module.program.imports.iter().cloned());
                }
                all.insert(path, read.map(Rc::new));
            }
            wanted = next;
        }
        Self(all)
    }

    /// The module that `import "path"` names.
    pub fn get(&self, path: &str) -> Option<&Result<Rc<Module>, Unusable>> {
        self.0.get(path)
    }

    /// The modules that are files beside the script.
    pub fn beside(&self) -> impl Iterator<Item = &Rc<Module>> {
        self.0.values().flatten().filter(|module| !module.is_own)
    }

    /// Whether a map of some module may hold a function of this name.
    pub fn has_key(&self, name: &str) -> bool {
        self.0.values().flatten().any(|module| module.program.may_be_key(name))
    }
}

fn read(parser: &Engine, bounds: &Bounds, path: &str) -> Result<Module, Unusable> {
    let (name, source) = text(bounds, path).map_err(Unusable::Unread)?;
    match parser.compile(&*source) {
        Ok(ast) => Ok(Module {
            program: Program::new(&name, &source, ast),
            is_own: SOURCES.iter().any(|(own, _)| *own == path),
        }),
        Err(error) => {
            let (message, place) = unparsed(&error, &source);
            Err(Unusable::Broken(Rc::new(Broken { name, source, message, place })))
        }
    }
}
