//! Golden scripts: scripts that say what they give, and fail as tests where they give else.
//!
//! * `expr; //=> value` is followed by the text that the prompt shows for the value of the
//!   statement. Further lines of the text follow at once, each behind its own `//=>`; all of them
//!   may stand below the statement. Nothing behind the mark means no value. `//=> error: message`
//!   expects that the statement fails, and goes on behind it.
//! * `NAME.out` beside `NAME.rhai` holds all that it prints.
//! * `// error: LINE:COL message`, anywhere, expects that the script fails, with the caret there;
//!   the message is compared as a whole, its lines joined by spaces. An error without a place in
//!   the script has no `LINE:COL`.
//!
//! The head may hold directives: `//@ rtol=1e-3`, `//@ atol=0.5`, `//@ exact`,
//! `//@ ignore: intervals`, `//@ leave_out: TEXT`, `//@ needs: cuda`, `//@ data: mnist`,
//! `//@ run=OTHER.rhai` (looked for in the folder of the script, then in those above it) and
//! `//@ set=NAME=VALUE,...`.
//!
//! Text and whole numbers are compared exactly; a number with a point or an exponent differs by
//! at most the largest of `atol`, `rtol` times the expected number, and one unit of the last digit
//! that is written. Runs of spaces count as one. Under `ignore: intervals` the two numbers of
//! `[a, b]` may be any, and lines of the output that hold a text of `leave_out` are not compared:
//! those that tell an outcome in words or counts, which may differ between CPUs. `exact` compares to the letter.
//!
//! A script with marks runs in parts, each up to a mark, in one session: a function is defined
//! before the first mark that calls it.

mod bless;
mod comment;
mod difference;
mod directive;
mod expectation;
mod find;
mod judge;
mod piece;
mod run;
mod tolerance;

pub use bless::Rewritten;
pub use directive::Directives;
pub use expectation::{Expectations, Failing, Mark};
pub use find::scripts;
pub use judge::Mismatch;
pub use run::{Outcome, Ran};
pub use tolerance::Tolerance;

use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A script and all that it expects.
#[derive(Debug, Clone)]
pub struct Golden {
    /// The script.
    pub path: PathBuf,
    /// Its text.
    pub source: String,
    /// What its head asks for.
    pub directives: Directives,
    /// What its comments expect.
    pub expectations: Expectations,
    /// What it must print, if `NAME.out` says so.
    pub output: Option<String>,
    /// The script that runs in its place, with its text.
    pub target: Option<(PathBuf, String)>,
}

impl Golden {
    /// Reads a script with its expectations.
    ///
    /// # Errors
    /// A file that cannot be read, a directive or an expectation that is none.
    pub fn read(path: &Path) -> Result<Self> {
        let source = text(path)?;
        let directives = Directives::read(&source, &comment::comments(&source).0)?;
        let expectations = Expectations::read(&source)?;
        let output = output_path(path);
        let output = if output.exists() { Some(text(&output)?) } else { None };
        let target = directives.run.as_deref().map(|run| target(path, run)).transpose()?;
        if target.is_some() && (expectations.rest.is_some() || !expectations.marks.is_empty()) {
            return Err(Error::usage("run: the script holds code of its own, which does not run"));
        }
        Ok(Self { path: path.to_owned(), source, directives, expectations, output, target })
    }

    /// Whether it expects nothing, and so is no test.
    pub fn expects_nothing(&self) -> bool {
        let Expectations { marks, failing, .. } = &self.expectations;
        marks.is_empty() && failing.is_none() && self.output.is_none()
    }

    /// Where the expected output lies.
    pub fn output_path(&self) -> PathBuf {
        output_path(&self.path)
    }
}

fn output_path(path: &Path) -> PathBuf {
    path.with_extension("out")
}

fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Error::io(format!("cannot read {}", path.display()), &error))
}

/// The script `run` beside `path`, or in the nearest folder above that has it.
fn target(path: &Path, run: &str) -> Result<(PathBuf, String)> {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let found = absolute.ancestors().skip(1).map(|folder| folder.join(run)).find(|p| p.is_file());
    let Some(found) = found else {
        return Err(Error::usage(format!(
            "run: {run} is not in the folder of the script nor in one above it"
        )));
    };
    let source = text(&found)?;
    Ok((found, source))
}
