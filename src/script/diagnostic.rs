//! Errors as people read them: message, place in the script with a caret, call stack, hints.

use super::failure::{Failure, domain_of};
use super::limits::explained;
use super::source::{Span, keys, offset, token};
use crate::error::{Error, Kind, nearest};
use codespan_reporting::diagnostic::{Diagnostic as Report, Label};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::{Config, emit_into_string};
use rhai::{EvalAltResult, ParseError, Position};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The most calls that are shown, the innermost and the last.
const CALLS_SHOWN: usize = 8;
/// The most characters of a message that are shown.
const MESSAGE_SHOWN: usize = 1_000;
/// The longest line of a script that is shown, in bytes.
const LINE_SHOWN: usize = 400;

/// An error of a script, ready to be shown.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// What can be done about it.
    pub kind: Kind,
    /// The message, the place with its caret, and the hints, without colour.
    pub text: String,
}

/// What is known of names, for suggestions.
pub struct Names<'a> {
    /// Functions with their namespace: `attack::pgd`.
    pub functions: &'a [String],
    /// The texts of imported modules, by path.
    pub sources: &'a BTreeMap<String, Rc<str>>,
}

impl Diagnostic {
    /// An error that has no place in a script.
    pub fn plain(error: &Error) -> Self {
        let hints: String =
            error.hints().iter().map(|hint| format!("  = hint: {hint}\n")).collect();
        Self { kind: error.kind(), text: format!("error: {error}\n{hints}") }
    }

    /// A script that does not parse.
    pub fn parse(error: &ParseError, name: &str, source: &str) -> Self {
        let message = lowered(&error.err_type().to_string());
        let place = place(source, error.position(), None);
        let text = render(&message, name, source, place, &[], &[]);
        Self { kind: Kind::Usage, text }
    }

    /// A script that failed while it ran.
    pub fn run(error: &EvalAltResult, name: &str, source: &str, names: &Names) -> Self {
        let mut trace = Trace { file: name.to_owned(), stack: Vec::new() };
        let cause = trace.innermost(error, names.sources);
        let name = trace.file.as_str();
        let source = names.sources.get(name).map_or(source, |text| &**text);
        let domain = domain_of(cause);
        let position = cause.position();
        let (kind, message, mut hints) = match &domain {
            Some(error) => (error.kind(), error.to_string(), error.hints().to_vec()),
            None => {
                let (message, hints) = translated(cause, names);
                (Kind::Usage, message, hints)
            }
        };
        let key = domain.as_ref().and_then(Error::key);
        let place = place(source, position, key);
        hints.dedup();
        Self { kind, text: render(&message, name, source, place, &trace.stack, &hints) }
    }
}

/// The way to the error that started it.
struct Trace {
    /// The file it is in: the script, or the path of a module.
    file: String,
    /// How each function and module on the way was entered, innermost first, and from where.
    stack: Vec<(String, String, Position)>,
}

impl Trace {
    fn innermost<'e>(
        &mut self,
        error: &'e EvalAltResult,
        sources: &BTreeMap<String, Rc<str>>,
    ) -> &'e EvalAltResult {
        match error {
            EvalAltResult::ErrorInFunctionCall(name, file, inner, position) => {
                let caller = self.file.clone();
                if sources.contains_key(file) {
                    self.file.clone_from(file);
                }
                let cause = self.innermost(inner, sources);
                let name =
                    if name.starts_with("anon$") { "a closure".to_owned() } else { name.clone() };
                self.stack.push((format!("in {name}, called"), caller, *position));
                cause
            }
            EvalAltResult::ErrorInModule(file, inner, position) => {
                let importer = self.file.clone();
                self.file.clone_from(file);
                let cause = self.innermost(inner, sources);
                self.stack.push((format!("in {file}, imported"), importer, *position));
                cause
            }
            other => other,
        }
    }
}

fn place(source: &str, position: Position, key: Option<&str>) -> Option<Span> {
    let start = offset(source, position)?;
    let of_key = key.and_then(|key| {
        keys(source, start).into_iter().find(|(name, _)| name == key).map(|(_, span)| span)
    });
    Some(of_key.unwrap_or_else(|| token(source, start)))
}

/// Line and column of a byte, from 1, and the length of its line in bytes.
fn located(source: &str, at: usize) -> (usize, usize, usize) {
    let before = source.get(..at).unwrap_or(source);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let length = source[start..].find('\n').unwrap_or(source.len() - start);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1, length)
}

fn render(
    message: &str,
    name: &str,
    source: &str,
    place: Option<Span>,
    stack: &[(String, String, Position)],
    hints: &[String],
) -> String {
    let mut notes: Vec<String> = stack
        .iter()
        .filter(|(.., position)| !position.is_none())
        .map(|(entered, file, position)| format!("{entered} at {file}:{position:?}"))
        .collect();
    if let Some(more) = notes.len().checked_sub(CALLS_SHOWN).filter(|more| *more > 1) {
        notes.splice(CALLS_SHOWN - 1..CALLS_SHOWN + more - 1, [format!("in {more} more")]);
    }
    let long = place.map(|span| located(source, span.start));
    let long = long.filter(|(.., length)| *length > LINE_SHOWN);
    if let Some((line, column, _)) = long {
        notes.insert(0, format!("at {name}:{line}:{column}"));
    }
    notes.extend(hints.iter().map(|hint| format!("hint: {hint}")));
    let labels = place
        .filter(|_| long.is_none())
        .map(|span| Label::primary((), span.start.min(source.len())..span.end.min(source.len())))
        .into_iter()
        .collect();
    let message = match message.char_indices().nth(MESSAGE_SHOWN) {
        Some((cut, _)) => format!("{} ...", &message[..cut]),
        None => message.to_owned(),
    };
    let report = Report::error().with_message(&message).with_labels(labels).with_notes(notes);
    let file = SimpleFile::new(name, source);
    let config = Config { tab_width: 4, ..Config::default() };
    emit_into_string(&config, &file, &report).unwrap_or_else(|_| format!("error: {message}\n"))
}

/// Rhai's own errors in our words, with suggestions.
fn translated(error: &EvalAltResult, names: &Names) -> (String, Vec<String>) {
    let plain = |text: String| (lowered(&text), Vec::new());
    match error {
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let called = signature.split([' ', '(']).next().unwrap_or(signature);
            let bare = |name: &str| name.rsplit([':', '.']).next().unwrap_or(name).to_owned();
            let exact = names.functions.iter().find(|name| *name == called);
            let hint =
                if exact.is_some() {
                    Some(format!("{called} takes other arguments: ?{called} shows them"))
                } else {
                    nearest(called, names.functions.iter().map(String::as_str))
                        .or_else(|| {
                            names.functions.iter().map(String::as_str).find(|name| {
                                nearest(&bare(called), [bare(name).as_str()]).is_some()
                            })
                        })
                        .map(|near| format!("did you mean {near}?"))
                };
            (format!("function not found: {signature}"), hint.into_iter().collect())
        }
        EvalAltResult::ErrorRuntime(value, _) => {
            let text = value.clone().try_cast::<Failure>();
            (text.map_or_else(|| value.to_string(), |failure| failure.to_string()), Vec::new())
        }
        EvalAltResult::ErrorDataRace(what, _) => (
            format!("a closure captured a variable that this call works on: {what}"),
            vec![
                "train: the event of on_epoch holds the model: |e| e.model.evaluate(...)"
                    .to_owned(),
            ],
        ),
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            plain(format!("there is no property {name} here"))
        }
        other => {
            if let Some(limit) = explained(other) {
                return (limit, Vec::new());
            }
            let mut text = other.to_string();
            if let Some(cut) = text.rfind(" (line ") {
                text.truncate(cut);
            }
            plain(text)
        }
    }
}

fn lowered(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}
