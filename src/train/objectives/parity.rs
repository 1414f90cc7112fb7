//! Parity with PyTorch in f64 and with the authors' code: `tests/parity/objectives.py`.

use super::free::Free;
use super::trades::Trades;
use super::*;
use crate::attack::parity::{hashed, images, network};
use crate::checkpoint;
use crate::registry::Value;
use crate::torch::optimizer::{Sgd, sgd_step};
use tch::Kind as Type;

/// The array of this name.
pub fn expected(name: &str) -> Tensor {
    let bytes = include_bytes!("../../../tests/parity/objectives.safetensors");
    let found = checkpoint::decode(bytes).unwrap().into_iter().find(|(known, _)| known == name);
    found.unwrap().1.to_kind(Type::Double)
}

/// Small tensors as they are, of large ones a sum for each output; as the script makes it.
pub fn digest(tensors: impl Iterator<Item = Tensor>) -> Tensor {
    let parts: Vec<Tensor> = tensors
        .map(|tensor| {
            let tensor = tensor.to_kind(Type::Double);
            if tensor.numel() < 600 {
                return tensor.flatten(0, -1);
            }
            let rows = tensor.flatten(1, -1);
            rows.matmul(&(hashed(3000, &rows.size()[1..]).to_kind(Type::Double) - 0.5))
        })
        .collect();
    Tensor::cat(&parts, 0)
}

/// Parameters or running statistics of a network whose parameters are `flat`.
fn named(flat: &Tensor, network: &Network, running: bool) -> Tensor {
    let copy = network.copy().unwrap();
    let _ = tch::no_grad_guard();
    copy.flat().shallow_clone().copy_(flat);
    let state = copy.state().unwrap().into_iter();
    let wanted = state.filter(|(name, _)| name.contains(".running_") == running);
    digest(wanted.map(|(_, tensor)| tensor))
}

/// The digest of a gradient, or of how far parameters moved.
pub fn digest_of(flat: &Tensor, network: &Network) -> Tensor {
    named(flat, network, false)
}

/// Fails unless `found` is the array of this name up to `tolerance` times the array's norm.
pub fn close(found: &Tensor, name: &str, tolerance: f64) {
    let expected = expected(name);
    let apart = (found.to_kind(Type::Double).view_as(&expected) - &expected).norm();
    let apart = (apart / expected.norm()).double_value(&[]);
    assert!(apart < tolerance, "{name}: {apart:e}");
}

/// The batch of the script.
pub fn batch() -> Batch {
    let (x, y) = images();
    Batch { x, y, ids: (0..6).collect() }
}

/// A first step on `batch`.
pub fn moment<'a>(network: &'a Network, batch: &'a Batch) -> Moment<'a> {
    Moment {
        network,
        batch,
        other: None,
        stream: Stream::new(0, "perturbation"),
        progress: 0.0,
        label_smoothing: 0.0,
        lead: None,
        carried: None,
    }
}

/// The objective of a name.
pub fn arm(name: &str, inputs: Vec<Value>, options: &[(&str, Value)]) -> Arm {
    let entry = OBJECTIVES.iter().find(|entry| entry.spec.name == name).unwrap();
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Arm::build(entry, &Args::resolve(&entry.spec, inputs, options.collect()).unwrap()).unwrap()
}

fn compare(step: &Step, network: &Network, name: &str) {
    close(&step.loss.detach(), &format!("{name}.loss"), 1e-6);
    let gradient = network.gradient(&step.loss).unwrap();
    close(&digest_of(&gradient, network), &format!("{name}.gradient"), 1e-5);
}

#[test]
fn smoothed_labels_equal_pytorchs() {
    let (network, batch) = (network(), batch());
    let moment = Moment { label_smoothing: 0.1, ..moment(&network, &batch) };
    let step = Arm::clean().unwrap().objective.step(&moment).unwrap();
    compare(&step, &network, "smoothed");
}

#[test]
fn the_gradient_of_a_gradients_norm_equals_pytorchs() {
    for (norm, lambda) in [("l2", 0.5), ("l1", 0.01)] {
        let (network, batch) = (network(), batch());
        let options = [("norm", norm.into()), ("lambda", Value::Float(lambda))];
        let objective = arm("grad_norm", Vec::new(), &options).objective;
        let step = objective.step(&moment(&network, &batch)).unwrap();
        compare(&step, &network, &format!("grad_norm.{norm}"));
    }
}

#[test]
fn trades_equals_the_authors_code_from_the_same_noise() {
    for (norm, eps, step_size) in [(Norm::Linf, 0.06, 0.02), (Norm::L2, 0.5, 1.0 / 3.0)] {
        let (network, batch) = (network(), batch());
        let trades = Trades::new(NormBall { norm, eps }, 3, step_size, 6.0).unwrap();
        let noise = (hashed(2000, &batch.x.size()) - 0.5) * 0.1;
        let (folded, moment) = (network.folded().unwrap(), moment(&network, &batch));
        let found = trades.ascend(&folded, &moment, &noise).unwrap();
        let name = format!("trades.{}", norm.name());
        close(&found, &format!("{name}.images"), 1e-6);
        compare(&trades.descend(&moment, found).unwrap(), &network, &name);
    }
}

#[test]
fn free_training_equals_the_authors_code_over_two_replays() {
    for (norm, eps, step_size) in [(Norm::Linf, 0.03, 0.02), (Norm::L2, 0.4, 0.3)] {
        let (network, batch) = (network(), batch());
        let (before, buffer) = (network.flat().copy(), network.flat().zeros_like());
        let free = Free::new(NormBall { norm, eps }, step_size, 2).unwrap();
        let sgd = Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.0, nesterov: false };
        let (mut carried, mut losses) = (None, Vec::new());
        for _ in 0..2 {
            let moment = Moment { carried: carried.as_ref(), ..moment(&network, &batch) };
            let step = free.step(&moment).unwrap();
            let leaf = step.leaf.as_ref();
            let (gradient, leaf) = network.gradients(&step.loss, leaf).unwrap();
            carried = Some(free.carry(&step, &leaf.unwrap()).unwrap());
            sgd_step(network.flat(), &gradient, &buffer, &sgd).unwrap();
            losses.push(step.loss.double_value(&[]));
        }
        let name = |what: &str| format!("free.{}.{what}", norm.name());
        close(&Tensor::from_slice(&losses), &name("losses"), 1e-6);
        close(&carried.unwrap(), &name("noise"), 1e-5);
        close(&digest_of(&(network.flat() - before), &network), &name("moved"), 1e-5);
    }
}

#[test]
fn a_mixture_of_two_views_equals_pytorchs_and_moves_statistics_twice() {
    let (network, batch) = (network(), batch());
    let other = Batch { x: hashed(1001, &batch.x.size()), ..super::parity::batch() };
    let part = |arm: Arm| Value::Handle(Rc::new(arm));
    let second = part(arm("grad_norm", Vec::new(), &[("lambda", Value::Float(0.5))]));
    let inputs = vec![part(Arm::clean().unwrap()), second];
    let mixed = arm("mixed", inputs, &[("ratio", Value::Float(0.3)), ("views", Value::Int(2))]);
    let moment = Moment { other: Some(&other), ..moment(&network, &batch) };
    let step = mixed.objective.step(&moment).unwrap();
    assert_eq!(step.logits.size(), [12, 5]);
    compare(&step, &network, "mixed");
    close(&named(network.flat(), &network, true), "mixed.running", 1e-6);
}
