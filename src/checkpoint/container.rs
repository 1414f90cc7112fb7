//! The kinds of files, told apart by their first bytes, and how each is taken apart.

use super::dtype::Dtype;
use super::extent::Extent;
use super::node::{Graph, How, Id, Opaque, Value};
use super::pickle::{MAX_PICKLED, Machine, Source};
use super::storage::{Place, Storage};
use super::symbol::{Symbol, SymbolId};
use super::tensor_meta::{StorageId, TensorMeta, contiguous};
use super::zip::{Archive, RECORD};
use crate::error::{Error, Kind, Result};
use safetensors::tensor::Metadata;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// The number that legacy files start with, and their version.
const MAGIC: &str = "119547037146038801333356";
const LEGACY_VERSION: i64 = 1001;

/// The most bytes of a safetensors header, as in its own library.
const MAX_HEADER: u64 = 100_000_000;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A zip archive, as PyTorch writes since 1.6.
    Zip,
    /// Pickles and then storages, as PyTorch wrote before and writes on demand.
    Legacy,
    /// A single pickle.
    Pickle,
    /// Safetensors.
    Safetensors,
}

/// How a file is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The kind.
    pub format: Format,
    /// The highest protocol of its pickles.
    pub protocol: Option<u8>,
    /// Whether `dill` was used in place of `pickle`, as far as what it names tells.
    pub dill: bool,
    /// Whether it is TorchScript, which holds code beside its tensors.
    pub torchscript: bool,
    /// Whether the numbers have their highest byte first.
    pub big_endian: bool,
    /// The size of the file.
    pub bytes: u64,
    /// What the head of a safetensors file says besides.
    pub metadata: Vec<(String, String)>,
}

impl Container {
    fn new(format: Format, bytes: u64) -> Self {
        Self {
            format,
            protocol: None,
            dill: false,
            torchscript: false,
            big_endian: false,
            bytes,
            metadata: Vec::new(),
        }
    }
}

/// What a file of `length` bytes holds.
///
/// # Errors
/// Data: it is of no known kind, or damaged. Io.
pub(super) fn read(file: &File, length: u64) -> Result<(Container, Graph)> {
    let mut head = [0; 512];
    let count = (length as usize).min(head.len());
    let head = &mut head[..count];
    file.read_exact_at(head, 0).map_err(|error| Error::io("read", &error))?;
    let (mut container, graph) = match head {
        [] => return Err(Error::data("the file is empty")),
        _ if head.starts_with(&RECORD) => zip(file, length)?,
        [_, _, _, _, _, 0, 0, 0, b'{', ..] => safetensors(file, length)?,
        // Protocols from 2 on start with their number.
        [0x80, ..] => pickled(file, length)?,
        _ => pickled(file, length).map_err(|error| match error.kind() {
            Kind::Data => unknown(head),
            _ => error,
        })?,
    };
    container.dill = graph.symbols.iter().any(|symbol| symbol.module.starts_with("dill"));
    Ok((container, graph))
}

/// An error for a file of no known kind, with what it probably is.
fn unknown(head: &[u8]) -> Error {
    let text = head.trim_ascii_start().to_ascii_lowercase();
    let error = Error::data("expected a file of PyTorch, pickle or safetensors, found another");
    let starts = |marks: &[&[u8]]| marks.iter().any(|mark| text.starts_with(mark));
    let hint = if starts(&[b"<!doctype", b"<html", b"<?xml"]) {
        "it is a web page: the download link needs a login, or is no longer valid"
    } else if starts(&[b"version https://git-lfs"]) {
        "it only points to the real file; fetch that with git lfs pull"
    } else if starts(&[b"\x1f\x8b"]) {
        "it is packed with gzip; unpack it first"
    } else if starts(&[b"\x89hdf"]) {
        "it is an HDF5 file, as Keras writes them"
    } else if starts(&[b"\x93numpy"]) {
        "it is an array of numpy"
    } else if head.get(257..262) == Some(b"ustar") {
        "it is a tar archive, as PyTorch wrote before 0.1.10; load and save it with a later one"
    } else {
        "the file is damaged, or it is something else"
    };
    error.hint(hint)
}

fn zip(file: &File, length: u64) -> Result<(Container, Graph)> {
    let archive = Archive::open(file, length)?;
    let record = |name: &str, most: u64| {
        let Some(extent) = archive.record(name) else { return Ok(None) };
        if extent.bytes > most {
            return Err(Error::data(format!("{name} has more than {most} bytes")));
        }
        let mut bytes = vec![0; extent.bytes as usize];
        extent.read(file, &mut bytes).map_err(|error| error.within(name))?;
        Ok(Some(bytes))
    };
    let mut container = Container::new(Format::Zip, length);
    container.big_endian = match record("byteorder", 64)?.as_deref() {
        None | Some(b"little") => false,
        Some(b"big") => true,
        Some(_) => return Err(Error::data("byteorder: expected little or big")),
    };
    container.torchscript = archive.record("constants.pkl").is_some();
    let pickle = record("data.pkl", MAX_PICKLED)?.unwrap_or_default();
    let mut machine = Machine::new(Source::memory(pickle));
    let root = machine.load().map_err(|error| error.within("data.pkl"))?;
    container.protocol = Some(machine.protocol());
    let mut graph = machine.into_graph(root);
    for storage in graph.storages.iter_mut().filter(|storage| storage.place == Place::Missing) {
        let Some(extent) = archive.record(&format!("data/{}", storage.key)) else { continue };
        if extent.bytes != storage.bytes() {
            let key = &storage.key;
            let sizes = format!("expected {} bytes, found {}", storage.bytes(), extent.bytes);
            return Err(Error::data(format!("storage {key}: {sizes}")));
        }
        storage.place = Place::File(*extent);
        storage.big_endian = container.big_endian;
    }
    Ok((container, graph))
}

/// A legacy file or a single pickle: the first value tells.
fn pickled(file: &File, length: u64) -> Result<(Container, Graph)> {
    let mut machine = Machine::new(Source::file(file, length));
    let first = machine.load()?;
    let legacy = matches!(machine.value(first), Value::Long(number) if number == MAGIC);
    if !legacy {
        let mut container = Container::new(Format::Pickle, length);
        container.protocol = Some(machine.protocol());
        return Ok((container, machine.into_graph(first)));
    }
    let version = machine.load()?;
    if *machine.value(version) != Value::Int(LEGACY_VERSION) {
        return Err(Error::data(format!("expected version {LEGACY_VERSION} of the format")));
    }
    // The writer's sizes of numbers; the storages have those of their own types.
    machine.load()?;
    let root = machine.load()?;
    let keys = machine.load()?;
    let text = |&key: &Id| machine.text(key).map(str::to_owned);
    let keys: Option<Vec<String>> =
        machine.elements(keys).and_then(|keys| keys.iter().map(text).collect());
    let keys = keys.ok_or_else(|| Error::data("expected a list of storages"))?;
    let mut container = Container::new(Format::Legacy, length);
    container.protocol = Some(machine.protocol());
    let mut at = machine.position();
    let mut graph = machine.into_graph(root);
    let places = graph.storages.iter().enumerate().filter(|(_, s)| s.place == Place::Missing);
    let places: HashMap<String, usize> = places.map(|(i, s)| (s.key.clone(), i)).collect();
    for (number, key) in keys.iter().enumerate() {
        let storage = places.get(key).and_then(|&index| graph.storages.get_mut(index));
        let storage = storage.filter(|storage| storage.place == Place::Missing);
        let Some(storage) = storage else {
            return Err(Error::data(format!(
                "lists storage {key}, which no tensor is in, or twice"
            )));
        };
        let short = || {
            Error::data(format!("ends early, in storage {} of {}", number + 1, keys.len()))
                .hint("the file is damaged or its download was cut short; fetch it again")
        };
        let start = at.checked_add(8).filter(|&start| start <= length).ok_or_else(short)?;
        let mut numel = [0; 8];
        file.read_exact_at(&mut numel, at).map_err(|error| Error::io("read", &error))?;
        let found = u64::from_le_bytes(numel);
        if found != storage.numel {
            let sizes = format!("expected {} elements, found {found}", storage.numel);
            return Err(Error::data(format!("storage {key}: {sizes}")));
        }
        let bytes = storage.bytes();
        at = start.checked_add(bytes).filter(|&end| end <= length).ok_or_else(short)?;
        storage.place = Place::File(Extent::plain(start, bytes));
    }
    Ok((container, graph))
}

/// The header is checked by the format's own library: lengths, overlaps, gaps.
fn safetensors(file: &File, length: u64) -> Result<(Container, Graph)> {
    let unreadable = |what: &str| Error::data(format!("safetensors: {what}"));
    let mut head = [0; 8];
    file.read_exact_at(&mut head, 0).map_err(|error| Error::io("read", &error))?;
    let size = u64::from_le_bytes(head);
    let start = size.checked_add(8).filter(|&start| start <= length && size <= MAX_HEADER);
    let start = start.ok_or_else(|| unreadable("the header ends early or is too long"))?;
    let mut header = vec![0; size as usize];
    file.read_exact_at(&mut header, 8).map_err(|error| Error::io("read", &error))?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| unreadable(&error.to_string()))?;
    if start.checked_add(metadata.data_len() as u64) != Some(length) {
        let expected = format!("expected {} bytes of tensors", metadata.data_len());
        return Err(unreadable(&format!("{expected}, found {}", length - start))
            .hint("the file is damaged or its download was cut short; fetch it again"));
    }
    let mut container = Container::new(Format::Safetensors, length);
    container.metadata =
        metadata.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    container.metadata.sort();
    let graph = Graph {
        values: Vec::new(),
        storages: Vec::new(),
        symbols: Vec::new(),
        pickled: Vec::new(),
        root: Id(0),
    };
    Ok((container, described(graph, &metadata, start)?))
}

/// A dictionary of the tensors that a safetensors header describes, in the order of their bytes.
fn described(mut graph: Graph, metadata: &Metadata, start: u64) -> Result<Graph> {
    let mut items = Vec::new();
    graph.values.push(Value::None);
    for name in metadata.offset_keys() {
        let Some(info) = metadata.info(&name) else { continue };
        let key = Id(graph.values.len() as u32);
        graph.values.push(Value::Text(name.clone()));
        let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        let id = Id(graph.values.len() as u32);
        let value = match Dtype::of_safetensors(info.dtype) {
            Some(dtype) => {
                let storage = StorageId(graph.storages.len() as u32);
                let numel = (to - from) / dtype.size() as u64;
                graph.storages.push(Storage {
                    key: name,
                    dtype,
                    numel,
                    location: "cpu".to_owned(),
                    big_endian: false,
                    place: Place::File(Extent::plain(start + from, to - from)),
                });
                let shape: Vec<i64> = info.shape.iter().map(|&length| length as i64).collect();
                let strides = contiguous(&shape);
                let strides = strides.ok_or_else(|| Error::data("safetensors: shape too large"))?;
                let meta = TensorMeta::new((shape, strides, 0), dtype, storage, numel)?;
                Value::Tensor(Box::new(meta))
            }
            None => {
                let symbol = SymbolId(graph.symbols.len() as u32);
                let mut named = Symbol::new("safetensors", &format!("{:?}", info.dtype));
                named.called = 1;
                graph.symbols.push(named);
                Value::Opaque(Box::new(Opaque {
                    symbol,
                    how: How::Named,
                    arguments: None,
                    state: None,
                    items: Vec::new(),
                    elements: Vec::new(),
                }))
            }
        };
        graph.values.push(value);
        items.push((key, id));
    }
    if let Some(root) = graph.values.first_mut() {
        *root = Value::Dict { items, attributes: None };
    }
    Ok(graph)
}
