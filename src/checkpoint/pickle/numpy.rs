//! What numpy writes: arrays, scalars and their types (`numpy/_core/src/multiarray/methods.c`).

use super::super::dtype::Dtype;
use super::super::node::{Blob, Bytes, How, Id, Value};
use super::super::storage::{Place, Storage};
use super::super::tensor_meta::{TensorMeta, contiguous};
use super::machine::Machine;
use crate::error::{Error, Result};

impl Machine<'_> {
    /// The functions that numpy pickles arrays and scalars with.
    pub(super) fn array(&mut self, name: &str, ids: &[Id]) -> Result<Option<Id>> {
        match (name, ids) {
            ("_frombuffer", [buffer, dtype, shape, order]) => {
                let fortran = self.text(*order) == Some("F");
                match self.array_of(*buffer, *dtype, *shape, fortran)? {
                    Some(array) => self.add(array).map(Some),
                    None => Ok(None),
                }
            }
            ("scalar", [dtype, bytes]) => {
                let Some((dtype_known, big)) = self.array_type(*dtype) else { return Ok(None) };
                let mut bytes = self.raw(*bytes).unwrap_or_default().to_vec();
                if big {
                    bytes.reverse();
                }
                match number(dtype_known, &bytes) {
                    Some(value) => self.add(value).map(Some),
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// The array that `_reconstruct` made empty and whose state is `(version, shape, type, is
    /// Fortran's order, bytes)`; nothing if `id` is something else.
    pub(super) fn array_state(&mut self, id: Id, state: Id) -> Result<Option<Value>> {
        let Value::Opaque(opaque) = self.value(id) else { return Ok(None) };
        let empty = opaque.how == How::Called
            && matches!(
                self.symbol_of(opaque),
                ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct")
            );
        let class = opaque.arguments.and_then(|ids| self.elements(ids)?.first().copied());
        let Some(&[_, shape, dtype, fortran, bytes]) = self.elements(state) else {
            return Ok(None);
        };
        if !empty {
            return Ok(None);
        }
        let fortran = matches!(self.value(fortran), Value::Bool(true));
        let array = self.array_of(bytes, dtype, shape, fortran)?;
        if array.is_some() {
            self.understood(id);
            if let Some(class) = class {
                self.understood(class);
            }
        }
        Ok(array)
    }

    fn array_of(
        &mut self,
        bytes: Id,
        dtype: Id,
        shape: Id,
        fortran: bool,
    ) -> Result<Option<Value>> {
        let Some((dtype, big_endian)) = self.array_type(dtype) else { return Ok(None) };
        let Some(shape) = self.integers(shape) else { return Ok(None) };
        let Some(length) = self.raw(bytes).map(<[u8]>::len) else { return Ok(None) };
        let strides = if fortran {
            let backwards: Vec<i64> = shape.iter().rev().copied().collect();
            contiguous(&backwards).map(|strides| strides.into_iter().rev().collect())
        } else {
            contiguous(&shape)
        };
        let Some(strides) = strides else { return Err(Error::data("has an array too large")) };
        let numel = (length / dtype.size()) as u64;
        let storage = self.add_storage(Storage {
            key: String::new(),
            dtype,
            numel,
            location: "numpy".to_owned(),
            place: Place::Pickled(bytes),
            big_endian,
        })?;
        let meta = TensorMeta::new((shape, strides, 0), dtype, storage, numel)?;
        Ok(Some(Value::Tensor(Box::new(meta))))
    }

    /// The type of `dtype(code, align, copy)` and its state `(version, byte order, ...)`, and
    /// whether the highest byte comes first.
    fn array_type(&mut self, id: Id) -> Option<(Dtype, bool)> {
        let Value::Opaque(opaque) = self.value(id) else { return None };
        if self.symbol_of(opaque) != ("numpy", "dtype") {
            return None;
        }
        let code = self.text(*self.elements(opaque.arguments?)?.first()?)?;
        let dtype = Dtype::of_numpy(code)?;
        let order = opaque.state.and_then(|state| self.text(*self.elements(state)?.get(1)?));
        let big = order == Some(">");
        self.understood(id);
        if let Some(Value::Opaque(opaque)) = self.value_mut(id) {
            opaque.how = How::Named;
        }
        Some((dtype, big))
    }

    /// Bytes, which Python 2 wrote as a string.
    fn raw(&self, id: Id) -> Option<&[u8]> {
        match self.value(id) {
            Value::Bytes(Blob(Bytes::Stored(from, to))) => Some(self.source.slice((*from, *to))),
            Value::Bytes(Blob(Bytes::Made(bytes))) => Some(bytes),
            Value::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }
}

/// The number that `bytes`, the lowest first, hold.
fn number(dtype: Dtype, bytes: &[u8]) -> Option<Value> {
    let int = || Some(Value::Int(i64::from_le_bytes(bytes.try_into().ok()?)));
    match dtype {
        Dtype::Float64 => Some(Value::Float(f64::from_le_bytes(bytes.try_into().ok()?))),
        Dtype::Float32 => Some(Value::Float(f64::from(f32::from_le_bytes(bytes.try_into().ok()?)))),
        Dtype::Int64 => int(),
        Dtype::Int32 => Some(Value::Int(i64::from(i32::from_le_bytes(bytes.try_into().ok()?)))),
        Dtype::Int16 => Some(Value::Int(i64::from(i16::from_le_bytes(bytes.try_into().ok()?)))),
        Dtype::Int8 => Some(Value::Int(i64::from(i8::from_le_bytes(bytes.try_into().ok()?)))),
        Dtype::UInt8 => Some(Value::Int(i64::from(*bytes.first()?))),
        Dtype::Bool => Some(Value::Bool(*bytes.first()? != 0)),
        _ => None,
    }
}
