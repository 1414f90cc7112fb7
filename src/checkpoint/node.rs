//! What a file holds, as a graph of values: nothing in it can act.

use super::storage::Storage;
use super::symbol::{Symbol, SymbolId};
use super::tensor_meta::{StorageId, TensorMeta};

/// The index of a value in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(super) u32);

/// A value. Containers hold ids, so that a value listed twice is one value, and one that holds
/// itself is no trouble.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number outside i64, in digits.
    Long(String),
    /// A real number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes; [`Node::bytes`] gives them.
    Bytes(Blob),
    /// A list.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A set.
    Set(Vec<Id>),
    /// A dictionary in its order, each key once.
    Dict {
        /// Keys and values.
        items: Vec<(Id, Id)>,
        /// What was set on the object itself, such as `_metadata` of a state dict.
        attributes: Option<Id>,
    },
    /// A tensor.
    Tensor(Box<TensorMeta>),
    /// Memory that tensors are views of.
    Storage(StorageView),
    /// Something of Python that is not built here.
    Opaque(Box<Opaque>),
}

/// Bytes of the file, or bytes made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob(pub(super) Bytes);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bytes {
    /// From, to in the bytes of the pickles.
    Stored(usize, usize),
    Made(Vec<u8>),
}

/// A part of a storage, in elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageView {
    /// The storage.
    pub storage: StorageId,
    /// The first element.
    pub offset: u64,
    /// The number of elements.
    pub numel: u64,
}

/// Something of Python that is not built here: what it names, and what it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Opaque {
    /// What it names.
    pub symbol: SymbolId,
    /// What Python's loader would have done with it.
    pub how: How,
    /// The arguments: a tuple, as a rule.
    pub arguments: Option<Id>,
    /// What would have been set on the new object, such as a dictionary of its attributes.
    pub state: Option<Id>,
    /// What would have been put into it as into a dictionary.
    pub items: Vec<(Id, Id)>,
    /// What would have been put into it as into a list or a set.
    pub elements: Vec<Id>,
}

/// What Python's loader would have done with a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Imported it.
    Named,
    /// Called it.
    Called,
    /// Made an object of the class without calling its constructor.
    Made,
    /// Called what a call of it returned, as `getattr(a, "b")(c)` does.
    ResultCalled,
}

/// All values of a file.
#[derive(Debug)]
pub(super) struct Graph {
    pub values: Vec<Value>,
    pub storages: Vec<Storage>,
    pub symbols: Vec<Symbol>,
    /// The bytes of the pickles, for [`Bytes::Stored`].
    pub pickled: Vec<u8>,
    pub root: Id,
}

impl Graph {
    pub fn bytes<'a>(&'a self, blob: &'a Blob) -> &'a [u8] {
        match &blob.0 {
            Bytes::Stored(from, to) => self.pickled.get(*from..*to).unwrap_or_default(),
            Bytes::Made(bytes) => bytes,
        }
    }

    pub fn node(&self, id: Id) -> Node<'_> {
        Node { graph: self, id }
    }
}

/// A value in its file: a cheap handle.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    graph: &'a Graph,
    id: Id,
}

impl<'a> Node<'a> {
    /// Which value of the file it is; a value listed twice has one id.
    pub fn id(self) -> Id {
        self.id
    }

    /// The value.
    pub fn value(self) -> &'a Value {
        // Ids are only made together with their values.
        self.graph.values.get(self.id.0 as usize).unwrap_or(&Value::None)
    }

    /// The value of an id of the same file.
    pub fn at(self, id: Id) -> Self {
        Self { graph: self.graph, id }
    }

    /// The keys and values of a dictionary, in order; none of anything else.
    pub fn items(self) -> impl ExactSizeIterator<Item = (Self, Self)> {
        let items: &[(Id, Id)] = match self.value() {
            Value::Dict { items, .. } => items,
            Value::Opaque(opaque) => &opaque.items,
            _ => &[],
        };
        items.iter().map(move |&(key, value)| (self.at(key), self.at(value)))
    }

    /// The elements of a list, tuple or set; none of anything else.
    pub fn elements(self) -> impl ExactSizeIterator<Item = Self> {
        let elements: &[Id] = match self.value() {
            Value::List(ids) | Value::Tuple(ids) | Value::Set(ids) => ids,
            Value::Opaque(opaque) => &opaque.elements,
            _ => &[],
        };
        elements.iter().map(move |&id| self.at(id))
    }

    /// The value under a text key of a dictionary.
    pub fn get(self, key: &str) -> Option<Self> {
        self.items().find(|(known, _)| known.text() == Some(key)).map(|(_, value)| value)
    }

    /// What was set as an attribute of an opaque object, of `argparse.Namespace` for example, or
    /// of a dictionary.
    pub fn attribute(self, name: &str) -> Option<Self> {
        self.state()?.get(name)
    }

    /// The attributes of an opaque object or a dictionary. An object with slots has a pair of
    /// dictionaries, of which this is the first.
    pub fn state(self) -> Option<Self> {
        let state = match self.value() {
            Value::Dict { attributes, .. } => self.at((*attributes)?),
            Value::Opaque(opaque) => self.at(opaque.state?),
            _ => return None,
        };
        match state.value() {
            Value::Tuple(parts) if parts.len() == 2 => Some(self.at(parts[0])),
            _ => Some(state),
        }
    }

    /// The text, if it is one.
    pub fn text(self) -> Option<&'a str> {
        match self.value() {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one in the range of i64.
    pub fn int(self) -> Option<i64> {
        match self.value() {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, whole or real, if it is one.
    pub fn float(self) -> Option<f64> {
        match self.value() {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes, if it is some.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self.value() {
            Value::Bytes(blob) => Some(self.graph.bytes(blob)),
            _ => None,
        }
    }

    /// The bytes, also where Python 2 wrote them as a string.
    pub(super) fn raw(self) -> Option<&'a [u8]> {
        self.bytes().or_else(|| self.text().map(str::as_bytes))
    }

    /// The tensor, if it is one.
    pub fn tensor(self) -> Option<&'a TensorMeta> {
        match self.value() {
            Value::Tensor(meta) => Some(meta),
            _ => None,
        }
    }

    /// What it is where it is opaque, and what that names.
    pub fn opaque(self) -> Option<(&'a Opaque, &'a Symbol)> {
        match self.value() {
            Value::Opaque(opaque) => {
                Some((opaque, self.graph.symbols.get(opaque.symbol.0 as usize)?))
            }
            _ => None,
        }
    }

    /// What sort of value it is, in Python's words.
    pub fn kind(self) -> &'static str {
        match self.value() {
            Value::None => "None",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Long(_) => "int",
            Value::Float(_) => "float",
            Value::Text(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Set(_) => "set",
            Value::Dict { .. } => "dict",
            Value::Tensor(_) => "tensor",
            Value::Storage(_) => "storage",
            Value::Opaque(_) => "object",
        }
    }
}
