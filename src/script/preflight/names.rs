//! Names of variables and modules: what they stand for, and what is said of unknown ones.

use super::finding::Finding;
use super::modules::{Module, Unusable};
use super::program::Program;
use super::scope::Type;
use super::walk::Walk;
use crate::error::nearest;
use rhai::{Expr, Position};
use std::rc::Rc;

impl<'p> Walk<'p> {
    /// What stays true of a variable that starts with a value of a type.
    pub(super) fn lasting(&self, name: &str, of: Type) -> Type {
        if self.program.assigned.contains(name) {
            return Type::Unknown;
        }
        match of {
            Type::Record(_) if self.program.touched.contains(name) => Type::Kind("map"),
            of => of,
        }
    }

    pub(super) fn variable(&mut self, name: &str, at: Position) -> Type {
        if let Some(of) = self.scope.variable(name) {
            return of;
        }
        let known = self.world.globals.iter().any(|global| global == name);
        if known
            || name == "global"
            || self.scripts().any(|script| script.named(name).next().is_some())
        {
            return Type::Unknown;
        }
        let hint = if self.in_function && self.program.variables.contains(name) {
            Some(
                "functions see their parameters, constants and imports only: add a parameter"
                    .to_owned(),
            )
        } else if self.is_full() {
            None
        } else {
            // A closure's variables are looked up where it is made: those in it count, too.
            let visible = self.scope.variables().into_iter();
            let names = visible.chain(self.world.globals.iter().map(String::as_str));
            let near = nearest(name, names)
                .or_else(|| nearest(name, self.program.declared.iter().map(String::as_str)));
            near.map(|near| format!("did you mean {near}?"))
        };
        // Rhai refuses the script for it wherever it stands.
        self.findings.push(Finding::new(at, format!("undefined variable: {name}")).hint(hint));
        Type::Unknown
    }

    /// The script and what the session defined before it.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &'p Program> + use<'p> {
        [self.program, self.world.session].into_iter()
    }

    /// A module that was imported before `at`; `Some(None)` is one of which nothing is known.
    pub(super) fn module(&self, alias: &str, at: Position) -> Option<Option<Rc<Module>>> {
        self.scope.module(alias).or_else(|| {
            let earlier = |(name, place, _): &&(String, Position, _)| name == alias && *place < at;
            self.imports.iter().rev().find(earlier).map(|(_, _, module)| module.clone())
        })
    }

    /// The aliases of imported modules.
    pub(super) fn aliases(&self) -> Vec<&str> {
        let top = self.imports.iter().map(|(alias, ..)| alias.as_str());
        self.scope.modules().into_iter().chain(top).collect()
    }

    pub(super) fn import(&mut self, path: &Expr, alias: &str, at: Position) {
        self.expression(path);
        let module = match path {
            Expr::StringConstant(text, position) => match self.world.modules.get(text) {
                Some(Ok(module)) => Some(module.clone()),
                Some(Err(unusable)) => {
                    self.find(unimportable(unusable, *position));
                    None
                }
                None => None,
            },
            _ => None,
        };
        if alias.is_empty() {
            return;
        }
        if self.scope.depth() == 1 && !self.in_function {
            self.imports.push((alias.to_owned(), at, module));
        } else {
            self.scope.import(alias, module);
        }
    }
}

fn unimportable(unusable: &Unusable, at: Position) -> Finding {
    match unusable {
        Unusable::Unread(error) => Finding::of(error, at),
        Unusable::Broken(broken) => {
            Finding { broken: Some(broken.clone()), ..Finding::new(at, &*broken.message) }
        }
    }
}
