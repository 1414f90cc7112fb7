//! Errors as people read them: message, place in the script with a caret, call stack, hints.

use super::failure::{Failure, domain_of};
use super::source::{Span, keys, offset, token};
use crate::error::{Error, Kind, nearest};
use codespan_reporting::diagnostic::{Diagnostic as Report, Label};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::{Config, emit_into_string};
use rhai::{EvalAltResult, ParseError, Position};

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
    /// Functions with their namespace: `attack::pgd`.
    pub functions: &'a [String],
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

    /// A script that does not parse.
    pub fn parse(error: &ParseError, name: &str, source: &str) -> Self {
        let message = lowered(&error.err_type().to_string());
        let place = place(source, error.position(), None);
        let text = render(&message, name, source, place, &[], &[]);
        Self { kind: Kind::Usage, text, message, place: place.map(|span| caret(source, span)) }
    }

    /// A script that failed while it ran.
    pub fn run(error: &EvalAltResult, name: &str, source: &str, names: &Names) -> Self {
        let mut stack = Vec::new();
        let cause = innermost(error, &mut stack);
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
        let text = render(&message, name, source, place, &stack, &hints);
        Self { kind, text, message, place: place.map(|span| caret(source, span)) }
    }
}

/// The error that started it; the functions it passed through are pushed, innermost first.
fn innermost<'e>(
    error: &'e EvalAltResult,
    stack: &mut Vec<(String, Position)>,
) -> &'e EvalAltResult {
    match error {
        EvalAltResult::ErrorInFunctionCall(name, _, inner, position) => {
            let cause = innermost(inner, stack);
            let name =
                if name.starts_with("anon$") { "a closure".to_owned() } else { name.clone() };
            stack.push((name, *position));
            cause
        }
        EvalAltResult::ErrorInModule(_, inner, _) => innermost(inner, stack),
        other => other,
    }
}

fn place(source: &str, position: Position, key: Option<&str>) -> Option<Span> {
    let start = offset(source, position)?;
    let of_key = key.and_then(|key| {
        keys(source, start).into_iter().find(|(name, _)| name == key).map(|(_, span)| span)
    });
    Some(of_key.unwrap_or_else(|| token(source, start)))
}

/// Line and column at which a span starts, from 1.
fn caret(source: &str, span: Span) -> (usize, usize) {
    let before = source.get(..span.start).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

fn render(
    message: &str,
    name: &str,
    source: &str,
    place: Option<Span>,
    stack: &[(String, Position)],
    hints: &[String],
) -> String {
    let mut notes: Vec<String> = stack
        .iter()
        .filter(|(_, position)| !position.is_none())
        .map(|(function, position)| format!("in {function}, called at {name}:{position:?}"))
        .collect();
    notes.extend(hints.iter().map(|hint| format!("hint: {hint}")));
    let labels = place
        .map(|span| Label::primary((), span.start.min(source.len())..span.end.min(source.len())))
        .into_iter()
        .collect();
    let report = Report::error().with_message(message).with_labels(labels).with_notes(notes);
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
