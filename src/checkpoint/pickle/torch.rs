//! What PyTorch writes around tensors: storages, `torch/_utils.py` and `torch/_tensor.py`.

use super::super::dtype::Dtype;
use super::super::node::{Id, StorageView, Value};
use super::super::storage::{Place, Storage};
use super::super::tensor_meta::{StorageId, TensorMeta};
use super::machine::Machine;
use crate::error::{Error, Result};

impl Machine<'_> {
    /// A whole number that is not negative.
    pub(super) fn count(&self, id: Id) -> Option<u64> {
        match self.value(id) {
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Whole numbers in a tuple or a list.
    pub(super) fn integers(&self, id: Id) -> Option<Vec<i64>> {
        let number = |&id: &Id| match self.value(id) {
            Value::Int(number) => Some(*number),
            _ => None,
        };
        self.elements(id)?.iter().map(number).collect()
    }

    /// The storage that a persistent id names: `("storage", class, key, location, numel)`, and in
    /// legacy files a view of it, `(view key, offset, numel)`. A source file of a pickled class,
    /// `("module", class, file, text)`, gives the class.
    pub(super) fn storage(&mut self, id: Id) -> Result<Option<Id>> {
        let Some(parts) = self.elements(id).map(<[Id]>::to_vec) else { return Ok(None) };
        match (parts.first().and_then(|&kind| self.text(kind)), &parts[..]) {
            (Some("module"), [_, class, ..]) => Ok(Some(*class)),
            (Some("storage"), [_, class, key, location, numel, rest @ ..]) => {
                let Some(dtype) = self.storage_type(*class) else { return Ok(None) };
                let (Some(key), Some(numel)) = (self.text(*key), self.count(*numel)) else {
                    return Ok(None);
                };
                let key = key.to_owned();
                let location = self.text(*location).unwrap_or("cpu").to_owned();
                let place = Place::Missing;
                self.understood(*class);
                let storage = Storage { key, dtype, numel, location, place, big_endian: false };
                let storage = self.shared_storage(storage)?;
                let view = rest.first().and_then(|&view| self.elements(view));
                let view = view.map(<[Id]>::to_vec);
                self.storage_view(storage, numel, view).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn storage_type(&self, class: Id) -> Option<Dtype> {
        match self.symbol_named(class)? {
            ("torch" | "torch.cuda" | "torch.storage", class) => Dtype::of_storage(class),
            _ => None,
        }
    }

    /// The storage of that key: one for all who name it.
    fn shared_storage(&mut self, storage: Storage) -> Result<StorageId> {
        let Some(&known) = self.storage_ids.get(&storage.key) else {
            let key = storage.key.clone();
            let id = self.add_storage(storage)?;
            self.storage_ids.insert(key, id);
            return Ok(id);
        };
        let other = &self.storages[known.0 as usize];
        if (other.dtype, other.numel) != (storage.dtype, storage.numel) {
            let (first, second) = (other.numel, storage.numel);
            let types = (other.dtype.name(), storage.dtype.name());
            return Err(Error::data(format!(
                "gives storage {} two sizes: {first} of {}, {second} of {}",
                storage.key, types.0, types.1
            )));
        }
        Ok(known)
    }

    fn storage_view(
        &mut self,
        storage: StorageId,
        numel: u64,
        view: Option<Vec<Id>>,
    ) -> Result<Id> {
        let mut whole = StorageView { storage, offset: 0, numel };
        if let Some(parts) = view {
            let [_, offset, length] = parts[..] else {
                return Err(Error::data("has a view of a storage that is not (key, offset, size)"));
            };
            let (Some(offset), Some(length)) = (self.count(offset), self.count(length)) else {
                return Err(Error::data("has a view of a storage with a negative offset or size"));
            };
            if offset.checked_add(length).is_none_or(|end| end > numel) {
                return Err(Error::data("has a view that reaches outside its storage"));
            }
            whole = StorageView { storage, offset, numel: length };
        }
        self.add(Value::Storage(whole))
    }

    /// The functions that PyTorch pickles tensors with.
    pub(super) fn rebuild(&mut self, module: &str, name: &str, ids: &[Id]) -> Result<Option<Id>> {
        let home = match name {
            "Size" => "torch",
            "_rebuild_from_type_v2" => "torch._tensor",
            _ => "torch._utils",
        };
        if module != home {
            return Ok(None);
        }
        let meta = match (name, ids) {
            ("_rebuild_tensor", [storage, offset, shape, strides]) => {
                self.view(*storage, None, [*offset, *shape, *strides])?
            }
            (
                "_rebuild_tensor_v2",
                [storage, offset, shape, strides, requires_grad, _hooks, ..],
            ) => {
                let meta = self.view(*storage, None, [*offset, *shape, *strides])?;
                self.with_grad(meta, *requires_grad)
            }
            (
                "_rebuild_tensor_v3",
                [storage, offset, shape, strides, requires_grad, _hooks, dtype, ..],
            ) => {
                let Some(known) = self.dtype(*dtype) else { return Ok(None) };
                self.understood(*dtype);
                let meta = self.view(*storage, Some(known), [*offset, *shape, *strides])?;
                self.with_grad(meta, *requires_grad)
            }
            (
                "_rebuild_parameter" | "_rebuild_parameter_with_state",
                [data, requires_grad, _hooks, ..],
            ) => {
                let meta = match self.value(*data) {
                    Value::Tensor(meta) => Some((**meta).clone()),
                    _ => None,
                };
                let meta = meta.map(|meta| TensorMeta { is_parameter: true, ..meta });
                self.with_grad(meta, *requires_grad)
            }
            ("_rebuild_from_type_v2", [function, class, arguments, _state]) => {
                return self.typed(*function, *class, *arguments);
            }
            ("Size", [lengths]) => return Ok(self.elements(*lengths).map(|_| *lengths)),
            _ => None,
        };
        match meta {
            Some(meta) => self.add(Value::Tensor(Box::new(meta))).map(Some),
            None => Ok(None),
        }
    }

    fn with_grad(&self, meta: Option<TensorMeta>, requires_grad: Id) -> Option<TensorMeta> {
        let requires_grad = match self.value(requires_grad) {
            Value::Bool(known) => Some(*known),
            _ => None,
        };
        meta.map(|meta| TensorMeta { requires_grad, ..meta })
    }

    fn dtype(&self, id: Id) -> Option<Dtype> {
        match self.symbol_named(id)? {
            ("torch", name) => Dtype::of_torch(name),
            _ => None,
        }
    }

    /// A tensor of a subclass: that of its function, whose class is kept only where it is a
    /// parameter.
    fn typed(&mut self, function: Id, class: Id, arguments: Id) -> Result<Option<Id>> {
        let name = match self.symbol_named(function) {
            Some(("torch._utils", name)) => name.to_owned(),
            _ => return Ok(None),
        };
        let Some(ids) = self.elements(arguments).map(<[Id]>::to_vec) else { return Ok(None) };
        let Some(id) = self.rebuild("torch._utils", &name, &ids)? else { return Ok(None) };
        self.understood(function);
        if self.symbol_named(class) == Some(("torch.nn.parameter", "Parameter")) {
            self.understood(class);
            if let Some(Value::Tensor(meta)) = self.value_mut(id) {
                meta.is_parameter = true;
            }
        }
        Ok(Some(id))
    }

    /// A tensor in a storage, of the storage's type unless another is given.
    fn view(
        &self,
        storage: Id,
        dtype: Option<Dtype>,
        [offset, shape, strides]: [Id; 3],
    ) -> Result<Option<TensorMeta>> {
        let Value::Storage(view) = *self.value(storage) else { return Ok(None) };
        let Some(stored) = self.storages.get(view.storage.0 as usize) else { return Ok(None) };
        let dtype = dtype.unwrap_or(stored.dtype);
        let (Some(shape), Some(strides), Some(offset)) =
            (self.integers(shape), self.integers(strides), self.count(offset))
        else {
            return Err(Error::data("has a tensor whose shape, strides or offset are no numbers"));
        };
        // Views count in elements of the storage's type, tensors in elements of their own.
        let size = |elements: u64| elements.checked_mul(stored.dtype.size() as u64);
        let place = size(view.offset).zip(size(view.numel)).and_then(|(start, bytes)| {
            let own = dtype.size() as u64;
            let offset = (start / own).checked_add(offset)?;
            Some((i64::try_from(offset).ok()?, start / own + bytes / own))
        });
        let Some((offset, end)) = place else {
            return Err(Error::data("has a tensor that is too large"));
        };
        TensorMeta::new((shape, strides, offset), dtype, view.storage, end).map(Some)
    }
}
