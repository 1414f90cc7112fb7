//! The prompt: history, entries of several lines, `?name`, `:quit`.

use super::progress::Progress;
use super::{SUCCESS, help, output};
use crate::error::{Error, Result};
use crate::script::{Ended, Session};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Editor, Helper};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

const WELCOME: &str = "rtscript: ?name shows help, :quit or Ctrl-D leaves";

/// Knows whether an entry is complete.
struct Whole(Rc<RefCell<Session>>);

impl Validator for Whole {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let command = input.starts_with([':', '?']);
        let whole = command || self.0.borrow().is_complete(input);
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Whole {
    type Candidate = String;
}
impl Hinter for Whole {
    type Hint = String;
}
impl Highlighter for Whole {}
impl Helper for Whole {}

/// Reads entries and runs them until the end of input.
///
/// # Errors
/// A terminal that cannot be read.
pub fn run(session: Session, progress: &Rc<Progress>) -> Result<u8> {
    let session = Rc::new(RefCell::new(session));
    let mut editor: Editor<Whole, DefaultHistory> =
        Editor::new().map_err(|error| terminal(&error))?;
    editor.set_helper(Some(Whole(session.clone())));
    let history = history_file();
    if let Some(file) = &history {
        let _ = editor.load_history(file);
    }
    output::stdout(WELCOME);
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(terminal(&error)),
        };
        let entry = line.trim();
        if entry.is_empty() {
            continue;
        }
        let _ = editor.add_history_entry(entry);
        if let Some(file) = &history {
            let _ = editor.save_history(file);
        }
        if matches!(entry, ":quit" | ":q") {
            break;
        }
        progress.start();
        answer(&session, entry);
        progress.stop();
    }
    Ok(SUCCESS)
}

fn answer(session: &Rc<RefCell<Session>>, entry: &str) {
    if let Some(name) = entry.strip_prefix('?') {
        let session = session.borrow();
        return output::stdout(&help::of_entry(session.reference(), name.trim()));
    }
    if entry.starts_with(':') {
        return output::stderr(&format!("no command {entry}; there is :quit, and ?name for help"));
    }
    let ended = session.borrow_mut().execute("prompt", entry);
    match ended {
        Ok(Ended::Value(None)) => {}
        Ok(Ended::Value(Some(text))) => output::stdout(&text),
        Ok(Ended::ShardDone { done, of }) => {
            output::stdout(&format!("shard done: {done} of {of} cells"));
        }
        Err(diagnostic) => output::stderr(&diagnostic.text),
    }
}

fn terminal(error: &ReadlineError) -> Error {
    Error::usage(format!("prompt: cannot read the terminal: {error}"))
}

/// Where entries are remembered between sessions.
fn history_file() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let state = std::env::var_os("XDG_STATE_HOME")
        .map_or_else(|| home.join(".local").join("state"), PathBuf::from)
        .join("rtscript");
    std::fs::create_dir_all(&state).ok()?;
    Some(state.join("history"))
}
