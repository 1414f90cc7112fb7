//! A model as a file: `model.save(name)`.

use super::file::open;
use super::manifest::Manifest;
use super::safetensors::encode_with;
use super::walk::tensors;
use crate::context::Context;
use crate::error::Result;
use crate::model::Model;
use crate::registry::{Example, Handle, Home, Kind, Param, Spec};
use crate::store;
use std::path::{Path, PathBuf};
use tch::Tensor;

/// `model.save(name)`.
pub const SAVE: Spec = Spec {
    name: "save",
    home: Home::Method("model"),
    doc: "Writes the weights as NAME.safetensors beside the reports. They are f32 under \
          torchvision's names, so that Python's safetensors reads them and load_state_dict takes \
          them. The file's metadata hold architecture, normaliser, lineage and a SHA-256, which \
          model::load checks. The file that it replaces stays as NAME.previous.safetensors. Gives \
          the name of the file and prints where it is.",
    inputs: &[Param::input("name", Kind::Text, "Name of the file.")],
    params: &[],
    returns: "text",
    example: Example {
        code: "let m = model::resnet8(#{ width: 4, classes: 3 });\n\
               let file = m.save(\"small\");\n\
               model::load(file).parameter(\"fc.bias\").shape",
        shows: "[3]",
    },
    cite: "",
    version: 1,
};

/// Writes `model` as `NAME.safetensors` in `folder`, which must exist; the path. At every moment
/// the file is whole: the old one or the new one.
///
/// # Errors
/// [`crate::error::Kind::Io`]: it cannot be written; what was there stays.
pub fn save(context: &Context, model: &Model, folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(format!("{name}.safetensors"));
    let bytes = encoded(context, model)?;
    let previous = folder.join(format!("{name}.previous.safetensors"));
    // A damaged file is not worth the place of a good one.
    let kept = is_sound(&path).then_some(previous.as_path());
    store::replace(&path, kept, &bytes)?;
    Ok(path)
}

/// The bytes of the file.
///
/// # Errors
/// The weights cannot be made or read.
pub fn encoded(context: &Context, model: &Model) -> Result<Vec<u8>> {
    let state = model.network(context)?.state()?;
    let architecture = model.spec().architecture.clone();
    let manifest = Manifest::new(&architecture, &model.lineage(), &state)?;
    encode_with(&state, Some(manifest.metadata()))
}

/// Whether a file is as it was saved, or somebody else's, of which that cannot be told.
fn is_sound(path: &Path) -> bool {
    let check = || -> Result<()> {
        let file = open(path)?;
        let Some(manifest) = Manifest::of(file.container())? else { return Ok(()) };
        let read = |(name, meta): (String, _)| Ok((name, file.tensor(meta)?));
        let state = tensors(file.root())?.into_iter().map(read);
        manifest.verify(&state.collect::<Result<Vec<(String, Tensor)>>>()?)
    };
    check().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::load::tests::{context, loaded_from};
    use super::super::parity::fixture;
    use super::super::{decode, manifest};
    use super::*;
    use crate::error::Kind;
    use crate::model::tests::spec;
    use crate::registry::Value;
    use std::fs;

    fn model(name: &str, seed: i64) -> Model {
        let options = [
            ("classes", Value::Int(3)),
            ("seed", Value::Int(seed)),
            ("mean", Value::Floats(vec![0.1, 0.2, 0.3])),
            ("std", Value::Floats(vec![0.4, 0.5, 0.6])),
            ("size", Value::Int(64)),
        ];
        Model::new(spec(name, &options))
    }

    fn state(context: &Context, model: &Model) -> Vec<(String, Tensor)> {
        model.network(context).unwrap().state().unwrap()
    }

    #[test]
    fn a_saved_model_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(&folder.path().join("store"));
        for name in ["resnet20", "mobilenet_v2", "preact_resnet18"] {
            let model = model(name, 5);
            let path = save(&context, &model, folder.path(), name).unwrap();
            let loaded = loaded_from(&context, &path, &[]).unwrap();
            assert_eq!(state(&context, &loaded), state(&context, &model), "{name}");
            assert_eq!(loaded.spec().architecture, model.spec().architecture, "{name}");
            assert_eq!(loaded.spec().classes, 3);
        }
    }

    /// Stems of 3x3 have the same shapes: a file tells their stride.
    #[test]
    fn a_stem_comes_back_with_its_stride() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(&folder.path().join("store"));
        for stem in ["imagenet", "cifar", "strided"] {
            let options = [
                ("classes", Value::Int(3)),
                ("size", Value::Int(64)),
                ("width", Value::Int(4)),
                ("stem", Value::Text(stem.to_owned())),
            ];
            let model = Model::new(spec("resnet18", &options));
            let path = save(&context, &model, folder.path(), stem).unwrap();
            let loaded = loaded_from(&context, &path, &[]).unwrap();
            assert_eq!(loaded.spec().architecture, model.spec().architecture, "{stem}");
        }
    }

    /// Header without metadata, and data of a safetensors file.
    fn halves(file: &[u8]) -> (serde_json::Value, &[u8]) {
        let (length, rest) = file.split_first_chunk::<8>().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let mut header: serde_json::Value = serde_json::from_slice(header).unwrap();
        header.as_object_mut().unwrap().remove("__metadata__").unwrap();
        (header, data)
    }

    /// `tests/parity/export.py` reads a saved model with Python and writes it again.
    #[test]
    fn what_python_writes_of_a_saved_model_is_that_model() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(&folder.path().join("store"));
        let path = fixture("rewritten.safetensors");
        let original = loaded_from(&context, &fixture("robustness.pt"), &[]).unwrap();
        let rewritten = loaded_from(&context, &path, &[]).unwrap();
        assert!(Manifest::of(open(&path).unwrap().container()).unwrap().is_some());
        assert_eq!(state(&context, &rewritten), state(&context, &original));
        assert_eq!(rewritten.spec().architecture, original.spec().architecture);
        let ours = encoded(&context, &original).unwrap();
        assert!(halves(&ours) == halves(&fs::read(path).unwrap()));
    }

    #[test]
    fn the_file_before_is_kept_unless_it_is_equal_or_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(&folder.path().join("store"));
        let previous = folder.path().join("m.previous.safetensors");
        let save = |seed| save(&context, &model("resnet20", seed), folder.path(), "m").unwrap();
        let first = fs::read(save(1)).unwrap();
        save(1);
        assert!(!previous.exists());
        let path = save(2);
        assert_eq!(fs::read(&previous).unwrap(), first);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, &bytes).unwrap();
        let error = loaded_from(&context, &path, &[]).unwrap().network(&context).err().unwrap();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().contains("m.safetensors: expected tensors of sha256"), "{error}");
        save(3);
        assert_eq!(fs::read(&previous).unwrap(), first);
    }

    #[test]
    fn a_manifest_of_another_format_is_refused_and_a_damaged_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(&folder.path().join("store"));
        let bytes = encoded(&context, &model("resnet20", 1)).unwrap();
        let state = decode(&bytes).unwrap();
        let path = folder.path().join("m.safetensors");
        let file = |text: &str| {
            let metadata = Some(("rtscript".to_owned(), text.to_owned()));
            fs::write(&path, encode_with(&state, metadata).unwrap()).unwrap();
            loaded_from(&context, &path, &[]).err().unwrap()
        };
        let error = file(r#"{"schema": 2}"#);
        assert!(error.to_string().contains("expected format 1, found 2"), "{error}");
        let error = file(r#"{"schema": 1}"#);
        assert!(error.to_string().contains("missing field"), "{error}");
        assert_eq!(file("[").kind(), Kind::Data);
    }

    #[test]
    fn the_hash_is_of_names_shapes_and_numbers() {
        let tensor = |values: &[f32], shape: &[i64]| Tensor::from_slice(values).view(shape);
        let of = |name: &str, tensor: Tensor| manifest::hash(&[(name.to_owned(), tensor)]).unwrap();
        let hash = of("a", tensor(&[1.0, 2.0], &[2, 1]));
        // sha256sum of the text and of the bytes 0000803f00000040.
        assert_eq!(hash, crate::lineage::sha256_hex(b"a [2, 1]\n\0\0\x80\x3f\0\0\0\x40"));
        assert_ne!(hash, of("b", tensor(&[1.0, 2.0], &[2, 1])));
        assert_ne!(hash, of("a", tensor(&[1.0, 2.0], &[1, 2])));
        assert_ne!(hash, of("a", tensor(&[1.0, 3.0], &[2, 1])));
    }
}
