//! What is known of the variables at a point of a script.

use super::modules::Module;
use std::rc::Rc;

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Nothing: no check applies.
    Unknown,
    /// A kind of handle, result or plain value, as entries name it.
    Kind(&'static str),
    /// A map with these keys and no others.
    Record(Rc<[String]>),
}

impl Type {
    /// The kind of an entry's outcome.
    pub fn returned(returns: &'static str) -> Self {
        if returns == "any" { Self::Unknown } else { Self::Kind(returns) }
    }

    /// A map with these keys and no others.
    pub fn record<'k>(keys: impl Iterator<Item = &'k str>) -> Self {
        Self::Record(keys.map(str::to_owned).collect())
    }

    /// Whether it is a map that surely has this key.
    pub fn has_key(&self, name: &str) -> bool {
        matches!(self, Self::Record(keys) if keys.iter().any(|key| key == name))
    }

    /// The kind, where it is known.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Kind(kind) => Some(kind),
            Self::Record(_) => Some("map"),
        }
    }

    /// What is known of a value that is of one of two types.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        if self == *other { self } else { Self::Unknown }
    }
}

impl From<Option<&'static str>> for Type {
    fn from(kind: Option<&'static str>) -> Self {
        kind.map_or(Self::Unknown, Self::returned)
    }
}

/// A name and what it stands for.
#[derive(Clone)]
enum Named {
    Value(Type),
    Module(Option<Rc<Module>>),
}

/// The names that are visible, innermost block last.
#[derive(Default)]
pub struct Scope {
    blocks: Vec<Vec<(String, Named)>>,
}

impl Scope {
    /// Opens a block.
    pub fn open(&mut self) {
        self.blocks.push(Vec::new());
    }

    /// Closes the innermost block.
    pub fn close(&mut self) {
        self.blocks.pop();
    }

    /// How many blocks are open.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Declares a variable in the innermost block.
    pub fn declare(&mut self, name: &str, of: Type) {
        self.add(name, Named::Value(of));
    }

    /// Declares an imported module in the innermost block; `None` where it is not known.
    pub fn import(&mut self, alias: &str, module: Option<Rc<Module>>) {
        self.add(alias, Named::Module(module));
    }

    fn add(&mut self, name: &str, named: Named) {
        if let Some(block) = self.blocks.last_mut() {
            block.push((name.to_owned(), named));
        }
    }

    fn names(&self) -> impl Iterator<Item = &(String, Named)> {
        self.blocks.iter().rev().flat_map(|block| block.iter().rev())
    }

    /// The type of a variable, if it is visible.
    pub fn variable(&self, name: &str) -> Option<Type> {
        self.names().find_map(|(known, named)| match named {
            Named::Value(of) if known == name => Some(of.clone()),
            _ => None,
        })
    }

    /// An imported module, if it is visible; `Some(None)` is one of which nothing is known.
    pub fn module(&self, alias: &str) -> Option<Option<Rc<Module>>> {
        self.names().find_map(|(known, named)| match named {
            Named::Module(module) if known == alias => Some(module.clone()),
            _ => None,
        })
    }

    /// The names of the visible variables.
    pub fn variables(&self) -> Vec<&str> {
        self.names()
            .filter(|(_, named)| matches!(named, Named::Value(_)))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// The names of the visible modules.
    pub fn modules(&self) -> Vec<&str> {
        self.names()
            .filter(|(_, named)| matches!(named, Named::Module(_)))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// The scope in which a function starts: the modules stay, the variables are out of sight.
    #[must_use]
    pub fn of_function(&self) -> Self {
        let module = |entry: &&(String, Named)| matches!(entry.1, Named::Module(_));
        let modules = self.blocks.iter().flatten().filter(module).cloned().collect();
        Self { blocks: vec![modules] }
    }
}
