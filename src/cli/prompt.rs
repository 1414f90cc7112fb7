//! The prompt: history, entries of several lines, commands, help.

use super::commands::{self, Next, Prompt, show};
use super::editor::Editing;
use super::progress::Progress;
use super::recording::Recording;
use super::{SUCCESS, image, output};
use crate::error::{Error, Result};
use crate::script::{Diagnostic, Session};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext,
    EventHandler, KeyCode, KeyEvent, Modifiers, RepeatCount,
};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

const WELCOME: &str =
    "rtscript: Tab completes, ?name shows help, :help lists commands, :quit or Ctrl-D leaves";

/// Reads entries and runs them until the end of input.
///
/// # Errors
/// A terminal that cannot be read.
pub fn run(session: Session, progress: &Rc<Progress>) -> Result<u8> {
    let session = Rc::new(RefCell::new(session));
    let mut editor = editor(&session)?;
    let history = history_file();
    if let Some(file) = &history {
        let _ = editor.load_history(file);
    }
    output::stdout(WELCOME);
    let pictures = image::protocol(|name| std::env::var(name).ok());
    let mut recording = Recording::default();
    let mut number = 0;
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
            let _ = editor.append_history(file);
        }
        progress.start();
        number += 1;
        let mut session = session.borrow_mut();
        let mut prompt = Prompt { session: &mut session, recording: &mut recording, pictures };
        let answered = answer(&mut prompt, &format!("entry {number}"), entry);
        progress.stop();
        match answered {
            Ok(Next::Entry) => {}
            Ok(Next::Leave) => break,
            Err(diagnostic) => output::stderr(&diagnostic.text),
        }
    }
    Ok(SUCCESS)
}

fn editor(session: &Rc<RefCell<Session>>) -> Result<Editor<Editing, DefaultHistory>> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(10_000)
        .map(rustyline::config::Builder::build)
        .map_err(|error| terminal(&error))?;
    let mut editor = Editor::with_config(config).map_err(|error| terminal(&error))?;
    editor.set_helper(Some(Editing(session.clone())));
    for (key, command) in
        [(KeyCode::Up, Cmd::HistorySearchBackward), (KeyCode::Down, Cmd::HistorySearchForward)]
    {
        let search = EventHandler::Conditional(Box::new(SearchByStart(command)));
        editor.bind_sequence(KeyEvent(key, Modifiers::NONE), search);
    }
    Ok(editor)
}

/// Up and Down find entries that start as the line does; in an entry of several lines they move.
struct SearchByStart(Cmd);

impl ConditionalEventHandler for SearchByStart {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext) -> Option<Cmd> {
        (!context.line().contains('\n')).then(|| self.0.clone())
    }
}

fn answer(prompt: &mut Prompt, name: &str, entry: &str) -> std::result::Result<Next, Diagnostic> {
    if let Some(asked) = entry.strip_prefix('?') {
        output::stdout(&prompt.session.inspect(asked.trim()));
        return Ok(Next::Entry);
    }
    if entry.starts_with(':') {
        return commands::run(prompt, entry);
    }
    let ended = prompt.session.execute(name, entry)?;
    prompt.recording.add(entry, &ended);
    show(&ended, prompt.pictures);
    Ok(Next::Entry)
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
