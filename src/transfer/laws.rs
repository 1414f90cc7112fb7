//! What every protocol keeps to.

use super::factors::{Behind, Factors};
use super::fine_tuning::FineTuning;
use super::{PROTOCOLS, Protocol, TRANSFER, Transferred, transfer};
use crate::context::{Context, Interrupt, Monitor};
use crate::dataset::laws::{built_named, context};
use crate::dataset::{Dataset, FEW_SHOT, few_shot};
use crate::error::{Kind as Failure, Result};
use crate::lineage::Lineage;
use crate::model::tests::spec;
use crate::model::{Learns, Model, Statistics};
use crate::registry::{Args, Default, Handle, Kind, Param, Value};
use crate::train::{Arm, OBJECTIVES, Optimizer, Recipe, Schedule, TRAIN, train};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tch::Tensor;

/// Asks to stop after some batches; 0 never does.
struct Stopping(Interrupt, Cell<u64>);

impl Monitor for Stopping {
    fn begin(&self, _: &str, _: u64, _: u64) {}
    fn advance(&self, _: &str) {
        let left = self.1.get();
        self.1.set(left.saturating_sub(1));
        if left == 1 {
            self.0.request();
        }
    }
    fn end(&self) {}
    fn checkpoint_due(&self) -> bool {
        false
    }
    fn warn(&self, _: &str) {}
}

fn model() -> Model {
    let options = [("width", 4), ("size", 8), ("channels", 1), ("classes", 10)];
    Model::new(spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value)))))
}

fn digits(limit: i64) -> Dataset {
    let options =
        [("limit", Value::Int(limit)), ("test_limit", Value::Int(60)), ("val", Value::Float(0.2))];
    built_named("digits", &options).unwrap()
}

/// Protocols that choose on validation images and train nothing in the network.
const ON_FEATURES: [&str; 3] = ["fixed_feature", "few_shot", "knn"];

/// Options with which a protocol takes a moment.
fn quick(param: &Param) -> Option<Value> {
    match param.name {
        "epochs" => Some(Value::Int(3)),
        "batch_size" => Some(Value::Int(16)),
        "k" => Some(Value::Floats(vec![1.0, 5.0, 20.0])),
        "per_class" => Some(Value::Int(2)),
        "draws" => Some(Value::Int(2)),
        _ => None,
    }
}

fn protocol(name: &str, more: &[(&str, Value)]) -> Protocol {
    let entry = PROTOCOLS.iter().find(|entry| entry.spec.name == name).unwrap();
    let spares = name == "fixed_feature" && !more.iter().any(|(key, _)| *key == "solver");
    let quick = entry
        .spec
        .params
        .iter()
        .filter(|_| !spares)
        .filter_map(|param| Some((param.name, quick(param)?)));
    let given: BTreeMap<&str, Value> = quick.chain(more.iter().cloned()).collect();
    let given = given.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let args = Args::resolve(&entry.spec, Vec::new(), given).unwrap();
    Protocol::build(entry, &args).unwrap()
}

/// All protocols in a few variants.
fn all() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    let mut all: Vec<_> = PROTOCOLS.iter().map(|entry| (entry.spec.name, Vec::new())).collect();
    let random = || ("crop", Value::from("random"));
    let adapt = || ("batch_norm", Value::from("adapt"));
    all.extend([
        ("fixed_feature", vec![("solver", "sgd".into())]),
        ("fixed_feature", vec![("precision", "bf16".into())]),
        ("fixed_feature", vec![random(), ("views", 2.into()), adapt()]),
        ("blocks", vec![("blocks", 3.into()), adapt(), random(), ("normaliser", "none".into())]),
        ("bn_only", vec![("batch_norm", "eval".into()), ("optimizer", "adamw".into())]),
        ("salman2020", vec![("mode", "full_network".into())]),
    ]);
    all
}

fn transferred(
    context: &Context,
    model: &Model,
    target: &Dataset,
    (protocol, seed): (&Protocol, i64),
) -> Result<Transferred> {
    let options = vec![
        ("protocol".to_owned(), Value::Handle(Rc::new(protocol.clone()))),
        ("seed".to_owned(), Value::Int(seed)),
    ];
    let args = Args::resolve(&TRANSFER, vec![Value::Handle(Rc::new(target.clone()))], options)?;
    transfer(context, model, &args).map(|transferred| transferred.value)
}

fn state(context: &Context, model: &Model) -> Vec<(String, Tensor)> {
    model.network(context).unwrap().state().unwrap()
}

#[test]
fn a_transfer_leaves_the_model_and_depends_on_its_seed_alone() {
    let target = digits(120);
    for (name, options) in all() {
        let protocol = protocol(name, &options);
        let run = |seed| {
            let (context, _folder) = context(None);
            let model = model();
            let (before, lineage) = (state(&context, &model), model.lineage());
            let found = transferred(&context, &model, &target, (&protocol, seed)).unwrap();
            assert_eq!(before, state(&context, &model), "{name}");
            assert_eq!(lineage.address(), model.lineage().address());
            found
        };
        let first = run(1);
        assert_eq!(first, run(1), "{name}");
        let draws = if name == "few_shot" { 2 } else { 1 };
        assert_eq!(first.answers.len(), 60 * draws);
    }
}

#[test]
fn labels_for_testing_change_nothing_but_the_measurement() {
    let target = digits(120);
    for (name, options) in all() {
        let protocol = protocol(name, &options);
        let (context, _folder) = context(None);
        let run =
            |target: &Dataset| transferred(&context, &model(), target, (&protocol, 0)).unwrap();
        let first = run(&target);
        let on_test = first.notes.iter().any(|note| note.contains("selected on test"));
        assert_eq!(on_test, name == "salman2020");
        if on_test {
            continue;
        }
        let turned: Vec<Transferred> = (0..10)
            .map(|by| run(&target.with_labels("test", |y| (y + by) % 10, &format!("turned {by}"))))
            .collect();
        assert!(turned.iter().all(|other| other.selected == first.selected), "{name}");
        assert_eq!(turned[0].answers.correct(), first.answers.correct());
        // Where predictions are the same, each image is right under exactly one turn.
        let hits: Vec<_> = turned.iter().map(|other| other.answers.correct()).collect();
        for image in 0..first.answers.len() {
            let right = hits.iter().filter(|hits| hits.as_slice()[image]).count();
            assert_eq!(right, 1, "{name}: image {image}");
        }
    }
}

#[test]
fn a_target_without_validation_images_is_told_by_the_protocols_that_choose_on_them() {
    let options =
        [("limit", Value::Int(60)), ("test_limit", Value::Int(20)), ("val", Value::Float(0.0))];
    let target = built_named("digits", &options).unwrap();
    for (name, options) in all() {
        let (context, _folder) = context(None);
        let found = transferred(&context, &model(), &target, (&protocol(name, &options), 0));
        if ON_FEATURES.contains(&name) {
            let message = found.unwrap_err().to_string();
            assert_eq!(message, "transfer: expected images, found none in digits.val");
        } else {
            assert_eq!(found.unwrap().answers.len(), 20, "{name}");
        }
    }
}

#[test]
fn validation_images_of_few_shot_data_change_nothing_but_the_choice() {
    let options = [("per_class".to_owned(), Value::Int(2))];
    let args = Args::resolve(&FEW_SHOT, Vec::new(), options.to_vec()).unwrap();
    let target = few_shot(&digits(120), &args).unwrap();
    for (name, options) in all() {
        let protocol = protocol(name, &options);
        let (context, _folder) = context(None);
        // One that chooses among many takes more turns until two choose alike.
        let turns = if ["fixed_feature", "few_shot"].contains(&name) { 10 } else { 3 };
        let turned: Vec<Transferred> = (0..turns)
            .map(|by| {
                let target = target.with_labels("val", |y| (y + by) % 10, &format!("turned {by}"));
                transferred(&context, &model(), &target, (&protocol, 0)).unwrap()
            })
            .collect();
        let mut alike = 0;
        for (place, one) in turned.iter().enumerate() {
            for other in &turned[..place] {
                if one.selected == other.selected {
                    alike += 1;
                    assert_eq!(one.answers, other.answers, "{name}");
                }
            }
        }
        assert!(alike > 0, "{name}: every turn of the labels chose something else");
    }
}

#[test]
fn a_transfer_that_is_stopped_and_goes_on_gives_the_same_result() {
    let target = digits(120);
    for (name, options) in all() {
        let protocol = protocol(name, &options);
        let (context, _folder) = self::context(None);
        let whole = transferred(&context, &model(), &target, (&protocol, 0)).unwrap();
        let mut stops = 0;
        for after in [1, 3, 6, 10, 17, 27] {
            let (context, folder) = self::context(None);
            let interrupt = Interrupt::default();
            let monitor = Rc::new(Stopping(interrupt.clone(), Cell::new(after)));
            let stopping = Context { monitor, interrupt, ..context.clone() };
            match transferred(&stopping, &model(), &target, (&protocol, 0)) {
                Ok(found) => assert_eq!(found, whole),
                Err(error) => {
                    assert_eq!(error.kind(), Failure::Interrupted, "{name}: {error}");
                    stops += 1;
                }
            }
            let found = transferred(&context, &model(), &target, (&protocol, 0)).unwrap();
            assert_eq!(found, whole, "{name} stopped after {after}");
            let left = folder.path().join("runs/partial");
            let left = left.read_dir().map_or(0, Iterator::count);
            assert_eq!(left, 0, "{name}: a checkpoint is left");
        }
        let trains = !ON_FEATURES.contains(&name);
        assert!(stops >= 4 || !trains, "{name}: stopped {stops} times");
    }
}

/// A network trained for an epoch with perturbations of its own.
fn trained(context: &Context) -> Model {
    let source = model();
    let entry = OBJECTIVES.iter().find(|entry| entry.spec.name == "trades").unwrap();
    let options = vec![("steps".to_owned(), Value::Int(1))];
    let args = Args::resolve(&entry.spec, Vec::new(), options).unwrap();
    let arm = Arm::build(entry, &args).unwrap();
    let data = Value::Handle(Rc::new(digits(60)));
    let args =
        Args::resolve(&TRAIN, vec![data], vec![("epochs".to_owned(), Value::Int(1))]).unwrap();
    train(context, &source, &arm, &args, None).unwrap();
    source
}

#[test]
fn weights_that_are_gone_are_made_again_in_the_middle_of_a_transfer() {
    let target = digits(120);
    for (name, options) in all() {
        let protocol = protocol(name, &options);
        let (context, _folder) = self::context(None);
        let kept = trained(&context);
        let kept = transferred(&context, &kept, &target, (&protocol, 0)).unwrap();
        let (context, folder) = self::context(None);
        trained(&context);
        std::fs::remove_dir_all(folder.path().join("runs/blobs")).unwrap();
        let lost = trained(&context);
        let lost = transferred(&context, &lost, &target, (&protocol, 0)).unwrap();
        assert_eq!(lost, kept, "{name}");
    }
}

#[test]
fn every_protocol_learns_digits() {
    let (context, _folder) = context(None);
    let source = model();
    let data = built_named("digits", &[]).unwrap();
    let options = vec![("epochs".to_owned(), Value::Int(3))];
    let args = Args::resolve(&TRAIN, vec![Value::Handle(Rc::new(data))], options).unwrap();
    train(&context, &source, &Arm::clean().unwrap(), &args, None).unwrap();
    let target = digits(500);
    for (name, options) in all() {
        let entry = PROTOCOLS.iter().find(|entry| entry.spec.name == name).unwrap();
        let has = |key: &str| entry.spec.params.iter().any(|param| param.name == key);
        let mut options = options;
        if has("milestones") {
            options.extend([("epochs", Value::Int(12)), ("lr", Value::Float(0.02))]);
        } else if name == "salman2020" {
            options.push(("epochs", Value::Int(30)));
        } else if name == "few_shot" {
            options.push(("per_class", Value::Int(20)));
        }
        let protocol = protocol(name, &options);
        let found = transferred(&context, &source, &target, (&protocol, 0)).unwrap();
        // Chance is 0.1.
        assert!(found.answers.accuracy() > 0.4, "{name} {options:?}: {found:?}");
    }
}

/// Another value than the default.
fn other(param: &Param) -> Value {
    match (param.kind, param.default) {
        (Kind::Bool, Default::Bool(value)) => Value::Bool(!value),
        (Kind::Int { .. }, Default::Int(value)) => Value::Int(value + 1),
        (Kind::Int { min, .. }, _) => Value::Int(min),
        (Kind::Float { min, max }, Default::Float(value)) => {
            Value::Float(if value == min { max.min(min + 0.5) } else { min })
        }
        (Kind::Choice(words), _) => Value::Text(words.last().copied().unwrap_or_default().into()),
        (Kind::Floats { .. }, _) => Value::Floats(vec![3.0, 7.0]),
        (kind, _) => panic!("{}: no other value of {kind:?}", param.name),
    }
}

#[test]
fn every_option_is_part_of_the_address() {
    for entry in PROTOCOLS {
        let args = Args::resolve(&entry.spec, Vec::new(), Vec::new()).unwrap();
        let usual = args.lineage(&[], &[]);
        for param in entry.spec.params {
            if matches!(param.kind, Kind::Choice([_])) {
                continue;
            }
            let changed = args.with(param.name, other(param)).unwrap().lineage(&[], &[]);
            let (entry, param) = (entry.spec.name, param.name);
            assert_ne!(changed.address(), usual.address(), "{entry}: {param}");
        }
    }
}

#[test]
fn fine_tuning_leaves_what_is_frozen_bit_for_bit() {
    let target = digits(120);
    let recipe = Recipe {
        epochs: 2,
        batch_size: 16,
        paired: false,
        accumulate: 1,
        lr: 0.01,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 0.01,
        schedule: Schedule::Constant,
        warmup: 0.0,
        label_smoothing: 0.0,
        ema: 0.0,
        seed: 0,
    };
    let moves = |name: &str, learns: Learns, statistics: Statistics| match learns {
        _ if name.starts_with("fc") => true,
        _ if name.contains(".running_") => statistics == Statistics::Batch,
        Learns::All => true,
        Learns::Head => false,
        Learns::Blocks(_) => name.starts_with("layer2") || name.starts_with("layer3"),
        Learns::Norms => name.contains("bn") || name.contains("downsample.1"),
    };
    for learns in [Learns::All, Learns::Head, Learns::Blocks(2), Learns::Norms] {
        for statistics in [Statistics::Batch, Statistics::Running] {
            let (context, _folder) = context(None);
            let model = model();
            let factors = Factors { statistics, random_crops: false, normaliser: Behind::Source };
            let tuning = FineTuning::new(recipe.clone(), learns, factors).unwrap();
            let lineage = Lineage::new("test", 1, BTreeMap::new(), BTreeMap::new());
            let network =
                tuning.run(&context, &model, &target, 0, &lineage, &mut |_, _| Ok(())).unwrap();
            let after = network.state().unwrap();
            for ((name, before), (_, after)) in state(&context, &model).iter().zip(&after) {
                let moves = moves(name, learns, statistics);
                assert_eq!(before != after, moves, "{name} of {learns:?}, {statistics:?}");
            }
        }
    }
}
