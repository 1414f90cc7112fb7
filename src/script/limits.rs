//! How much a script may hold and do; all limits of the language stand here.
//!
//! A script that runs away ends within a second instead of taking the machine; one that works
//! does not notice. Tensors and files have their own limits.

use super::failure::Failure;
use super::run::Run;
use crate::confinement::Confinement;
use crate::context::Interrupt;
use crate::error::{Error, Result};
use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, LexError, Map, OptimizationLevel, ParseErrorType,
    Position,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The most bytes of a text, and of all texts of a list or a map together.
pub const TEXT: usize = 2 << 20;
/// The most elements of a list with those of its inner lists, and of a range that becomes one.
///
/// Rhai counts the elements at every push, which makes a list of n cost n²: 0.3 s at this limit,
/// 3 s at five times as many.
pub const LIST: usize = 20_000;
/// The most entries of a map with those of its inner maps; a literal map costs n², as lists do.
pub const MAP: usize = 10_000;
/// How deep lists, maps and what closures captured may lie in each other. Copies of a chain of n
/// cost n each, and dropping it takes n frames of the stack.
const NESTING: usize = 64;
/// How deep expressions and blocks may lie in each other.
const EXPRESSION: usize = 128;
/// How deep functions may call each other.
const CALLS: usize = 64;
/// The most variables at a time in a session or a function.
const VARIABLES: usize = 1_000;
/// The most functions of a script, closures included.
const FUNCTIONS: usize = 1_000;
/// The most imports that one run carries out.
const IMPORTS: usize = 256;
/// Of so many readings of variables one is checked for [`NESTING`] and [`MAP`], neither of which
/// Rhai checks where an element is assigned.
const CHECK_EVERY: u64 = 16;

/// What a run may read, and how much it may do.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Where it may read.
    pub reading: Confinement,
    /// The most operations of one run; none for any number.
    pub max_ops: Option<u64>,
}

/// Rhai's error of a limit, with the limit.
pub fn explained(error: &EvalAltResult) -> Option<String> {
    Some(match error {
        EvalAltResult::ErrorDataTooLarge(what, _) => match what.to_lowercase() {
            what if what.contains("string") => format!("a text may have {TEXT} bytes, not more"),
            what if what.contains("map") => format!("a map may have {MAP} entries, not more"),
            _ => format!("a list may have {LIST} elements, not more"),
        },
        EvalAltResult::ErrorStackOverflow(_) => {
            format!("functions may call each other {CALLS} deep, not more")
        }
        EvalAltResult::ErrorTooManyVariables(_) => {
            format!("too many variables: expected at most {VARIABLES}")
        }
        EvalAltResult::ErrorTooManyModules(_) => {
            format!("too many imports: expected at most {IMPORTS} in a run")
        }
        _ => return None,
    })
}

/// Puts the limits into `engine`; the operations of a run are counted in [`Run::ops`].
pub fn install(engine: &mut Engine, interrupt: Interrupt, run: &Rc<RefCell<Run>>) {
    grammar(engine);
    engine.set_max_call_levels(CALLS);
    engine.set_max_variables(VARIABLES);
    engine.set_max_modules(IMPORTS);
    watch_operations(engine, interrupt, run);
    watch_variables(engine);
}

/// Sets what a script may look like, for an engine that reads it; branches that never run stay.
pub fn grammar(engine: &mut Engine) {
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_string_size(TEXT);
    engine.set_max_array_size(LIST);
    engine.set_max_map_size(MAP);
    engine.set_max_expr_depths(EXPRESSION, EXPRESSION);
    engine.set_max_functions(FUNCTIONS);
    engine.disable_symbol("eval");
    // A closure captures by reference; only curry copies, and so doubles a function that holds
    // itself.
    engine.disable_symbol("curry");
    watch_definitions(engine);
}

/// Stops a run on request, and after its share of operations.
///
/// Rhai's own counter starts anew in every closure that a native function calls.
fn watch_operations(engine: &mut Engine, interrupt: Interrupt, run: &Rc<RefCell<Run>>) {
    let (ops, most) = {
        let run = run.borrow();
        (run.ops.clone(), run.bounds.max_ops.unwrap_or(u64::MAX))
    };
    engine.on_progress(move |_| {
        let done = ops.get() + 1;
        ops.set(done);
        if done <= most && !interrupt.is_requested() {
            return None;
        }
        let error = if done > most {
            Error::usage(format!("operations: expected at most {most}, as --max-ops says"))
                .hint("raise --max-ops, or look for a loop that does not end")
        } else {
            Error::interrupted("interrupted").hint("run the same command again to continue")
        };
        Some(Dynamic::from(Failure(error)))
    });
}

#[expect(deprecated, reason = "Rhai marks hooks that way that may change")]
fn watch_variables(engine: &mut Engine) {
    let draw = Cell::new(0_u64);
    engine.on_var(move |name, index, context| {
        // Knuth's generator: a loop of so many readings does not get past the checks.
        draw.set(draw.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        if draw.get() > u64::MAX / CHECK_EVERY {
            return Ok(None);
        }
        let scope = context.scope();
        let value = match index.checked_sub(1) {
            Some(from_the_end) => scope.iter_raw().nth(from_the_end).map(|(_, _, value)| value),
            None => scope.get(name),
        };
        match value.map_or(Ok(()), |value| Walk::default().expect_bounded(value)) {
            Ok(()) => Ok(None),
            Err(error) => {
                let failure = Dynamic::from(Failure(error.within(name)));
                Err(Box::new(EvalAltResult::ErrorTerminated(failure, Position::NONE)))
            }
        }
    });
}

/// Refuses too many variables while a script is read: reading n of them costs n².
#[expect(deprecated, reason = "Rhai marks hooks that way that may change")]
fn watch_definitions(engine: &mut Engine) {
    engine.on_def_var(|runs, variable, context| {
        if runs || context.scope().len() < VARIABLES {
            return Ok(true);
        }
        let name = variable.name();
        let text = format!("too many variables: {name} is one more than {VARIABLES}");
        let error = ParseErrorType::BadInput(LexError::Runtime(text));
        Err(Box::new(EvalAltResult::ErrorParsing(error, Position::NONE)))
    });
}

/// A walk through a value.
#[derive(Default)]
struct Walk {
    /// Where the lists, maps and closures are that enclose the current one: a closure may have
    /// captured the map it lies in.
    path: Vec<*const ()>,
    seen: usize,
    entries: usize,
}

impl Walk {
    /// Checks that a value is not nested too deep and that its maps are not too large.
    fn expect_bounded(&mut self, value: &Dynamic) -> Result<()> {
        if let Some(list) = value.read_lock::<Array>() {
            return self.enter((&raw const *list).cast(), list.iter());
        }
        if let Some(function) = value.read_lock::<FnPtr>() {
            return self.enter((&raw const *function).cast(), function.iter_curry());
        }
        if let Some(map) = value.read_lock::<Map>() {
            self.entries += map.len();
            if self.entries > MAP {
                return Err(Error::usage(format!("a map may have {MAP} entries, not more")));
            }
            return self.enter((&raw const *map).cast(), map.values());
        }
        Ok(())
    }

    fn enter<'v>(
        &mut self,
        place: *const (),
        values: impl Iterator<Item = &'v Dynamic>,
    ) -> Result<()> {
        if self.path.contains(&place) {
            return Ok(());
        }
        if self.path.len() >= NESTING {
            return Err(Error::usage(format!(
                "lists, maps and closures may lie {NESTING} deep in each other, not more"
            )));
        }
        self.path.push(place);
        for value in values {
            self.seen += 1;
            // What many closures captured together counts for each; the rest is not looked at.
            if self.seen > 2 * LIST {
                break;
            }
            self.expect_bounded(value)?;
        }
        self.path.pop();
        Ok(())
    }
}
