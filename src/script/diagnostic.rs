//! Errors as people read them: message, place in the script with a caret, call stack, hints.

use super::failure::{Failure, domain_of};
use super::limits::explained;
use super::missing::{self, Failed};
use super::preflight::missing_semicolon;
use super::reference::Reference;
use super::source::{Span, keys, offset, token};
use super::text::Texts;
use crate::error::{Error, Kind};
use codespan_reporting::diagnostic::{Diagnostic as Report, Label, Severity};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::{Config, emit_into_string};
use rhai::{EvalAltResult, ParseError, Position};

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
    /// The message alone.
    pub message: String,
    /// Line and column of the caret, from 1; none for an error without a place in a script.
    pub place: Option<(usize, usize)>,
}

/// What is known of names, for suggestions.
pub struct Names<'a> {
    /// The entries.
    pub reference: &'a Reference,
    /// The last native call that failed, with facts of its arguments.
    pub failed: &'a Failed,
}

impl Diagnostic {
    /// An error that has no place in a script.
    pub fn plain(error: &Error) -> Self {
        let hints: String =
            error.hints().iter().map(|hint| format!("  = hint: {hint}\n")).collect();
        let message = error.to_string();
        let text = format!("error: {message}\n{hints}");
        Self { kind: error.kind(), text, message, place: None }
    }

    /// A text that does not parse.
    pub fn parse(error: &ParseError, name: &str, source: &str) -> Self {
        let (message, place) = unparsed(error, source);
        let text = render(&message, name, source, place, &[]);
        Self { kind: Kind::Usage, text, message, place: place.map(|span| caret(source, span)) }
    }

    /// A script that failed while it ran; `texts` know where its lines are from.
    pub fn run(error: &EvalAltResult, texts: &Texts, names: &Names) -> Self {
        let mut stack = Vec::new();
        let (cause, module) = innermost(error, "", &mut stack);
        let domain = domain_of(cause);
        let (kind, message, mut hints) = match &domain {
            Some(error) => (error.kind(), error.to_string(), error.hints().to_vec()),
            None => {
                let source = texts.place(module, cause.position()).map(|(text, _)| text.source);
                let (message, hints) = translated(cause, names, source.as_deref().unwrap_or(""));
                (Kind::Usage, message, hints)
            }
        };
        hints.dedup();
        let mut notes: Vec<String> = stack.iter().filter_map(|call| call.note(texts)).collect();
        if let Some(more) = notes.len().checked_sub(CALLS_SHOWN).filter(|more| *more > 1) {
            notes.splice(CALLS_SHOWN - 1..CALLS_SHOWN + more - 1, [format!("in {more} more")]);
        }
        notes.extend(hints.iter().map(|hint| format!("hint: {hint}")));
        let key = domain.as_ref().and_then(Error::key);
        let (text, place) = match texts.place(module, cause.position()) {
            Some((text, position)) => {
                let place = place(&text.source, position, key);
                let caret = place.map(|span| caret(&text.source, span));
                (render(&message, &text.name, &text.source, place, &notes), caret)
            }
            None => {
                let name = texts.last().map_or("", |text| text.name.as_ref());
                (render(&message, name, "", None, &notes), None)
            }
        };
        Self { kind, text, message, place }
    }
}

/// The message and the place of an error of parsing.
pub(super) fn unparsed(error: &ParseError, source: &str) -> (String, Option<Span>) {
    match missing_semicolon(error, source) {
        Some((message, place)) => (message, Some(place)),
        None => {
            let message = lowered(&error.err_type().to_string());
            (message, place(source, error.position(), None))
        }
    }
}

/// A call or an import that an error passed through.
struct Call<'e> {
    /// The function, or the path of the module.
    what: &'e str,
    /// `called` or `imported`.
    how: &'static str,
    /// The module in which the call stands; empty for the session's own texts.
    module: &'e str,
    position: Position,
}

impl Call<'_> {
    fn note(&self, texts: &Texts) -> Option<String> {
        let (text, position) = texts.place(self.module, self.position)?;
        let what = if self.what.starts_with("anon$") { "a closure" } else { self.what };
        Some(format!("in {what}, {} at {}:{position:?}", self.how, text.name))
    }
}

/// The error that started it and its module; the calls it passed through are pushed, innermost
/// first.
fn innermost<'e>(
    error: &'e EvalAltResult,
    module: &'e str,
    stack: &mut Vec<Call<'e>>,
) -> (&'e EvalAltResult, &'e str) {
    match error {
        EvalAltResult::ErrorInFunctionCall(function, inside, inner, position) => {
            let cause = innermost(inner, inside, stack);
            stack.push(Call { what: function, how: "called", module, position: *position });
            cause
        }
        EvalAltResult::ErrorInModule(inside, inner, position) => {
            let cause = innermost(inner, inside, stack);
            stack.push(Call { what: inside, how: "imported", module, position: *position });
            cause
        }
        other => (other, module),
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

/// Line and column at which a span starts, from 1.
pub(super) fn caret(source: &str, span: Span) -> (usize, usize) {
    let (line, column, _) = located(source, span.start);
    (line, column)
}

fn render(
    message: &str,
    name: &str,
    source: &str,
    place: Option<Span>,
    notes: &[String],
) -> String {
    report(Severity::Error, message, name, source, place, notes)
}

/// A message with its place and notes, as text.
pub(super) fn report(
    severity: Severity,
    message: &str,
    name: &str,
    source: &str,
    place: Option<Span>,
    notes: &[String],
) -> String {
    let mut notes = notes.to_vec();
    let long = place.map(|span| located(source, span.start));
    let long = long.filter(|(.., length)| *length > LINE_SHOWN);
    if let Some((line, column, _)) = long {
        notes.insert(0, format!("at {name}:{line}:{column}"));
    }
    let labels = place
        .filter(|_| long.is_none())
        .map(|span| Label::primary((), span.start.min(source.len())..span.end.min(source.len())))
        .into_iter()
        .collect();
    let message = match message.char_indices().nth(MESSAGE_SHOWN) {
        Some((cut, _)) => format!("{} ...", &message[..cut]),
        None => message.to_owned(),
    };
    let report = Report::new(severity).with_message(&message).with_labels(labels).with_notes(notes);
    let file = SimpleFile::new(name, source);
    let config = Config { tab_width: 4, ..Config::default() };
    emit_into_string(&config, &file, &report).unwrap_or_else(|_| format!("error: {message}\n"))
}

/// Rhai's own errors in our words, with suggestions.
fn translated(error: &EvalAltResult, names: &Names, source: &str) -> (String, Vec<String>) {
    let plain = |text: String| (lowered(&text), Vec::new());
    if let Some(property) = missing::property(names.reference, error) {
        return property;
    }
    match error {
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            missing::function(names.reference, signature, names.failed)
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
        EvalAltResult::ErrorPropertyNotFound(name, _) => missing::key(name, source),
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
