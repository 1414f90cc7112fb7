//! A session: an engine, a scope that lasts, and what a run of a script needs to know.

use super::diagnostic::{Diagnostic, Names};
use super::engine::{Reference, engine};
use super::failure::Stop;
use super::limits::Bounds;
use super::modules::Sources;
use super::param::{self, Declared};
use crate::context::Context;
use crate::error::Error;
use crate::evaluate::EVALUATE;
use crate::registry::{Args, Home, Spec};
use crate::sweep::Shard;
use rhai::{AST, Dynamic, Engine, EvalAltResult, Scope};
use std::cell::{Cell, RefCell};
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
    /// Whether a person is at a prompt: an interrupted training then returns what it has.
    pub interactive: bool,
    /// Receives what scripts print, a line at a time.
    pub print: Rc<dyn Fn(&str)>,
}

/// What the verbs know of the running script.
pub struct Run {
    pub set: Vec<(String, String)>,
    pub shard: Shard,
    pub out: PathBuf,
    pub bounds: Bounds,
    /// The operations done so far.
    pub ops: Rc<Cell<u64>>,
    /// The texts of imported modules.
    pub sources: Sources,
    pub interactive: bool,
    pub print: Rc<dyn Fn(&str)>,
    /// The name and the text of the running script.
    pub name: String,
    pub source: Rc<str>,
    /// Its settings, as resolved.
    pub params: Vec<(String, String)>,
    /// Whether a sweep with a seed axis is running.
    pub seed_axis: bool,
    /// Receives warnings, a line at a time.
    pub warn: Rc<dyn Fn(&str)>,
    /// Entries already warned about.
    pub warned: Vec<&'static str>,
}

impl Run {
    /// Warns once of a call that leaves its seed out inside a sweep over seeds: all its cells
    /// would get the same draws.
    pub fn watch_seed(&mut self, spec: &'static Spec, args: &Args) {
        let draws = matches!(spec.home, Home::Namespace("model") | Home::Method("model"));
        let takes_seed = spec.params.iter().any(|param| param.name == "seed");
        let known = self.warned.contains(&spec.name);
        let draws = draws && spec.name != EVALUATE.name;
        if self.seed_axis && draws && takes_seed && !known && args.is_defaulted("seed") {
            self.warned.push(spec.name);
            (self.warn)(&format!(
                "{} is called without a seed inside a sweep over seeds: every cell gets seed 0",
                spec.path()
            ));
        }
    }
}

/// How a script ended without an error.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "a variant's comment covers its fields")]
pub enum Ended {
    /// With a value, as it prints; nothing for the unit value.
    Value(Option<String>),
    /// After this process's share of a sweep, so many cells of all.
    ShardDone { done: usize, of: usize },
}

/// A session: what one prompt or one batch run holds.
pub struct Session {
    engine: Engine,
    reference: Reference,
    scope: Scope<'static>,
    run: Rc<RefCell<Run>>,
    functions: AST,
}

impl Session {
    /// A fresh session under `context`.
    pub fn new(context: &Context, options: Options) -> Self {
        let run = Rc::new(RefCell::new(Run {
            set: options.set,
            shard: options.shard,
            out: options.out,
            bounds: options.bounds,
            ops: Rc::default(),
            sources: Sources::default(),
            interactive: options.interactive,
            print: options.print,
            name: String::new(),
            source: Rc::from(""),
            params: Vec::new(),
            seed_axis: false,
            warn: {
                let monitor = context.monitor.clone();
                Rc::new(move |message: &str| monitor.warn(message))
            },
            warned: Vec::new(),
        }));
        let (engine, reference) = engine(context, &run);
        Self { engine, reference, scope: Scope::new(), run, functions: AST::empty() }
    }

    /// The entries a script can name.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The settings a script declares, without running it.
    ///
    /// # Errors
    /// A script that does not parse.
    pub fn declared(&self, name: &str, source: &str) -> Result<Vec<Declared>, Diagnostic> {
        let ast = self.engine.compile(source);
        let ast = ast.map_err(|error| Diagnostic::parse(&error, name, source))?;
        Ok(param::declared(&ast))
    }

    /// Runs a whole script.
    ///
    /// # Errors
    /// A script that does not parse, a `--set` name it does not declare, and what fails in it.
    pub fn run(&mut self, name: &str, source: &str) -> Result<Ended, Diagnostic> {
        let declared = self.declared(name, source)?;
        let names = param::check_names(&self.run.borrow().set, &declared);
        names.map_err(|error| Diagnostic::plain(&error))?;
        self.execute(name, source)
    }

    /// Runs one entry of a prompt, or the code of `-e`; variables and functions stay.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn execute(&mut self, name: &str, source: &str) -> Result<Ended, Diagnostic> {
        let ast = self
            .engine
            .compile_with_scope(&self.scope, source)
            .map_err(|error| Diagnostic::parse(&error, name, source))?;
        name.clone_into(&mut self.run.borrow_mut().name);
        self.run.borrow_mut().source = Rc::from(source);
        self.run.borrow().ops.set(0);
        let merged = self.functions.clone_functions_only().merge(&ast);
        let (engine, scope) = (&self.engine, &mut self.scope);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            engine.eval_ast_with_scope::<Dynamic>(scope, &merged)
        }));
        crate::torch::restore_grad_mode();
        let outcome = outcome.unwrap_or_else(|panic| Err(panicked(&*panic)));
        self.functions = merged.clone_functions_only();
        self.scope = self.scope.clone_visible();
        match outcome {
            Ok(value) if value.is_unit() => Ok(Ended::Value(None)),
            Ok(value) => Ok(Ended::Value(Some(self.shown(&value)))),
            Err(error) => match stop(&error) {
                Some(Stop::ShardDone { done, of }) => Ok(Ended::ShardDone { done, of }),
                None => {
                    let functions = self.reference.function_names();
                    let sources = self.run.borrow().sources.clone();
                    let names = Names { functions: &functions, sources: &sources.borrow() };
                    Err(Diagnostic::run(&error, name, source, &names))
                }
            },
        }
    }

    /// Whether `source` is a whole entry; an open bracket, text or comment makes it incomplete.
    pub fn is_complete(&self, source: &str) -> bool {
        use rhai::{LexError, ParseErrorType};
        match self.engine.compile_with_scope(&self.scope, source) {
            Ok(_) => true,
            Err(error) => {
                !matches!(
                    error.err_type(),
                    ParseErrorType::UnexpectedEOF
                        | ParseErrorType::MissingToken(..)
                        | ParseErrorType::BadInput(LexError::UnterminatedString)
                ) || error.position().line().is_some_and(|line| line < source.lines().count())
            }
        }
    }

    /// How a value prints.
    fn shown(&self, value: &Dynamic) -> String {
        let mut scope = Scope::new();
        scope.push("value", value.clone());
        self.engine
            .eval_with_scope::<String>(&mut scope, "value.to_string()")
            .unwrap_or_else(|_| value.to_string())
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
