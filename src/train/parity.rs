//! Parity of whole updates with torch.optim: `tests/parity/objectives.py`.

use super::member::{Member, Place};
use super::objectives::parity::{batch, close, digest_of};
use super::{Arm, Recipe, TRAIN};
use crate::attack::parity::network;
use crate::dataset::laws::built_named;
use crate::registry::{Args, Value};
use crate::seed::Stream;
use std::rc::Rc;
use tch::Tensor;

fn three_updates(name: &str, recipe: &Recipe) {
    let (arm, batch) = (Arm::clean().unwrap(), batch());
    let mut member = Member::start(network(), recipe).unwrap();
    let before = member.network.flat().copy();
    let mut losses = Vec::new();
    for _ in 0..3 {
        let stream = Stream::new(0, "perturbation");
        let place = Place {
            stream,
            total: 3,
            first_of_epoch: false,
            last_of_epoch: true,
            new_images: true,
        };
        member.step(&arm, recipe, &batch, None, &place, None).unwrap();
        losses.push(member.close_epoch(1).loss);
    }
    close(&Tensor::from_slice(&losses), &format!("{name}.losses"), 1e-5);
    let moved = member.network.flat() - before;
    close(&digest_of(&moved, &member.network), &format!("{name}.moved"), 1e-5);
}

fn recipe(options: &[(&str, Value)]) -> Recipe {
    let data = built_named("digits", &[]).unwrap();
    let base = [("epochs", Value::Int(3))];
    let options = base.iter().chain(options);
    let options = options.map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let args = Args::resolve(&TRAIN, vec![Value::Handle(Rc::new(data))], options).unwrap();
    Recipe::read(&args, 0).unwrap()
}

#[test]
fn nesterov_with_milestones_equals_pytorchs() {
    let options = [
        ("nesterov", Value::Bool(true)),
        ("lr", Value::Float(0.1)),
        ("weight_decay", Value::Float(0.01)),
        ("schedule", "multistep".into()),
        ("milestones", Value::Floats(vec![1.0, 2.0])),
        ("gamma", Value::Float(0.5)),
    ];
    three_updates("sgd", &recipe(&options));
}

#[test]
fn adamw_along_a_cosine_equals_pytorchs() {
    let options = [
        ("optimizer", "adamw".into()),
        ("lr", Value::Float(0.01)),
        ("beta2", Value::Float(0.99)),
        ("weight_decay", Value::Float(0.1)),
        ("schedule", "cosine".into()),
    ];
    three_updates("adamw", &recipe(&options));
}
