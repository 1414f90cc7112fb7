//! A session: an engine, a scope that lasts, and what a run of a script needs to know.

use super::bundle::Bundle;
use super::diagnostic::{Diagnostic, Names};
use super::engine::engine;
use super::failure::Stop;
use super::hoist::{self, Imports};
use super::limits::Bounds;
use super::param::{self, Declared};
use super::preflight::{self, Known, Warning};
use super::reference::Reference;
use super::run::Run;
use super::{source, token};
use crate::context::{Context, Interrupt};
use crate::error::Error;
use crate::sweep::Shard;
use rhai::{AST, Dynamic, Engine, EvalAltResult, ParseError, Scope};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;

/// How scripts run in a session.
pub struct Options {
    /// What `--set` gave, in order.
    pub set: Vec<(String, String)>,
    /// Which part of every sweep this process does.
    pub shard: Shard,
    /// Where reports go.
    pub out: PathBuf,
    /// What scripts may read, and how much they may do.
    pub bounds: Bounds,
    /// Whether a person is at a prompt: an interrupted training then returns what it has, and
    /// `ans` holds the last value.
    pub interactive: bool,
    /// Receives what scripts print, a line at a time.
    pub print: Rc<dyn Fn(&str)>,
}

/// How a script ended without an error.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "a variant's comment covers its fields")]
pub enum Ended {
    /// With a value; nothing for the unit value.
    Value(Option<Bundle>),
    /// After this process's share of a sweep, so many cells of all.
    ShardDone { done: usize, of: usize },
}

/// A session: what one prompt or one batch run holds.
pub struct Session {
    pub(super) engine: Engine,
    pub(super) reference: Reference,
    pub(super) scope: Scope<'static>,
    pub(super) imports: Imports,
    run: Rc<RefCell<Run>>,
    functions: AST,
    constants: BTreeMap<String, Dynamic>,
    interrupt: Interrupt,
}

impl Session {
    /// A fresh session under `context`.
    pub fn new(context: &Context, options: Options) -> Self {
        let run = Rc::new(RefCell::new(Run::new(context, options)));
        let (engine, reference) = engine(context, &run);
        Self {
            engine,
            reference,
            scope: Scope::new(),
            imports: Imports::default(),
            run,
            functions: AST::empty(),
            constants: BTreeMap::new(),
            interrupt: context.interrupt.clone(),
        }
    }

    /// The entries a script can name.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Asks what runs to stop; may be sent to another thread, which the session may not.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// The settings a script declares, without running it.
    ///
    /// # Errors
    /// A script that does not parse.
    pub fn declared(&self, name: &str, source: &str) -> Result<Vec<Declared>, Diagnostic> {
        let ast = self.compile(source);
        let ast = ast.map_err(|error| Diagnostic::parse(&error, name, source))?;
        Ok(param::declared(&ast))
    }

    /// Checks a whole script, then runs it.
    ///
    /// # Errors
    /// As [`Session::check`], before anything ran; what fails in it.
    pub fn run(&mut self, name: &str, source: &str) -> Result<Ended, Diagnostic> {
        for warning in self.check(name, source)? {
            self.run.borrow_mut().warn(warning.entry, &warning.line);
        }
        self.execute(name, source)
    }

    /// Checks a whole script without running it.
    ///
    /// # Errors
    /// All that is surely wrong with it, and a `--set` that it does not take.
    pub fn check(&self, name: &str, source: &str) -> Result<Vec<Warning>, Diagnostic> {
        let run = self.run.borrow();
        let variables = self.scope.iter_raw().map(|(name, ..)| name);
        let known = Known {
            engine: &self.engine,
            reference: &self.reference,
            functions: &self.functions,
            variables: variables.chain(self.constants.keys().map(String::as_str)).collect(),
            bounds: &run.bounds,
            files: run.files(),
        };
        let checked = preflight::check(name, source, &known)?;
        let set = param::check_set(&run.set, &checked.declared);
        set.map_err(|error| Diagnostic::plain(&error))?;
        Ok(checked.warnings)
    }

    /// Runs one entry of a prompt, or the code of `-e`; variables, functions, constants and
    /// imports stay. `name` says in errors where the text is from.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn execute(&mut self, name: &str, source: &str) -> Result<Ended, Diagnostic> {
        self.execute_part(name, source, source)
    }

    /// Runs a part of `source`, which stands at its own place: what precedes it is blank. Errors
    /// show their place in the whole source.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn execute_part(
        &mut self,
        name: &str,
        source: &str,
        part: &str,
    ) -> Result<Ended, Diagnostic> {
        let value = match self.outcome(name, source, part)? {
            Ok(value) => value,
            Err(Stop::ShardDone { done, of }) => return Ok(Ended::ShardDone { done, of }),
        };
        if value.is_unit() {
            return Ok(Ended::Value(None));
        }
        let bundle = Bundle::of(&self.engine, &value);
        if self.run.borrow().interactive && self.scope.is_constant("ans") != Some(true) {
            self.scope.set_value("ans", value);
        }
        Ok(Ended::Value(Some(bundle)))
    }

    /// The value of some code.
    pub(super) fn value(&mut self, code: &str) -> Result<Dynamic, Diagnostic> {
        Ok(self.outcome("code", code, code)?.unwrap_or(Dynamic::UNIT))
    }

    fn outcome(
        &mut self,
        name: &str,
        source: &str,
        part: &str,
    ) -> Result<Result<Dynamic, Stop>, Diagnostic> {
        if let Err(error) = self.compile(part) {
            return Err(Diagnostic::parse(&error, name, source));
        }
        let moved = self.run.borrow_mut().texts.add(name, source);
        self.run.borrow().ops.set(0);
        let outcome = self.evaluate(&format!("{}{part}", "\n".repeat(moved)));
        self.scope = self.scope.clone_visible();
        outcome.map(Ok).or_else(|error| match stop(&error) {
            Some(stop) => Ok(Err(stop)),
            None => Err(self.diagnosed(&error)),
        })
    }

    /// Compiles a text that may use what the session has, and its own constants in its functions.
    fn compile(&self, text: &str) -> Result<AST, ParseError> {
        let mut names = Scope::new();
        for (name, _, _) in self.scope.iter_raw() {
            names.push(name, ());
        }
        for name in hoist::constants(text) {
            names.push(name, ());
        }
        self.engine.compile_with_scope(&names, text)
    }

    fn evaluate(&mut self, text: &str) -> Result<Dynamic, Box<EvalAltResult>> {
        let ast = self.compile(text)?;
        let reserved = self.reference.namespaces();
        let rest = self.imports.lift(&mut self.engine, &reserved, &ast, text)?;
        let ast = self.compile(&rest)?;
        let merged = self.functions.clone_functions_only().merge(&ast);
        let mut outcome = Ok(Dynamic::UNIT);
        for run in hoist::runs(&merged) {
            let (engine, scope) = (&self.engine, &mut self.scope);
            let ended = catch_unwind(AssertUnwindSafe(|| {
                engine.eval_ast_with_scope::<Dynamic>(scope, &run)
            }));
            crate::torch::restore_grad_mode();
            hoist::publish(&mut self.engine, &self.scope, &mut self.constants);
            outcome = ended.unwrap_or_else(|panic| Err(panicked(&*panic)));
            if outcome.is_err() {
                break;
            }
        }
        self.functions = merged.clone_functions_only();
        outcome
    }

    /// The functions that entries of this session defined.
    pub(super) fn function_names(&self) -> Vec<String> {
        let named = self.functions.iter_functions().map(|function| function.name.to_owned());
        named.filter(|name| !name.starts_with("anon$")).collect()
    }

    fn diagnosed(&self, error: &EvalAltResult) -> Diagnostic {
        let run = self.run.borrow();
        let names = Names { reference: &self.reference, failed: &run.failed };
        Diagnostic::run(error, &run.texts, &names)
    }

    /// Reads the imported modules again, and returns their names.
    ///
    /// # Errors
    /// A module that is gone or does not compile any more.
    pub fn reload(&mut self) -> Result<Vec<String>, Diagnostic> {
        let outcome = self.imports.reload(&mut self.engine);
        outcome.map_err(|error| self.diagnosed(&error))
    }

    /// Whether `source` is a whole entry; an open bracket, text or comment makes it incomplete.
    pub fn is_complete(&self, source: &str) -> bool {
        if token::is_open(source) {
            return false;
        }
        // An error at the end is one of text that is missing there.
        match self.compile(source) {
            Ok(_) => true,
            Err(error) => source::offset(source, error.position())
                .is_some_and(|place| place < source.trim_end().len()),
        }
    }
}

fn stop(error: &EvalAltResult) -> Option<Stop> {
    match error {
        EvalAltResult::ErrorTerminated(value, _) => value.clone().try_cast::<Stop>(),
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => stop(inner),
        _ => None,
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Box<EvalAltResult> {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown cause");
    let error = Error::internal(format!("a native function panicked: {message}"))
        .hint("this is a defect of rtscript; the session goes on");
    super::failure::raise(error, rhai::Position::NONE)
}
