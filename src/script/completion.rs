//! What could be typed next: names, members, options and their values, paths. Nothing is
//! evaluated; the session's variables are only looked at.

use super::missing;
use super::reading::{Place, Reading};
use super::session::Session;
use super::token::KEYWORDS;
use crate::registry::{Kind, Param, Spec};
use rhai::{Dynamic, Map};
use std::path::Path;

/// One thing that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// What a list shows.
    pub shown: String,
    /// What is put into the text.
    pub text: String,
}

impl Candidate {
    fn new(shown: impl Into<String>, text: impl Into<String>) -> Self {
        Self { shown: shown.into(), text: text.into() }
    }

    fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { shown: text.clone(), text }
    }
}

/// What could replace the word that is being typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// Where that word starts, in bytes.
    pub start: usize,
    /// What could stand there instead, without doubles, sorted.
    pub candidates: Vec<Candidate>,
}

impl Session {
    /// What could be typed at the byte `cursor` of `text`.
    pub fn complete(&self, text: &str, cursor: usize) -> Completion {
        let Some(before) = text.get(..cursor) else { return Completion::default() };
        let variables = |name: &str| self.kind_of(name);
        let reading = Reading::new(before, self.reference(), &variables);
        let (place, start) = reading.place();
        let typed = &before[start..];
        if let Place::Text = place {
            let (start, candidates) = paths(typed, start);
            return Completion { start, candidates };
        }
        let mut candidates = self.at(&place);
        candidates.retain(|candidate| candidate.text.starts_with(typed));
        candidates.sort();
        candidates.dedup();
        Completion { start, candidates }
    }

    /// What would help to go on at the end of `text`, shown behind the cursor: the arguments of
    /// the call just opened, the default of an option, the rest of the only word that fits.
    pub fn hint(&self, text: &str) -> Option<String> {
        let variables = |name: &str| self.kind_of(name);
        let reading = Reading::new(text, self.reference(), &variables);
        let (place, start) = reading.place();
        let typed = &text[start..];
        match &place {
            Place::Value { call, param, quoted: false } if typed.is_empty() => {
                let spec = reading.call().filter(|spec| spec.name == *call)?;
                if text.ends_with('(') {
                    return Some(arguments(spec));
                }
                let param = spec.inputs.iter().chain(spec.params).find(|p| p.name == *param)?;
                Some(format!("{} ({})", param.default_text(), param.expects()))
            }
            Place::Name if text.ends_with('(') => reading.call().map(arguments),
            Place::Comment | Place::Text | Place::Name if typed.is_empty() => None,
            Place::Comment | Place::Text => None,
            _ if typed.is_empty() && !matches!(place, Place::Key { .. }) => None,
            _ => {
                let mut candidates = self.at(&place);
                candidates.retain(|candidate| candidate.text.starts_with(typed));
                match candidates.as_slice() {
                    [only] => Some(only.text[typed.len()..].to_owned()).filter(|t| !t.is_empty()),
                    several if typed.is_empty() => {
                        let keys: Vec<&str> = several.iter().map(|c| c.shown.as_str()).collect();
                        Some(format!(" {}", keys.join(", ")))
                    }
                    _ => None,
                }
            }
        }
    }

    fn at(&self, place: &Place) -> Vec<Candidate> {
        match place {
            Place::Comment | Place::Text => Vec::new(),
            Place::Member { kind, variable } => self.members(kind.as_deref(), variable.as_deref()),
            Place::Namespace(name) => self.of_namespace(name),
            Place::Key { call, given } => {
                let params = self.specs_named(call).flat_map(|spec| spec.params);
                let free = params.filter(|param| !given.iter().any(|key| key == param.name));
                free.map(|param| Candidate::new(param.name, format!("{}: ", param.name))).collect()
            }
            Place::Value { call, param, quoted } => {
                let params = self.specs_named(call).flat_map(|s| s.inputs.iter().chain(s.params));
                let params: Vec<_> = params.filter(|p| p.name == *param).collect();
                let mut values: Vec<Candidate> =
                    params.iter().flat_map(|param| words(param, *quoted)).collect();
                let made = |p: &&&Param| {
                    matches!(
                        p.kind,
                        Kind::Handle(_)
                            | Kind::Either { .. }
                            | Kind::Handles(_)
                            | Kind::Any
                            | Kind::Callback
                    )
                };
                match (quoted, params.iter().any(|param| made(&param))) {
                    (true, _) => {}
                    (false, true) => values.extend(self.names()),
                    (false, false) => values.extend(self.own_names()),
                }
                values
            }
            Place::Name => self.names(),
        }
    }

    fn specs_named(&self, name: &str) -> impl Iterator<Item = &'static Spec> {
        self.reference().specs.iter().copied().filter(move |spec| spec.name == name)
    }

    fn members(&self, kind: Option<&str>, variable: Option<&str>) -> Vec<Candidate> {
        let specs = match kind {
            Some(kind) => self.reference().members(kind),
            None => self.reference().all_members(),
        };
        let mut found: Vec<Candidate> = specs.into_iter().map(callable).collect();
        if let Some(kind) = kind {
            let own = self.reference().of_rhai(kind);
            found.extend(own.map(|name| Candidate::new(name, format!("{name}("))));
        }
        let value = variable.and_then(|name| self.scope.get(name));
        if let Some(map) = value.and_then(|value| value.read_lock::<Map>()) {
            found.extend(map.keys().map(|key| Candidate::plain(key.as_str())));
        }
        found
    }

    fn of_namespace(&self, name: &str) -> Vec<Candidate> {
        let mut found: Vec<Candidate> =
            self.reference().of_namespace(name).into_iter().map(callable).collect();
        found.extend(
            self.imports
                .functions(&self.engine, name)
                .into_iter()
                .map(|function| Candidate::new(function.clone(), format!("{function}("))),
        );
        found
    }

    fn names(&self) -> Vec<Candidate> {
        let reference = self.reference();
        let spaces = reference.namespaces().into_iter().chain(self.imports.names());
        let mut names: Vec<Candidate> =
            spaces.map(|name| Candidate::plain(format!("{name}::"))).collect();
        names.extend(reference.globals().into_iter().map(callable));
        names.extend(self.own_names());
        names.extend(KEYWORDS.iter().map(|word| Candidate::plain(*word)));
        names
    }

    /// Variables and functions of the session.
    fn own_names(&self) -> Vec<Candidate> {
        let variables = self.scope.iter_raw().map(|(name, _, _)| Candidate::plain(name));
        let mut names: Vec<Candidate> = variables.collect();
        names.extend(
            self.function_names()
                .into_iter()
                .map(|name| Candidate::new(name.clone(), format!("{name}("))),
        );
        names
    }

    /// The kind of a variable of the session.
    pub(super) fn kind_of(&self, name: &str) -> Option<String> {
        self.scope.get(name).map(|value| self.kind(value).to_owned())
    }

    /// The kind of a value, as entries name it.
    pub(super) fn kind<'a>(&'a self, value: &'a Dynamic) -> &'a str {
        missing::kind(&self.engine, value)
    }
}

fn callable(spec: &'static Spec) -> Candidate {
    let bracket = match spec.home {
        crate::registry::Home::Property(_) => "",
        _ if spec.inputs.is_empty() && spec.params.is_empty() => "()",
        _ => "(",
    };
    Candidate::new(spec.name, format!("{}{bracket}", spec.name))
}

/// The words that a parameter takes.
fn words(param: &'static Param, quoted: bool) -> Vec<Candidate> {
    let words: Vec<&str> = match param.kind {
        Kind::Choice(words) | Kind::Either { words, .. } => words.to_vec(),
        Kind::Bool if !quoted => return ["true", "false"].map(Candidate::plain).to_vec(),
        Kind::Handle(kind) => super::verbs::names_of(kind),
        _ => Vec::new(),
    };
    let quote = if quoted { "" } else { "\"" };
    words.iter().map(|word| Candidate::new(*word, format!("{quote}{word}\""))).collect()
}

/// `norm: "l2", eps: 0.5, ...)`: what stands between the brackets of a call.
fn arguments(spec: &'static Spec) -> String {
    let mut parts: Vec<String> = spec.inputs.iter().map(|input| input.name.to_owned()).collect();
    if !spec.params.is_empty() {
        let keys: Vec<&str> = spec.params.iter().map(|param| param.name).collect();
        parts.push(format!("#{{ {} }}", keys.join(", ")));
    }
    format!("{})", parts.join(", "))
}

/// The files that a typed path could name, and where its last part starts.
fn paths(typed: &str, start: usize) -> (usize, Vec<Candidate>) {
    let (folder, part) =
        typed.rsplit_once('/').map_or(("", typed), |(folder, part)| (folder, part));
    let place = match folder {
        "" if typed.starts_with('/') => Path::new("/"),
        "" => Path::new("."),
        folder => Path::new(folder),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && !part.starts_with('.');
        if name.starts_with(part) && !hidden {
            let end = if entry.path().is_dir() { "/" } else { "" };
            found.push(Candidate::plain(format!("{name}{end}")));
        }
    }
    found.sort();
    (start + typed.len() - part.len(), found)
}
