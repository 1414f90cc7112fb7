//! Domain errors on their way through Rhai.

use crate::error::{Error, Kind};
use rhai::{Dynamic, EvalAltResult, NativeCallContext, Position};
use std::fmt;

/// A domain error as a script value: `catch (e)` sees it, printing it shows the message.
#[derive(Clone)]
pub struct Failure(pub Error);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a script stopped although nothing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// This process did its shard of a sweep.
    ShardDone { done: usize, of: usize },
}

/// The Rhai error of a domain error at `position`; an interrupt, and work that another process
/// holds, cannot be caught by a script.
pub fn raise(error: Error, position: Position) -> Box<EvalAltResult> {
    let uncatchable = matches!(error.kind(), Kind::Interrupted | Kind::Busy);
    let value = Dynamic::from(Failure(error));
    Box::new(if uncatchable {
        EvalAltResult::ErrorTerminated(value, position)
    } else {
        EvalAltResult::ErrorRuntime(value, position)
    })
}

/// A Rhai error as a domain error, for a closure that is called from the domain: the original is
/// kept aside by the caller, this one only stops the loop.
pub fn stopped(error: &EvalAltResult) -> Error {
    match domain_of(error) {
        Some(error) => error,
        None => Error::usage(error.to_string()),
    }
}

/// The domain error inside a Rhai error, owned.
pub fn domain_of(error: &EvalAltResult) -> Option<Error> {
    match error {
        EvalAltResult::ErrorRuntime(value, _) | EvalAltResult::ErrorTerminated(value, _) => {
            value.clone().try_cast::<Failure>().map(|failure| failure.0)
        }
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => domain_of(inner),
        _ => None,
    }
}

/// Attaches the position of the running call to a domain result.
pub fn at<T>(
    context: &NativeCallContext,
    result: crate::error::Result<T>,
) -> Result<T, Box<EvalAltResult>> {
    result.map_err(|error| raise(error, context.call_position()))
}
