//! Files that Python wrote (`tests/parity/checkpoints.py`), against what Python reads in them.

use super::node::{Node, Value};
use super::{Container, File, Format, decode, open, state_dict, tensors, walk};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tch::{Kind, Tensor};

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/checkpoints").join(name)
}

fn expected() -> (serde_json::Map<String, Json>, Vec<u8>) {
    let text = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let Json::Object(files) = serde_json::from_str(&text).unwrap() else { panic!() };
    (files, bytes(&result("bytes")))
}

fn result(name: &str) -> Tensor {
    let results = decode(&std::fs::read(fixture("expected.safetensors")).unwrap()).unwrap();
    results.into_iter().find(|(known, _)| known == name).unwrap().1
}

/// The bytes of a tensor in logical order.
fn bytes(tensor: &Tensor) -> Vec<u8> {
    let size = tensor.kind().elt_size_in_bytes();
    let dense = tensor.contiguous().reshape([-1]);
    if dense.numel() == 0 {
        return Vec::new();
    }
    let mut bytes = vec![0; dense.numel() * size];
    let raw = dense.view_dtype(Kind::Uint8);
    raw.copy_data_u8(&mut bytes, raw.numel());
    bytes
}

fn numbers(json: &Json) -> Vec<i64> {
    json.as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect()
}

/// The value at a path, by the steps that lead to it.
fn at<'a>(root: Node<'a>, path: &str) -> Node<'a> {
    path.split('/').filter(|step| !step.is_empty()).fold(root, |node, step| {
        let part = walk::parts(node).into_iter().find(|(known, _)| known == step);
        let part = part.or_else(|| {
            let arguments = node.opaque()?.0.arguments?;
            let given = node.at(arguments).elements().next()?;
            walk::parts(given).into_iter().find(|(known, _)| known == step)
        });
        part.unwrap_or_else(|| panic!("{path}: no {step}")).1
    })
}

#[test]
fn every_tensor_of_every_file_has_pythons_bytes() {
    let (files, data) = expected();
    assert!(files.len() > 30, "{}", files.len());
    for (name, file) in &files {
        let checkpoint = open(&fixture(name)).unwrap();
        let found: BTreeMap<_, _> = tensors(checkpoint.root()).unwrap().into_iter().collect();
        for (path, expected) in file["tensors"].as_object().unwrap() {
            let meta = found.get(path).unwrap_or_else(|| panic!("{name}: no tensor {path}"));
            let place = format!("{name}: {path}");
            assert_eq!(meta.dtype.name(), expected["dtype"], "{place}");
            assert_eq!(meta.shape, numbers(&expected["shape"]), "{place}");
            if meta.numel() > 0 {
                assert_eq!(meta.strides, numbers(&expected["strides"]), "{place}");
                assert_eq!(meta.offset, expected["offset"].as_i64().unwrap(), "{place}");
            }
            assert_eq!(meta.is_parameter, expected["parameter"], "{place}");
            let range = numbers(&expected["bytes"]);
            let expected = &data[range[0] as usize..range[1] as usize];
            match checkpoint.tensor(meta) {
                Ok(tensor) => {
                    assert_eq!(tensor.size(), meta.shape, "{place}");
                    assert!(!tensor.requires_grad(), "{place}");
                    assert_eq!(bytes(&tensor), expected, "{place}");
                }
                // tch has no unsigned numbers of more than one byte.
                Err(error) => {
                    assert!(meta.dtype.name().starts_with("uint"), "{place}: {error}");
                    assert_eq!(error.kind(), crate::error::Kind::Data);
                }
            }
        }
    }
}

#[test]
fn plain_values_are_pythons() {
    let (files, _) = expected();
    for (name, file) in &files {
        let checkpoint = open(&fixture(name)).unwrap();
        for (path, expected) in file["values"].as_object().unwrap() {
            let node = at(checkpoint.root(), path);
            let equal = match (node.value(), expected) {
                (Value::None, Json::Null) => true,
                (Value::Bool(found), Json::Bool(known)) => found == known,
                (Value::Int(found), Json::Number(known)) => known.as_i64() == Some(*found),
                (Value::Float(found), Json::Number(known)) => known.as_f64() == Some(*found),
                (Value::Text(found) | Value::Long(found), Json::String(known)) => found == known,
                (Value::Bytes(_), Json::String(known)) => {
                    let found = node.bytes().unwrap().iter();
                    found.map(|byte| format!("{byte:02x}")).collect::<String>() == *known
                }
                _ => false,
            };
            assert!(equal, "{name}: {path}: {expected} expected, {:?} found", node.value());
        }
    }
}

#[test]
fn tensors_share_memory_where_they_did_in_python() {
    let (files, _) = expected();
    for (name, file) in &files {
        let checkpoint = open(&fixture(name)).unwrap();
        let mut groups: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (path, meta) in tensors(checkpoint.root()).unwrap() {
            if meta.numel() > 0 && file["tensors"].get(&path).is_some() {
                groups.entry(meta.storage).or_default().insert(path);
            }
        }
        let found: BTreeSet<_> = groups.into_values().filter(|paths| paths.len() > 1).collect();
        let paths = |group: &Json| {
            let paths = group.as_array().unwrap().iter();
            paths.map(|path| path.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
        };
        let expected: BTreeSet<_> = file["shared"].as_array().unwrap().iter().map(paths).collect();
        // Each array of numpy and each tensor of safetensors is stored alone.
        if !name.ends_with(".pkl") && !name.ends_with(".safetensors") {
            assert_eq!(found, expected, "{name}");
        }
    }
    let checkpoint = open(&fixture("layouts.pt")).unwrap();
    let [whole, tail] = ["whole", "tail"].map(|name| {
        checkpoint.tensor(checkpoint.root().get(name).unwrap().tensor().unwrap()).unwrap()
    });
    assert_eq!(whole.data_ptr() as usize + 160, tail.data_ptr() as usize);
}

fn container(name: &str) -> Container {
    open(&fixture(name)).unwrap().container().clone()
}

#[test]
fn the_container_is_told_from_the_content() {
    for protocol in 2..=5 {
        let container = container(&format!("zip_{protocol}.pt"));
        assert_eq!((container.format, container.protocol), (Format::Zip, Some(protocol)));
    }
    for protocol in 1..=5 {
        let found = container(&format!("legacy_{protocol}.pt"));
        let named = if protocol < 2 { 0 } else { protocol };
        assert_eq!((found.format, found.protocol), (Format::Legacy, Some(named)));
    }
    for protocol in 0..=5 {
        let found = container(&format!("pickle_{protocol}.pkl"));
        let named = if protocol < 2 { 0 } else { protocol };
        assert_eq!((found.format, found.protocol), (Format::Pickle, Some(named)));
    }
    assert_eq!(container("weights.safetensors").format, Format::Safetensors);
    assert_eq!(container("weights.safetensors").metadata[0].0, "by");
    assert!(container("big_endian.pt").big_endian);
    assert!(container("dill.pt").dill && container("dill_legacy.pt").dill);
    assert!(container("torchscript.pt").torchscript);
}

fn opaque(checkpoint: &File) -> Vec<String> {
    let name = |symbol: &&super::Symbol| format!("{}.{}", symbol.module, symbol.name);
    checkpoint.opaque().iter().map(name).collect()
}

#[test]
fn what_is_understood_is_not_reported() {
    for name in ["layouts.pt", "trained_legacy.pt", "robustness.pt", "old_views.pt", "arrays.pt"] {
        assert_eq!(opaque(&open(&fixture(name)).unwrap()), Vec::<String>::new(), "{name}");
    }
    let dill = opaque(&open(&fixture("dill_legacy.pt")).unwrap());
    for known in ["dill._dill._create_function", "dill._dill._create_code", "argparse.Namespace"] {
        assert!(dill.iter().any(|name| name == known), "{dill:?}");
    }
    let unsupported = open(&fixture("unsupported.pt")).unwrap();
    let (_, symbol) = unsupported.root().get("quantized").unwrap().opaque().unwrap();
    assert_eq!(symbol.name, "_rebuild_qtensor");
}

#[test]
fn a_whole_module_gives_its_state_dict() {
    let checkpoint = open(&fixture("module.pt")).unwrap();
    let names: Vec<_> =
        state_dict(checkpoint.root()).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "conv.weight",
            "norm.weight",
            "norm.bias",
            "norm.running_mean",
            "norm.running_var",
            "norm.num_batches_tracked",
            "fc.weight",
            "fc.bias"
        ]
    );
    let trained = open(&fixture("trained.pt")).unwrap();
    let model = trained.root().get("model").unwrap();
    assert_eq!(state_dict(model).unwrap().len(), 8);
    let version = model.attribute("_metadata").unwrap().get("norm").unwrap().get("version");
    assert_eq!(version.unwrap().int(), Some(2));
    assert!(state_dict(trained.root()).is_none());
}

#[test]
fn released_memory_is_read_again() {
    let checkpoint = open(&fixture("layouts_legacy.pt")).unwrap();
    let meta = checkpoint.root().get("whole").unwrap().tensor().unwrap();
    let first = checkpoint.tensor(meta).unwrap();
    assert_eq!(first.data_ptr(), checkpoint.tensor(meta).unwrap().data_ptr());
    checkpoint.release();
    let second = checkpoint.tensor(meta).unwrap();
    assert_ne!(first.data_ptr(), second.data_ptr());
    assert_eq!(first, second);
}
