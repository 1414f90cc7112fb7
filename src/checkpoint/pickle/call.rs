//! Where Python's machine would import, call or set something.

use super::super::node::{Blob, Bytes, How, Id, Value};
use super::machine::{Machine, NONE};
use crate::error::{Error, Result};

/// The longest name of a module or a symbol, in bytes.
const MAX_NAME: usize = 1 << 10;

impl Machine<'_> {
    pub(super) fn global(&mut self, module: (usize, usize), name: (usize, usize)) -> Result<Id> {
        let text = |range| String::from_utf8_lossy(self.source.slice(range)).into_owned();
        let (module, name) = (text(module), text(name));
        self.name(&module, &name)
    }

    pub(super) fn stack_global(&mut self, module: Id, name: Id) -> Result<Id> {
        let (Some(module), Some(name)) = (self.text(module), self.text(name)) else {
            return Err(Error::data("names a symbol by something else than texts"));
        };
        let (module, name) = (module.to_owned(), name.to_owned());
        self.name(&module, &name)
    }

    fn name(&mut self, module: &str, name: &str) -> Result<Id> {
        if module.len() + name.len() > MAX_NAME {
            return Err(Error::data("names a symbol of more than 1024 bytes"));
        }
        let symbol = self.symbol_id(module, name)?;
        self.opaque(symbol, How::Named, None)
    }

    /// What stands on the stack after `callee(*arguments)` or `callee.__new__(callee, *arguments)`.
    pub(super) fn apply(&mut self, callee: Id, arguments: Id, how: How) -> Result<()> {
        let id = match self.interpret(callee, arguments)? {
            Some(id) => {
                self.understood(callee);
                id
            }
            None => self.not_called(callee, arguments, how)?,
        };
        self.push_id(id);
        Ok(())
    }

    fn not_called(&mut self, callee: Id, arguments: Id, how: How) -> Result<Id> {
        let Value::Opaque(opaque) = self.value(callee) else {
            return Err(Error::data("calls what is no function"));
        };
        let symbol = opaque.symbol;
        let how = if opaque.how == How::Named { how } else { How::ResultCalled };
        self.opaque(symbol, how, Some(arguments))
    }

    /// What a call gives if it is one that the reader knows, and is well formed.
    fn interpret(&mut self, callee: Id, arguments: Id) -> Result<Option<Id>> {
        let Some((module, name)) = self.symbol_named(callee) else { return Ok(None) };
        let (module, name) = (module.to_owned(), name.to_owned());
        let Value::Tuple(ids) = self.value(arguments) else { return Ok(None) };
        let ids = ids.clone();
        match (module.as_str(), name.as_str()) {
            ("torch._utils" | "torch._tensor" | "torch", name) => self.rebuild(&module, name, &ids),
            ("collections", "OrderedDict" | "defaultdict" | "Counter") => {
                let place = usize::from(name == "defaultdict");
                self.ordered(ids.get(place).copied())
            }
            ("collections", "deque") => {
                let elements = ids.first().and_then(|&id| self.elements(id)).map(<[Id]>::to_vec);
                self.add(Value::List(elements.unwrap_or_default())).map(Some)
            }
            ("builtins", "set" | "frozenset") => {
                let elements = ids.first().map_or(Some(&[][..]), |&id| self.elements(id));
                let Some(elements) = elements.map(<[Id]>::to_vec) else { return Ok(None) };
                self.add(Value::Set(elements)).map(Some)
            }
            ("builtins", "bytearray" | "bytes") if ids.is_empty() => {
                self.add(Value::Bytes(Blob(Bytes::Made(Vec::new())))).map(Some)
            }
            ("builtins", "bytearray" | "bytes") if ids.len() == 1 => {
                Ok(matches!(self.value(ids[0]), Value::Bytes(_)).then_some(ids[0]))
            }
            ("_codecs", "encode") => self.encode(&ids),
            ("builtins", "bytearray") => self.encode(&ids),
            ("copyreg", "_reconstructor") => self.reconstruct(&ids),
            (
                "numpy.core.multiarray"
                | "numpy._core.multiarray"
                | "numpy.core.numeric"
                | "numpy._core.numeric",
                name,
            ) => self.array(name, &ids),
            _ => Ok(None),
        }
    }

    /// An OrderedDict from nothing, from another dictionary or from a list of pairs.
    fn ordered(&mut self, values: Option<Id>) -> Result<Option<Id>> {
        let mut items = Vec::new();
        match values.map(|id| self.value(id)) {
            None => {}
            Some(Value::Dict { items: given, .. }) => items.clone_from(given),
            Some(Value::List(pairs) | Value::Tuple(pairs)) => {
                for &pair in pairs {
                    let Some(&[key, value]) = self.elements(pair) else { return Ok(None) };
                    items.push((key, value));
                }
            }
            Some(_) => return Ok(None),
        }
        self.add(Value::Dict { items, attributes: None }).map(Some)
    }

    /// Bytes that Python 3 writes as text for Python 2.
    fn encode(&mut self, arguments: &[Id]) -> Result<Option<Id>> {
        let Some(text) = arguments.first().and_then(|&id| self.text(id)) else { return Ok(None) };
        let length = text.len();
        let encoding = arguments.get(1).and_then(|&id| self.text(id)).unwrap_or("utf-8");
        let latin = match encoding {
            "latin1" | "latin-1" | "iso-8859-1" => true,
            "utf-8" | "utf8" | "ascii" => false,
            _ => return Ok(None),
        };
        self.charge(length)?;
        let text = arguments.first().and_then(|&id| self.text(id)).unwrap_or_default();
        let bytes: Option<Vec<u8>> = if latin {
            text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
        } else {
            Some(text.as_bytes().to_vec())
        };
        match bytes {
            Some(bytes) => self.add(Value::Bytes(Blob(Bytes::Made(bytes)))).map(Some),
            None => Ok(None),
        }
    }

    /// How protocols 0 and 1 make an object: class, base class, value of the base class.
    fn reconstruct(&mut self, arguments: &[Id]) -> Result<Option<Id>> {
        let [class, _, base] = *arguments else { return Ok(None) };
        let Value::Opaque(opaque) = self.value(class) else { return Ok(None) };
        if opaque.how != How::Named {
            return Ok(None);
        }
        let symbol = opaque.symbol;
        let given = (base != NONE).then_some(base);
        self.opaque(symbol, How::Made, given).map(Some)
    }

    /// What stands on the stack in place of something that lies outside of the pickle.
    pub(super) fn persistent(&mut self, id: Id) -> Result<()> {
        let made = match self.storage(id)? {
            Some(made) => made,
            None => {
                let symbol = self.symbol_id("pickle", "persistent_load")?;
                self.opaque(symbol, How::Named, Some(id))?
            }
        };
        self.push_id(made);
        Ok(())
    }

    /// Sets the state of an object.
    pub(super) fn build(&mut self, id: Id, state: Id) -> Result<()> {
        if let Some(array) = self.array_state(id, state)? {
            if let Some(place) = self.value_mut(id) {
                *place = array;
            }
            return Ok(());
        }
        match self.value_mut(id) {
            Some(Value::Opaque(opaque)) => opaque.state = Some(state),
            Some(Value::Dict { attributes, .. }) => *attributes = Some(state),
            Some(Value::Tensor(_) | Value::Set(_) | Value::List(_)) => {}
            _ => return Err(Error::data("sets the state of what is no object")),
        }
        Ok(())
    }
}
