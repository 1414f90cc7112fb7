//! A checkpoint in the layout of the robustness library, and weights that do not fit.

use super::*;
use crate::checkpoint::{decode, state_dict};
use crate::context::{Context, Silent};
use crate::registry::Value;
use crate::store::{Manifest, Store};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parity/checkpoints/");

/// A session on the folder `store`.
pub fn context(store: &Path) -> Context {
    Context {
        device: Device::Cpu,
        store: Store::open(store).unwrap(),
        data: None,
        monitor: Rc::new(Silent),
        interrupt: crate::context::Interrupt::default(),
        environment: Manifest {
            threads: 1,
            cpu: String::new(),
            torch: String::new(),
            program: String::new(),
            seconds: 0.0,
            date: None,
        },
        defer_busy: Rc::default(),
        origins: Rc::default(),
        restart_partial: false,
    }
}

/// The model in the file at `path`.
pub fn loaded_from(context: &Context, path: &Path, options: &[(&str, Value)]) -> Result<Model> {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let inputs = vec![Value::Text(path.display().to_string())];
    load(context, path, &Args::resolve(&LOAD, inputs, options.collect())?)
}

fn loaded(file: &str, options: &[(&str, Value)]) -> Result<(Model, Network)> {
    let folder = tempfile::tempdir().unwrap();
    let context = context(folder.path());
    let model = loaded_from(&context, Path::new(&format!("{FOLDER}{file}")), options)?;
    let network = model.network(&context)?.copy()?;
    Ok((model, network))
}

/// Compares logits with PyTorch's: `tests/parity/releases.py`.
fn assert_classifies_as_in_python(name: &str, network: &Network) {
    let expected = decode(&std::fs::read(format!("{FOLDER}expected.safetensors")).unwrap());
    let expected: BTreeMap<String, Tensor> = expected.unwrap().into_iter().collect();
    let logits = network.folded().unwrap().logits(&expected["images"]).unwrap();
    let expected = &expected[&format!("{name}.logits")];
    let off = (&logits - expected).abs().max().double_value(&[]);
    let scale = expected.abs().max().double_value(&[]);
    assert!(off < 1e-5 * scale, "{name}: {off} of {scale}");
    assert_eq!(logits.argmax(1, false), expected.argmax(1, false), "{name}");
}

#[test]
fn a_checkpoint_of_robustness_classifies_as_in_python() {
    let (model, network) = loaded("robustness.pt", &[("size", Value::Int(16))]).unwrap();
    assert_eq!(model.spec().summary(), "resnet8: width 4, 10 classes, images of 3x16x16");
    assert_eq!(model.spec().architecture.normaliser.mean, [0.4914, 0.4822, 0.4465]);
    assert_classifies_as_in_python("robustness", &network);
}

#[test]
fn a_checkpoint_of_randomized_smoothing_classifies_as_in_python() {
    let options = [
        ("size", Value::Int(16)),
        ("mean", Value::Floats(vec![0.485, 0.456, 0.406])),
        ("std", Value::Floats(vec![0.229, 0.224, 0.225])),
    ];
    let (model, network) = loaded("smoothing.pth.tar", &options).unwrap();
    assert_eq!(model.spec().summary(), "resnet8: width 4, 10 classes, images of 3x16x16");
    assert_classifies_as_in_python("smoothing", &network);
    // Its layer that normalises saves nothing.
    let (model, _) = loaded("smoothing.pth.tar", &[]).unwrap();
    assert_eq!(model.spec().architecture.normaliser.mean, [0.5]);
}

#[test]
fn of_a_checkpoint_of_timm_the_average_over_steps_is_taken() {
    let (model, network) = loaded("timm.pth.tar", &[("size", Value::Int(16))]).unwrap();
    assert_eq!(model.spec().summary(), "resnet8: width 4, 10 classes, images of 3x16x16");
    assert_classifies_as_in_python("timm", &network);
    let file = open(Path::new(&format!("{FOLDER}timm.pth.tar"))).unwrap();
    let last = state_dict(file.root().get("state_dict").unwrap()).unwrap();
    let (_, bias) = last.into_iter().find(|(name, _)| name == "fc.bias").unwrap();
    let averaged = network.state().unwrap().into_iter().find(|(name, _)| name == "fc.bias");
    assert_ne!(averaged.unwrap().1, file.tensor(bias).unwrap());
}

#[test]
fn the_normaliser_of_the_script_comes_before_that_of_the_file() {
    let options = [("size", Value::Int(16)), ("mean", Value::Float(0.5))];
    let (model, _) = loaded("robustness.pt", &options).unwrap();
    assert_eq!(model.spec().architecture.normaliser.mean, [0.5; 3]);
    assert_eq!(model.spec().architecture.normaliser.std, [0.2023, 0.1994, 0.201]);
}

#[test]
fn weights_that_do_not_fit_are_told_name_by_name() {
    let message = |file, options: &[_]| loaded(file, options).err().unwrap().to_string();
    let arch = |name: &str| [("arch", Value::Text(name.to_owned()))];
    let other = message("robustness.pt", &arch("resnet20"));
    assert!(other.contains("expected resnet20: layer1.1.bn1.bias is missing"), "{other}");
    assert!(message("robustness.pt", &arch("resnet80")).contains("no architecture resnet80"));
    assert!(message("trained.pt", &[]).contains("no architecture fits"));
}

#[test]
fn every_architecture_is_found_by_its_names_and_shapes() {
    for entry in MODELS.iter().filter(|entry| !entry.spec.name.starts_with("wide_resnet50")) {
        let args = Args::resolve(&entry.spec, vec![], vec![]).unwrap();
        let spec = (entry.build)(&args).unwrap();
        let state = spec.architecture.state(7);
        let zeros = |(name, shape): (String, Vec<i64>)| {
            (format!("1.module.{name}"), Tensor::zeros(shape, (Kind::Uint8, Device::Cpu)))
        };
        let bytes = crate::checkpoint::encode(&state.into_iter().map(zeros).collect::<Vec<_>>());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes.unwrap()).unwrap();
        let file = open(file.path()).unwrap();
        let weights = Weights::find(&file).unwrap();
        let args = Args::resolve(&LOAD, vec![Value::Text(String::new())], vec![]).unwrap();
        let found = fitting(&weights, &args).unwrap();
        assert_eq!(found.spec.architecture.name, entry.spec.name);
        assert_eq!((found.prefix.as_str(), found.spec.classes), ("1.module.", 7));
    }
}
