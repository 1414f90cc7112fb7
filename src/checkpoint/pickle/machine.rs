//! The machine's memory: what it has made, and how much more it may make.

use super::super::node::{Blob, Bytes, Graph, How, Id, Opaque, Value};
use super::super::storage::Storage;
use super::super::symbol::{Symbol, SymbolId};
use super::super::tensor_meta::StorageId;
use super::source::Source;
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::mem::size_of;

/// The most instructions; a checkpoint takes some ten for a tensor.
const MAX_OPCODES: usize = 1 << 23;

/// The most bytes that values may take, and what a small file may take of it.
const MAX_MEMORY: u64 = 128 << 20;
const MEMORY_BASE: u64 = 8 << 20;
const MEMORY_PER_BYTE: u64 = 64;

/// Reads pickles, one after the other, into one graph. It builds data and calls nothing.
pub struct Machine<'a> {
    pub(super) source: Source<'a>,
    pub(super) values: Vec<Value>,
    pub(super) storages: Vec<Storage>,
    pub(super) storage_ids: HashMap<String, StorageId>,
    symbols: Vec<Symbol>,
    symbol_ids: HashMap<(String, String), SymbolId>,
    pub(super) stack: Vec<Id>,
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u32, Id>,
    opcodes: usize,
    memory: u64,
    pub(super) protocol: u8,
}

/// What makes two keys of a dictionary one.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Text(&'a str),
    Int(i64),
    Other(Id),
}

/// Values that all pickles share, by their place in the graph.
pub(super) const NONE: Id = Id(0);
pub(super) const FALSE: Id = Id(1);
pub(super) const TRUE: Id = Id(2);
pub(super) const EMPTY_TUPLE: Id = Id(3);

impl<'a> Machine<'a> {
    /// A machine at the first byte of `source`.
    pub fn new(source: Source<'a>) -> Self {
        let shared =
            vec![Value::None, Value::Bool(false), Value::Bool(true), Value::Tuple(Vec::new())];
        let memory = MEMORY_BASE.saturating_add(source.length().saturating_mul(MEMORY_PER_BYTE));
        Self {
            source,
            values: shared,
            storages: Vec::new(),
            storage_ids: HashMap::new(),
            symbols: Vec::new(),
            symbol_ids: HashMap::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            opcodes: 0,
            memory: memory.min(MAX_MEMORY),
            protocol: 0,
        }
    }

    /// Where the next pickle starts.
    pub fn position(&self) -> u64 {
        self.source.position()
    }

    /// The highest protocol that a pickle named.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// The value of an id.
    pub fn value(&self, id: Id) -> &Value {
        self.values.get(id.0 as usize).unwrap_or(&Value::None)
    }

    /// The elements of a tuple or a list.
    pub fn elements(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Tuple(ids) | Value::List(ids) => Some(ids),
            _ => None,
        }
    }

    /// The text of an id.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.value(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The graph of all that was read, with `root` in front.
    pub fn into_graph(mut self, root: Id) -> Graph {
        for index in 0..self.values.len() {
            self.merge_keys(index);
            let Some(Value::Opaque(opaque)) = self.values.get(index) else { continue };
            if let Some(symbol) = self.symbols.get_mut(opaque.symbol.0 as usize) {
                match opaque.how {
                    How::Named => symbol.named = true,
                    _ => symbol.called += 1,
                }
            }
        }
        Graph {
            values: self.values,
            storages: self.storages,
            symbols: self.symbols,
            pickled: self.source.into_bytes(),
            root,
        }
    }

    /// Gives each key of a dictionary its last value, in its first place, as Python does.
    fn merge_keys(&mut self, index: usize) {
        let Some(Value::Dict { items, .. }) = self.values.get(index) else { return };
        let mut places = HashMap::with_capacity(items.len());
        let mut merged: Vec<(Id, Id)> = Vec::with_capacity(items.len());
        for &(key, value) in items {
            let known = match self.value(key) {
                Value::Text(text) => Key::Text(text),
                Value::Int(number) => Key::Int(*number),
                _ => Key::Other(key),
            };
            let place = *places.entry(known).or_insert(merged.len());
            match merged.get_mut(place) {
                Some(item) => item.1 = value,
                None => merged.push((key, value)),
            }
        }
        if let Some(Value::Dict { items, .. }) = self.values.get_mut(index) {
            *items = merged;
        }
    }

    pub(super) fn count_opcode(&mut self) -> Result<()> {
        self.opcodes += 1;
        if self.opcodes > MAX_OPCODES {
            return Err(Error::data(format!("has more than {MAX_OPCODES} instructions")));
        }
        Ok(())
    }

    /// Takes `bytes` off the memory that is left.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<()> {
        match self.memory.checked_sub(bytes as u64) {
            Some(left) => self.memory = left,
            None => return Err(Error::data("its values need too much memory for its size")),
        }
        Ok(())
    }

    pub(super) fn add(&mut self, value: Value) -> Result<Id> {
        let heap = match &value {
            Value::Text(text) | Value::Long(text) => text.len(),
            Value::Bytes(Blob(Bytes::Made(bytes))) => bytes.len(),
            Value::List(ids) | Value::Tuple(ids) | Value::Set(ids) => ids.len() * size_of::<Id>(),
            Value::Dict { items, .. } => items.len() * size_of::<(Id, Id)>(),
            Value::Tensor(meta) => 128 + meta.shape.len() * 16,
            Value::Opaque(_) => size_of::<Opaque>(),
            _ => 0,
        };
        // Twice, because what grows is moved.
        self.charge(2 * (size_of::<Value>() + heap))?;
        let id = u32::try_from(self.values.len());
        let id = id.map(Id).map_err(|_| Error::data("has too many values"))?;
        self.values.push(value);
        Ok(id)
    }

    pub(super) fn add_storage(&mut self, storage: Storage) -> Result<StorageId> {
        self.charge(2 * (size_of::<Storage>() + storage.key.len() + storage.location.len()))?;
        let id = StorageId(self.storages.len() as u32);
        self.storages.push(storage);
        Ok(id)
    }

    /// The index of a symbol.
    pub(super) fn symbol_id(&mut self, module: &str, name: &str) -> Result<SymbolId> {
        let key = (module.to_owned(), name.to_owned());
        if let Some(id) = self.symbol_ids.get(&key) {
            return Ok(*id);
        }
        self.charge(2 * size_of::<Symbol>() + 4 * (module.len() + name.len()))?;
        let id = SymbolId(self.symbols.len() as u32);
        self.symbols.push(Symbol::new(module, name));
        self.symbol_ids.insert(key, id);
        Ok(id)
    }

    /// The module and the name of a symbol that is named and not called.
    pub(super) fn symbol_named(&self, id: Id) -> Option<(&str, &str)> {
        match self.value(id) {
            Value::Opaque(opaque) if opaque.how == How::Named => {
                let symbol = self.symbols.get(opaque.symbol.0 as usize)?;
                Some((&symbol.module, &symbol.name))
            }
            _ => None,
        }
    }

    /// The module and the name of what an opaque value names.
    pub(super) fn symbol_of(&self, opaque: &Opaque) -> (&str, &str) {
        let symbol = self.symbols.get(opaque.symbol.0 as usize);
        symbol.map_or(("", ""), |symbol| (&symbol.module, &symbol.name))
    }

    /// Notes that what a value names is understood, so that naming it needs no report.
    pub(super) fn understood(&mut self, id: Id) {
        let Value::Opaque(opaque) = self.value(id) else { return };
        let index = opaque.symbol.0 as usize;
        if let Some(symbol) = self.symbols.get_mut(index) {
            symbol.understood = true;
        }
    }

    pub(super) fn opaque(
        &mut self,
        symbol: SymbolId,
        how: How,
        arguments: Option<Id>,
    ) -> Result<Id> {
        self.add(Value::Opaque(Box::new(Opaque {
            symbol,
            how,
            arguments,
            state: None,
            items: Vec::new(),
            elements: Vec::new(),
        })))
    }
}
