//! The stack, its marks, the memo, and the containers that are filled from the stack.

use super::super::node::{Id, Value};
use super::machine::{EMPTY_TUPLE, Machine};
use crate::error::{Error, Result};
use std::mem::size_of;

impl Machine<'_> {
    pub(super) fn push(&mut self, value: Value) -> Result<()> {
        let id = self.add(value)?;
        self.push_id(id);
        Ok(())
    }

    pub(super) fn push_id(&mut self, id: Id) {
        self.stack.push(id);
    }

    /// The lowest place of the stack that may be taken off: above the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn pop(&mut self) -> Result<Id> {
        if self.stack.len() <= self.floor() {
            return Err(Error::data("takes a value off an empty stack"));
        }
        self.stack.pop().ok_or_else(|| Error::data("takes a value off an empty stack"))
    }

    pub(super) fn top(&self) -> Result<Id> {
        let values = self.stack.get(self.floor()..).unwrap_or_default();
        values.last().copied().ok_or_else(|| Error::data("expected a value on the stack"))
    }

    /// Takes all values above the last mark, and the mark.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let place = self.marks.pop().ok_or_else(|| Error::data("expected a mark on the stack"))?;
        Ok(self.stack.split_off(place))
    }

    /// Python's POP: a mark where there is no value above it.
    pub(super) fn drop_top(&mut self) -> Result<()> {
        if self.stack.len() > self.floor() {
            self.stack.pop();
            return Ok(());
        }
        self.pop_mark().map(drop)
    }

    pub(super) fn remember(&mut self, index: u32) -> Result<()> {
        let id = self.top()?;
        if self.memo.insert(index, id).is_none() {
            // A table of twice as many places, and the one it grows from.
            self.charge(4 * size_of::<(u32, Id)>())?;
        }
        Ok(())
    }

    pub(super) fn recall(&mut self, index: u32) -> Result<()> {
        let id = self.memo.get(&index).copied();
        let id = id.ok_or_else(|| Error::data(format!("recalls {index}, which it never kept")))?;
        self.push_id(id);
        Ok(())
    }

    pub(super) fn tuple(&mut self, ids: Vec<Id>) -> Result<()> {
        if ids.is_empty() {
            self.push_id(EMPTY_TUPLE);
            return Ok(());
        }
        self.push(Value::Tuple(ids))
    }

    pub(super) fn pop_tuple(&mut self, count: usize) -> Result<()> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.pop()?);
        }
        ids.reverse();
        self.tuple(ids)
    }

    /// Puts elements into the list, set or opaque object on top of the stack.
    pub(super) fn append(&mut self, elements: &[Id]) -> Result<()> {
        self.charge(2 * size_of_val(elements))?;
        let id = self.top()?;
        match self.value_mut(id) {
            Some(Value::List(ids) | Value::Set(ids)) => ids.extend_from_slice(elements),
            Some(Value::Opaque(opaque)) => opaque.elements.extend_from_slice(elements),
            _ => return Err(Error::data("appends to what is no list")),
        }
        Ok(())
    }

    /// Puts keys and values, in turns, into the dictionary or opaque object on top of the stack.
    pub(super) fn set_items(&mut self, keys_and_values: &[Id]) -> Result<()> {
        self.charge(2 * size_of_val(keys_and_values))?;
        let new = pairs(keys_and_values)?;
        let id = self.top()?;
        match self.value_mut(id) {
            Some(Value::Dict { items, .. }) => items.extend(new),
            Some(Value::Opaque(opaque)) => opaque.items.extend(new),
            _ => return Err(Error::data("sets an item of what is no dictionary")),
        }
        Ok(())
    }

    pub(super) fn dictionary(&mut self, keys_and_values: &[Id]) -> Result<()> {
        let items = pairs(keys_and_values)?.collect();
        self.push(Value::Dict { items, attributes: None })
    }

    pub(super) fn value_mut(&mut self, id: Id) -> Option<&mut Value> {
        self.values.get_mut(id.0 as usize)
    }
}

fn pairs(keys_and_values: &[Id]) -> Result<impl Iterator<Item = (Id, Id)>> {
    let (pairs, rest) = keys_and_values.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Error::data("has a key without a value"));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)))
}
