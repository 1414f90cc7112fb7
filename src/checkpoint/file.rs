//! An open file: its values at once, its tensors when they are asked for.

use super::container::{self, Container};
use super::node::{Graph, Node};
use super::storage::{Place, Storage};
use super::symbol::Symbol;
use super::tensor_meta::{StorageId, TensorMeta};
use crate::error::{Error, Result};
use crate::torch;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// An open checkpoint.
#[derive(Debug)]
pub struct File {
    name: String,
    file: fs::File,
    container: Container,
    graph: Graph,
    read: RefCell<BTreeMap<StorageId, Tensor>>,
}

/// Opens a file of PyTorch (zip or legacy, made with pickle or dill), a bare pickle or a
/// safetensors file; its content tells which. Nothing that the file names is imported or called.
///
/// # Errors
/// [`crate::error::Kind::Data`]: it is none of these, damaged, or asks for more memory than a
/// file of its size can need. [`crate::error::Kind::Io`]: it cannot be opened or read.
pub fn open(path: &Path) -> Result<File> {
    let name = path.display().to_string();
    let failed = |error| Error::io(format!("checkpoint: cannot open {name}"), &error);
    // Opening a pipe would wait for somebody to write into it.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::data(format!("checkpoint: {name}: expected a regular file")));
    }
    let file = fs::File::open(path).map_err(failed)?;
    File::new(file, name)
}

impl File {
    /// As [`open`], of a file that is open for reading; `name` is for messages.
    ///
    /// # Errors
    /// As [`open`].
    pub fn new(file: fs::File, name: String) -> Result<Self> {
        let within = |error: Error| error.within(&name).within("checkpoint");
        let length = file.metadata().map_err(|error| within(Error::io("read", &error)))?.len();
        let (container, graph) = container::read(&file, length).map_err(within)?;
        Ok(Self { name, file, container, graph, read: RefCell::default() })
    }

    /// What it was opened as.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the file is made.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// The value that was saved.
    pub fn root(&self) -> Node<'_> {
        self.graph.node(self.graph.root)
    }

    /// What the file names of Python and is not understood, each once.
    pub fn opaque(&self) -> Vec<&Symbol> {
        let symbols = self.graph.symbols.iter();
        symbols.filter(|symbol| symbol.called > 0 || (symbol.named && !symbol.understood)).collect()
    }

    /// The storages, by their ids' numbers.
    pub fn storage(&self, id: StorageId) -> Option<&Storage> {
        self.graph.storages.get(id.0 as usize)
    }

    /// A tensor of the file, on the CPU, with its own strides and type, without gradients.
    ///
    /// Its storage is read at the first call and kept until [`File::release`]; tensors of one
    /// storage share memory, as they did when they were saved. So write into none of them.
    ///
    /// # Errors
    /// [`crate::error::Kind::Data`]: the storage is missing or damaged, or libtorch has no such
    /// type. [`crate::error::Kind::Io`].
    pub fn tensor(&self, meta: &TensorMeta) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let within = |error: Error| error.within(&self.name).within("checkpoint");
        let Some(kind) = meta.dtype.kind() else {
            let found = format!("a tensor of type {}, which tch lacks", meta.dtype.name());
            return Err(within(Error::data(found)));
        };
        if meta.numel() == 0 {
            return Ok(Tensor::f_empty(&meta.shape, (kind, Device::Cpu))?);
        }
        let bytes = self.bytes(meta.storage).map_err(within)?;
        let size = meta.dtype.size() as i64;
        let whole = bytes.numel() as i64 / size * size;
        let elements = bytes.f_narrow(0, 0, whole)?.f_view_dtype(kind)?;
        Ok(elements.f_as_strided(&meta.shape, &meta.strides, meta.offset)?)
    }

    /// Forgets the storages that were read; tensors that are still in use keep theirs.
    pub fn release(&self) {
        self.read.borrow_mut().clear();
    }

    fn bytes(&self, id: StorageId) -> Result<Tensor> {
        if let Some(known) = self.read.borrow().get(&id) {
            return Ok(known.shallow_clone());
        }
        let storage = self.storage(id).ok_or_else(|| Error::data("a storage is missing"))?;
        let name = format!("storage {}", storage.key);
        let length = usize::try_from(storage.bytes());
        let length = length.map_err(|_| Error::data(format!("{name} is too large")))?;
        let tensor = match storage.place {
            Place::Missing => return Err(Error::data(format!("{name} is not in the file"))),
            Place::File(extent) => torch::from_bytes(length, |into| {
                extent.read(&self.file, into).map_err(|error| error.within(&name))
            }),
            Place::Pickled(id) => torch::from_bytes(length, |into| {
                let bytes = self.graph.node(id).raw().and_then(|bytes| bytes.get(..length));
                into.copy_from_slice(bytes.ok_or_else(|| Error::data("an array ends early"))?);
                Ok(())
            }),
        }?;
        let tensor = if storage.big_endian { swapped(&tensor, storage)? } else { tensor };
        self.read.borrow_mut().insert(id, tensor.shallow_clone());
        Ok(tensor)
    }
}

/// The same numbers with their lowest bytes first.
fn swapped(tensor: &Tensor, storage: &Storage) -> Result<Tensor> {
    let rows = tensor.f_view([-1, storage.dtype.word() as i64])?;
    Ok(rows.f_flip([1])?.f_contiguous()?.f_view([-1])?.f_to_kind(Kind::Uint8)?)
}
