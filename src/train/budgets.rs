//! What trainings spend in units that depend on the images or on another network.

use super::objectives::parity::arm;
use super::{Arm, Spent, TRAIN, train};
use crate::attack::{ATTACKS, Attacker};
use crate::context::Context;
use crate::dataset::Dataset;
use crate::dataset::laws::{built_named, context};
use crate::error::Result;
use crate::model::tests::spec;
use crate::model::{Model, ModelSpec};
use crate::registry::{Args, Value};
use crate::transform::{TRANSFORMS, Transform};
use std::rc::Rc;

fn held<T: crate::registry::Handle>(of: T) -> Value {
    Value::Handle(Rc::new(of))
}

fn small(width: i64) -> ModelSpec {
    let options = [("width", width), ("size", 8), ("channels", 1), ("classes", 10)];
    spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value))))
}

/// Sixty images to train on, as they are or cropped at random.
fn digits(random: bool) -> Dataset {
    let mut options = vec![("limit", Value::Int(70)), ("val", Value::Float(0.14))];
    if random {
        let crop = TRANSFORMS.iter().find(|entry| entry.spec.name == "random_crop").unwrap();
        let given = [("size", Value::Int(8)), ("padding", Value::Int(2))];
        let given = given.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let args = Args::resolve(&crop.spec, Vec::new(), given).unwrap();
        options.push(("train_transform", held(Transform::build(crop, &args).unwrap())));
    }
    built_named("digits", &options).unwrap()
}

fn spent(context: &Context, objective: &Arm, data: &Dataset, epochs: i64) -> Result<Spent> {
    let options = [
        ("epochs", Value::Int(epochs)),
        ("batch_size", Value::Int(12)),
        ("lr", Value::Float(0.01)),
        ("objective", held(objective.clone())),
    ];
    let options = options.map(|(key, value)| (key.to_owned(), value)).to_vec();
    let args = Args::resolve(&TRAIN, vec![held(data.clone())], options)?;
    let report = train(context, &Model::new(small(4)), objective, &args, None)?;
    Ok(report.value.trained.spent)
}

fn attacker(context: &Context, name: &str, inputs: Vec<Value>) -> Attacker {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == name).unwrap();
    let args = Args::resolve(&entry.spec, inputs, Vec::new()).unwrap();
    let made = Attacker::build(entry, &args).unwrap();
    made.attack.enter(context);
    made
}

fn matched(arm_of: &Arm, unit: &str) -> Arm {
    let options = [("match_budget", held(arm_of.clone())), ("unit", unit.into())];
    arm("clean", Vec::new(), &options)
}

/// TRADES trains on each image and on a perturbed one, PGD on the latter only, and free training
/// on one more in each replay.
#[test]
fn distinct_inputs_are_matched_where_images_are_drawn_at_random() {
    let (context, _folder) = context(None);
    let pgd = held(attacker(&context, "pgd", Vec::new()));
    let objectives = [
        (arm("trades", Vec::new(), &[("steps", Value::Int(1))]), 2 * 180, 60 + 180, 30),
        (arm("perturbed", vec![pgd], &[]), 180, 180, 15),
        (arm("free", Vec::new(), &[("replays", Value::Int(3))]), 180, 180, 15),
    ];
    for (objective, random, fixed, updates) in &objectives {
        let label = crate::registry::Handle::label(objective);
        let found = spent(&context, objective, &digits(true), 3).unwrap();
        assert_eq!(found.distinct_inputs, *random, "{label}");
        let clean = matched(objective, "distinct_inputs");
        let same = spent(&context, &clean, &digits(true), 3).unwrap();
        assert_eq!((same.distinct_inputs, same.updates), (*random, *updates), "{label}");
        // As they are, images are new in the first epoch only, and no clean training spends more.
        let found = spent(&context, objective, &digits(false), 3).unwrap();
        assert_eq!(found.distinct_inputs, *fixed, "{label}");
        let refused = spent(&context, &clean, &digits(false), 3).err().unwrap().to_string();
        assert!(refused.contains("expected images that differ from epoch to epoch"), "{refused}");
    }
}

/// PGD of three steps passes four times forward and three times back, all through the frozen network.
#[test]
fn the_flops_of_a_transferred_attack_are_those_of_its_own_network() {
    let (context, _folder) = context(None);
    let size = |width| small(width).architecture.multiplications(10).unwrap() as f64;
    let (own, frozen) = (size(4), size(8));
    assert!(frozen > 2.0 * own);
    let inputs = vec![held(attacker(&context, "pgd", vec![])), held(Model::new(small(8)))];
    let transferred = attacker(&context, "transferred", inputs);
    let shuffled = attacker(&context, "shuffled", vec![held(transferred.clone())]);
    for attack in [transferred, shuffled] {
        let objective = arm("perturbed", vec![held(attack)], &[]);
        let found = spent(&context, &objective, &digits(false), 3).unwrap();
        assert_eq!((found.forwards, found.backwards), (5 * 180, 4 * 180));
        assert_eq!(found.flops, 180.0 * (7.0 * frozen + 3.0 * own));
        let clean = matched(&objective, "flops");
        let same = spent(&context, &clean, &digits(false), 3).unwrap();
        // Whole epochs of 60 images.
        assert!((same.flops - found.flops).abs() <= 30.0 * 3.0 * own, "{same:?} {found:?}");
        let mixed = arm("mixed", vec![held(Arm::clean().unwrap()), held(objective)], &[]);
        let found = spent(&context, &mixed, &digits(false), 1).unwrap();
        assert_eq!(found.flops, 60.0 * (7.0 * frozen + 6.0 * own));
    }
}
