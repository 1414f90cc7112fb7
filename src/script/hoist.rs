//! Imports and constants that outlive their entry and that functions see.
//!
//! Rhai forgets an `import` at the end of an evaluation, and its functions see no constant of the
//! script. Both are lifted out: a module becomes a namespace of the engine, a constant a variable
//! of the global namespace.

use super::source;
use super::token::{Token, pieces};
use crate::error::Error;
use rhai::{AST, ASTFlags, Dynamic, Engine, EvalAltResult, Module, Position, Scope, Shared, Stmt};
use std::collections::BTreeMap;
use std::ops::Range;

/// The modules a session imported, by the name it gave them.
#[derive(Default)]
pub struct Imports(BTreeMap<String, String>);

impl Imports {
    /// Resolves the imports at the top level of `ast`, the compiled `text`, makes namespaces of
    /// them, and returns the text without these statements, every other character in its place.
    ///
    /// # Errors
    /// A module that is not there or does not compile; a name that is a namespace already.
    pub fn lift(
        &mut self,
        engine: &mut Engine,
        reserved: &[&str],
        ast: &AST,
        text: &str,
    ) -> Result<String, Box<EvalAltResult>> {
        let mut spans = Vec::new();
        for statement in ast.statements() {
            let Stmt::Import(import, start) = statement else { continue };
            let (path, alias) = (&import.0, &import.1);
            let literal = path.get_literal_value(None).and_then(|path| path.into_string().ok());
            let (Some(path_text), false) = (literal, alias.name.is_empty()) else { continue };
            let name = alias.name.as_str();
            if reserved.contains(&name) {
                let error = Error::usage(format!("import: {name} is a namespace of rtscript"))
                    .hint(format!("import \"{path_text}\" as my_{name};"));
                return Err(super::failure::raise(error, alias.pos));
            }
            let module = resolve(engine, &path_text, path.position())?;
            engine.register_static_module(name, module);
            self.0.insert(name.to_owned(), path_text);
            let span = source::offset(text, *start).zip(source::offset(text, alias.pos));
            spans.extend(span.map(|(start, end)| start..end + name.len()));
        }
        let mut rest = text.to_owned();
        for span in spans.into_iter().rev() {
            blank(&mut rest, span);
        }
        Ok(rest)
    }

    /// Reads all modules again, and returns their names.
    ///
    /// # Errors
    /// A module that is gone or does not compile any more; those before it are read.
    pub fn reload(&self, engine: &mut Engine) -> Result<Vec<String>, Box<EvalAltResult>> {
        for (name, path) in &self.0 {
            let module = resolve(engine, path, Position::NONE)?;
            engine.register_static_module(name, module);
        }
        Ok(self.0.keys().cloned().collect())
    }

    /// The functions of the module that the session calls `name`.
    pub fn functions(&self, engine: &Engine, name: &str) -> Vec<String> {
        if !self.0.contains_key(name) {
            return Vec::new();
        }
        let of_module = |info: rhai::FuncInfo| {
            let named = info.namespace == name && !info.metadata.name.starts_with("anon$");
            named.then(|| info.metadata.name.to_string())
        };
        engine.collect_fn_metadata(None, of_module, false)
    }

    /// The names of the modules.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn resolve(
    engine: &Engine,
    path: &str,
    position: Position,
) -> Result<Shared<Module>, Box<EvalAltResult>> {
    engine.module_resolver().resolve(engine, None, path, position)
}

/// Overwrites bytes with blanks; lines and columns stay.
fn blank(text: &mut String, span: Range<usize>) {
    let blanks: String =
        text[span.clone()].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
    text.replace_range(span, &blanks);
}

/// The names of the constants that `text` defines at its top level.
pub fn constants(text: &str) -> Vec<&str> {
    let pieces = pieces(text);
    let mut depth = 0i64;
    let mut names = Vec::new();
    for pair in pieces.windows(2) {
        match (pair[0].token, pair[0].text(text)) {
            (Token::Symbol, "(" | "[" | "{" | "#{") => depth += 1,
            (Token::Symbol, ")" | "]" | "}") => depth -= 1,
            (Token::Keyword, "const") if depth == 0 => names.push(pair[1].text(text)),
            _ => {}
        }
    }
    names
}

/// The statements of an entry in runs, each of which ends after a constant is defined.
pub fn runs(ast: &AST) -> Vec<AST> {
    let constant = |statement: &Stmt| matches!(statement, Stmt::Var(_, flags, _) if flags.contains(ASTFlags::CONSTANT));
    let functions = ast.shared_lib();
    ast.statements()
        .split_inclusive(constant)
        .map(|run| AST::new(run.iter().cloned(), functions.clone()))
        .collect()
}

/// Shows the constants of `scope` that the engine does not have yet to all functions.
pub fn publish(engine: &mut Engine, scope: &Scope, known: &mut BTreeMap<String, Dynamic>) {
    let mut module = Module::new();
    for (name, constant, value) in scope.clone_visible().iter_raw() {
        let is_new = known.get(name).is_none_or(|earlier| !same(earlier, value));
        if constant && is_new {
            module.set_var(name, value.clone());
            known.insert(name.to_owned(), value.clone());
        }
    }
    if !module.is_empty() {
        engine.register_global_module(module.into());
    }
}

/// Whether two constants are surely the same; handles count as different.
fn same(a: &Dynamic, b: &Dynamic) -> bool {
    a.type_id() == b.type_id()
        && (a.is_int() || a.is_float() || a.is_bool() || a.is_string())
        && a.to_string() == b.to_string()
}
