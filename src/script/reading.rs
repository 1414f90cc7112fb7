//! What a place in an unfinished text stands for, read off its words; nothing is evaluated.

use super::reference::Reference;
use super::token::{Piece, Token, pieces};
use crate::registry::{Home, Spec};

/// Where a cursor stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// In a comment.
    Comment,
    /// Behind a dot, of a value of this kind, if the words tell it.
    Member { kind: Option<String>, variable: Option<String> },
    /// Behind `NAMESPACE::`.
    Namespace(String),
    /// Where an option of a call is named, those already there in `given`.
    Key { call: &'static str, given: Vec<String> },
    /// Where the value of an option or of a positional argument stands.
    Value { call: &'static str, param: &'static str, quoted: bool },
    /// In any other text: perhaps a path.
    Text,
    /// Anywhere else: a name, or a keyword.
    Name,
}

/// The text before a cursor, read.
pub struct Reading<'a> {
    source: &'a str,
    pieces: Vec<Piece>,
    reference: &'a Reference,
    variables: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Reading<'a> {
    /// Reads `source`; `variables` tells the kinds of the session's variables.
    pub fn new(
        source: &'a str,
        reference: &'a Reference,
        variables: &'a dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self { source, pieces: pieces(source), reference, variables }
    }

    fn text(&self, index: usize) -> &'a str {
        self.pieces.get(index).map_or("", |piece| piece.text(self.source))
    }

    fn token(&self, index: usize) -> Option<Token> {
        self.pieces.get(index).map(|piece| piece.token)
    }

    /// The place at the end of the text, and where the word that is being typed starts.
    pub fn place(&self) -> (Place, usize) {
        let end = self.source.len();
        let count = self.pieces.len();
        let Some(last) = self.pieces.last() else { return (Place::Name, end) };
        match last.token {
            Token::Comment { closed } if !closed || self.text(count - 1).starts_with("//") => {
                return (Place::Comment, end);
            }
            Token::Text { closed: false } => {
                let place = match self.argument(count - 1, true) {
                    Some(place @ Place::Value { .. }) => place,
                    _ => Place::Text,
                };
                return (place, last.start + 1);
            }
            _ => {}
        }
        let typing = matches!(last.token, Token::Name | Token::Keyword) && last.end == end;
        let (before, start) = if typing { (count - 1, last.start) } else { (count, end) };
        match before.checked_sub(1).map_or("", |index| self.text(index)) {
            "." => {
                let variable = before.checked_sub(2).filter(|index| {
                    self.token(*index) == Some(Token::Name)
                        && index.checked_sub(1).is_none_or(|i| !matches!(self.text(i), "." | "::"))
                });
                let variable = variable.map(|index| self.text(index).to_owned());
                (Place::Member { kind: self.kind_before(before - 1), variable }, start)
            }
            "::" if before >= 2 => (Place::Namespace(self.text(before - 2).to_owned()), start),
            _ => (self.argument(before, false).unwrap_or(Place::Name), start),
        }
    }

    /// The call whose arguments the end of the text stands in, with its bracket.
    pub fn call(&self) -> Option<&'static Spec> {
        let open = self.open_brackets(self.pieces.len());
        let (index, _) = open.iter().rev().find(|(_, symbol)| *symbol == "(")?;
        self.callee(*index)
    }

    /// The brackets that are open before the piece `end`.
    fn open_brackets(&self, end: usize) -> Vec<(usize, &'a str)> {
        let mut open = Vec::new();
        for index in 0..end {
            match (self.token(index), self.text(index)) {
                (Some(Token::Symbol), symbol @ ("(" | "[" | "{" | "#{")) => {
                    open.push((index, symbol));
                }
                (Some(Token::Symbol), ")" | "]" | "}") => {
                    open.pop();
                }
                _ => {}
            }
        }
        open
    }

    /// What the piece `at`, which may not be there yet, is in the call around it.
    fn argument(&self, at: usize, quoted: bool) -> Option<Place> {
        let open = self.open_brackets(at);
        let before = at.checked_sub(1)?;
        match open.as_slice() {
            [.., (call, "("), (map, "#{")] => {
                let spec = self.callee(*call)?;
                match self.text(before) {
                    "#{" | "," => Some(Place::Key { call: spec.name, given: self.keys(*map, at) }),
                    ":" => {
                        let key = self.text(before.checked_sub(1)?).trim_matches('"');
                        let param = spec.params.iter().find(|param| param.name == key)?;
                        Some(Place::Value { call: spec.name, param: param.name, quoted })
                    }
                    _ => None,
                }
            }
            [.., (call, "(")] if matches!(self.text(before), "(" | ",") => {
                let spec = self.callee(*call)?;
                let place = (*call..at).filter(|index| {
                    self.text(*index) == "," && self.open_brackets(*index).len() == open.len()
                });
                let param = spec.inputs.get(place.count())?;
                Some(Place::Value { call: spec.name, param: param.name, quoted })
            }
            _ => None,
        }
    }

    /// The keys between the bracket `map` and the piece `end`.
    fn keys(&self, map: usize, end: usize) -> Vec<String> {
        let depth = self.open_brackets(map + 1).len();
        let is_key = |index: &usize| {
            self.text(index + 1) == ":" && self.open_brackets(*index).len() == depth
        };
        (map + 1..end)
            .filter(is_key)
            .map(|index| self.text(index).trim_matches('"').into())
            .collect()
    }

    /// The entry that is called by the bracket `open`.
    fn callee(&self, open: usize) -> Option<&'static Spec> {
        let name = open.checked_sub(1)?;
        if self.token(name) != Some(Token::Name) {
            return None;
        }
        let before = name.checked_sub(1).map_or("", |index| self.text(index));
        let fits = |spec: &&&'static Spec| match (before, spec.home) {
            ("::", Home::Namespace(space)) => name >= 2 && space == self.text(name - 2),
            (".", Home::Method(kind)) => {
                self.kind_before(name - 1).is_none_or(|receiver| receiver == kind)
            }
            ("::" | ".", _) => false,
            (_, home) => home == Home::Global,
        };
        let named = self.reference.specs.iter().filter(|spec| spec.name == self.text(name));
        named.filter(|spec| fits(spec)).copied().next()
    }

    /// The kind of the value whose last word is the piece before `end`.
    fn kind_before(&self, end: usize) -> Option<String> {
        let last = end.checked_sub(1)?;
        let before = last.checked_sub(1).map_or("", |index| self.text(index));
        match (self.token(last)?, self.text(last)) {
            (Token::Text { .. }, _) => Some("text".to_owned()),
            (Token::Number, _) => Some("number".to_owned()),
            (Token::Name, name) if before == "." => {
                let kind = self.kind_before(last - 1)?;
                self.member(&kind, name).map(|spec| spec.returns.to_owned())
            }
            (Token::Name, name) if before != "::" => self.variable(name, last),
            (Token::Symbol, ")") => {
                let open = self.opening(last)?;
                self.callee(open).map(|spec| spec.returns.to_owned())
            }
            (Token::Symbol, "}") if self.text(self.opening(last)?) == "#{" => {
                Some("map".to_owned())
            }
            (Token::Symbol, "]") => {
                let open = self.opening(last)?;
                let indexed = open.checked_sub(1).is_some_and(|index| {
                    self.token(index) == Some(Token::Name) || matches!(self.text(index), ")" | "]")
                });
                (!indexed).then(|| "list".to_owned())
            }
            _ => None,
        }
    }

    /// The kind of a variable: as the text itself defines it, or as the session has it.
    fn variable(&self, name: &str, before: usize) -> Option<String> {
        let defined = (0..before.saturating_sub(2)).rev().find(|index| {
            matches!(self.text(*index), "let" | "const")
                && self.text(index + 1) == name
                && self.text(index + 2) == "="
        });
        let Some(start) = defined else { return (self.variables)(name) };
        let depth = self.open_brackets(start).len();
        let end = (start + 3..before)
            .find(|index| self.text(*index) == ";" && self.open_brackets(*index).len() == depth)?;
        self.kind_before(end)
    }

    fn opening(&self, close: usize) -> Option<usize> {
        self.open_brackets(close).pop().map(|(index, _)| index)
    }

    /// A method or property of a kind.
    fn member(&self, kind: &str, name: &str) -> Option<&'static Spec> {
        self.reference.members(kind).into_iter().find(|spec| spec.name == name)
    }
}
