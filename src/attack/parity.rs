//! Parity with PyTorch and the semantics of MadryLab/robustness: `tests/parity/resnet8.py`.

use super::{ATTACKS, Attacker, Target};
use crate::checkpoint;
use crate::model::{Draws, MODELS, Network};
use crate::registry::{Args, Value};
use crate::seed::Stream;
use crate::torch::optimizer::{Sgd, sgd_step};
use tch::{Device, Reduction, Tensor};

const BATCH: i64 = 6;

/// Numbers in [0,1) that depend on `index` only, as the script makes them.
pub fn hashed(index: u64, shape: &[i64]) -> Tensor {
    let count: i64 = shape.iter().product();
    let values: Vec<f32> = (1..=count as u64)
        .map(|place| {
            let mut z = (place + index * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
        })
        .collect();
    Tensor::from_slice(&values).view(shape)
}

/// The network of the script, with its state.
pub fn network() -> Network {
    let entry = MODELS.iter().find(|entry| entry.spec.name == "resnet8").unwrap();
    let options = [("channels", 3), ("size", 8), ("classes", 5)]
        .map(|(key, value)| (key.to_owned(), Value::Int(value)));
    let args = Args::resolve(&entry.spec, vec![], options.to_vec()).unwrap();
    let spec = (entry.build)(&args).unwrap();
    let stream = Stream::new(0, "init");
    let network = Network::new(&spec.architecture, spec.classes, stream, Device::Cpu).unwrap();
    let mut state = network.state().unwrap();
    for (index, (name, tensor)) in state.iter_mut().enumerate() {
        let (u, shape) = (hashed(index as u64, &tensor.size()), tensor.size());
        *tensor = if shape.len() > 1 {
            let fan_in: i64 = shape[1..].iter().product();
            (u - 0.5) * f64::from((12.0 / fan_in as f64).sqrt() as f32)
        } else if name.ends_with("running_mean") || name.ends_with("bias") {
            u - 0.5
        } else {
            u + 0.5
        };
    }
    network.load_state(&state).unwrap();
    network
}

/// The images of the script and their classes.
pub fn images() -> (Tensor, Tensor) {
    (hashed(1000, &[BATCH, 3, 8, 8]), Tensor::from_slice(&[0i64, 1, 2, 3, 4, 0]))
}

fn expected(name: &str) -> Tensor {
    let bytes = include_bytes!("../../tests/parity/resnet8.safetensors");
    let found = checkpoint::decode(bytes).unwrap().into_iter().find(|(known, _)| known == name);
    found.unwrap().1
}

fn distance(found: &Tensor, name: &str) -> f64 {
    (found - expected(name)).abs().max().double_value(&[])
}

fn adversarial(options: &[(&str, Value)]) -> Tensor {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == "pgd").unwrap();
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let pgd =
        Attacker::build(entry, &Args::resolve(&entry.spec, vec![], options).unwrap()).unwrap();
    let (x, y) = images();
    let ids: Vec<u64> = (0..BATCH as u64).collect();
    let folded = network().folded().unwrap();
    let target = Target {
        model: &folded,
        x: &x,
        y: &y,
        ids: &ids,
        stream: Stream::new(0, "attack"),
        eps: None,
    };
    pgd.attack.perturb(&target).unwrap().adversarial
}

#[test]
fn folded_and_unfolded_logits_equal_torchvisions() {
    let (network, (x, _)) = (network(), images());
    assert!(distance(&network.eval_logits(&x).unwrap(), "logits") < 1e-5);
    assert!(distance(&network.folded().unwrap().logits(&x).unwrap(), "logits") < 1e-5);
}

#[test]
fn pgd_equals_the_reference_in_both_norms_and_for_both_iterates() {
    let text = |value: &str| Value::Text(value.to_owned());
    for (norm, eps, step_size) in [("l2", 0.5, 1.0 / 3.0), ("linf", 0.03, 0.02)] {
        for keep in ["best", "last"] {
            let found = adversarial(&[
                ("norm", text(norm)),
                ("keep", text(keep)),
                ("eps", Value::Float(eps)),
                ("step_size", Value::Float(step_size)),
            ]);
            let distance = distance(&found, &format!("pgd.{norm}.{keep}"));
            assert!(distance < 1e-5, "{norm} {keep}: {distance:e}");
        }
    }
}

#[test]
fn the_best_iterate_equals_the_references_where_steps_overshoot() {
    let options = |keep: &str| {
        [
            ("eps", Value::Float(2.0)),
            ("steps", Value::Int(5)),
            ("step_size", Value::Float(8.0)),
            ("keep", Value::Text(keep.to_owned())),
        ]
    };
    assert!(distance(&adversarial(&options("best")), "pgd.l2.overshoot") < 1e-5);
    assert!(distance(&adversarial(&options("last")), "pgd.l2.overshoot") > 0.01);
}

#[test]
fn three_updates_equal_pytorchs() {
    let (network, (x, y)) = (network(), images());
    let buffer = network.flat().zeros_like();
    let settings = Sgd { lr: 0.1, momentum: 0.9, weight_decay: 5e-4, nesterov: false };
    let mut losses = Vec::new();
    for _ in 0..3 {
        let logits =
            network.train_logits(&x, Draws { stream: Stream::new(0, "train"), ids: &[] }).unwrap();
        let loss = logits.cross_entropy_loss::<Tensor>(&y, None, Reduction::Mean, -100, 0.0);
        let gradient = network.gradient(&loss).unwrap();
        sgd_step(network.flat(), &gradient, &buffer, &settings).unwrap();
        losses.push(loss.double_value(&[]) as f32);
    }
    assert!(distance(&Tensor::from_slice(&losses), "train.losses") < 1e-5);
    let mut compared = 0;
    for (name, tensor) in network.state().unwrap() {
        if tensor.numel() < 3000 {
            let distance = distance(&tensor, &format!("train.{name}"));
            assert!(distance < 1e-4, "{name}: {distance:e}");
            compared += 1;
        }
    }
    assert!(compared > 30);
}
