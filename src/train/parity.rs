//! Parity of whole updates with torch.optim: `tests/parity/objectives.py`; and with the transfers of
//! Salman et al. 2020: `tests/parity/salman2020.py`.

use super::member::{Member, Place};
use super::objectives::parity::{batch, close, digest, digest_of};
use super::{Arm, Recipe, TRAIN};
use crate::attack::parity::{hashed, network};
use crate::checkpoint;
use crate::dataset::Batch;
use crate::dataset::laws::built_named;
use crate::model::{Learning, Learns, Network, Normaliser, Statistics};
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

/// A recipe of three epochs, or with `options`.
pub(super) fn recipe(options: &[(&str, Value)]) -> Recipe {
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

/// The array of this name of the transfers.
fn transferred(name: &str) -> Tensor {
    let bytes = include_bytes!("../../tests/parity/salman2020.safetensors");
    let found = checkpoint::decode(bytes).unwrap().into_iter().find(|(known, _)| known == name);
    found.unwrap().1.to_kind(tch::Kind::Double)
}

fn agrees(found: &Tensor, name: &str, tolerance: f64) {
    let expected = transferred(name);
    let apart = (found.to_kind(tch::Kind::Double).view_as(&expected) - &expected).norm();
    let apart = (apart / expected.norm()).double_value(&[]);
    assert!(apart < tolerance, "{name}: {apart:e}");
}

fn transfer(mode: &str, learns: Learns) {
    let learning = Learning { learns, statistics: Statistics::Batch };
    let bare = Normaliser { mean: vec![0.0], std: vec![1.0] };
    let start = network().normalised_by(bare).learning(learning).unwrap();
    let recipe = recipe(&[("lr", Value::Float(0.1)), ("schedule", "step".into())]);
    let mut member = Member::start(start, &recipe).unwrap();
    let named = |network: &Network, running: bool| -> Vec<Tensor> {
        let state = network.state().unwrap().into_iter();
        let wanted = state.filter(|(name, _)| {
            let head = learns == Learns::All || name.starts_with("fc");
            name.contains(".running_") == running && (running || head)
        });
        wanted.map(|(_, tensor)| tensor).collect()
    };
    let before = named(&member.network, false);
    let (mut losses, y) = (Vec::new(), batch().y);
    for update in 0..6 {
        let x = hashed(1000 + update % 2, &[6, 3, 8, 8]);
        let batch = Batch { x, y: y.shallow_clone(), ids: (0..6).collect() };
        let place = Place {
            stream: Stream::new(0, "perturbation"),
            total: 6,
            first_of_epoch: false,
            last_of_epoch: true,
            new_images: true,
        };
        member.step(&Arm::clean().unwrap(), &recipe, &batch, None, &place, None).unwrap();
        losses.push(member.close_epoch(1).loss);
    }
    let name = |what: &str| format!("{mode}.{what}");
    agrees(&Tensor::from_slice(&losses), &name("losses"), 1e-5);
    let moved = named(&member.network, false).into_iter().zip(&before).map(|(to, from)| to - from);
    agrees(&digest(moved), &name("moved"), 1e-5);
    agrees(&digest(named(&member.network, true).into_iter()), &name("running"), 1e-5);
    let logits = member.network.folded().unwrap().logits(&hashed(1002, &[6, 3, 8, 8])).unwrap();
    agrees(&logits, &name("logits"), 1e-5);
}

#[test]
fn the_released_codes_fixed_feature_updates_equal_pytorchs() {
    transfer("fixed_feature", Learns::Head);
}

#[test]
fn the_released_codes_full_network_updates_equal_pytorchs() {
    transfer("full_network", Learns::All);
}
