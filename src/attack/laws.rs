//! Laws that every attacker obeys, and closed forms on linear models.

use super::{ATTACKS, Attacker, Perturbation, Target, Victim};
use crate::error::Result;
use crate::model::{MODELS, Network};
use crate::registry::{Args, Kind as Takes, Value};
use crate::seed::Stream;
use crate::threat_model::Norm;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};

fn attacker(name: &str, options: &[(&str, Value)]) -> Attacker {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == name).unwrap();
    let given = |options: &[(&str, Value)]| -> Vec<(String, Value)> {
        let known = |key: &str| entry.spec.params.iter().any(|param| param.name == key);
        let fitting = options.iter().filter(|(key, _)| known(key));
        fitting.map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    };
    let inputs = entry.spec.inputs.iter().map(|input| match input.kind {
        Takes::Handle("attack") => Value::Handle(Rc::new(attacker("pgd", options))),
        other => panic!("no value for an input of kind {other:?}"),
    });
    let args = Args::resolve(&entry.spec, inputs.collect(), given(options)).unwrap();
    Attacker::build(entry, &args).unwrap()
}

/// Every attacker in both norms, with and without a random start.
fn all(eps: f64) -> Vec<Attacker> {
    let mut attackers = Vec::new();
    for entry in ATTACKS {
        for (norm, random_start) in [("l2", false), ("l2", true), ("linf", false), ("linf", true)] {
            let norm = Value::Text(norm.to_owned());
            let start = Value::Bool(random_start);
            let options = [("norm", norm), ("eps", Value::Float(eps)), ("random_start", start)];
            attackers.push(attacker(entry.spec.name, &options));
        }
    }
    attackers
}

fn network() -> Network {
    let entry = MODELS.iter().find(|entry| entry.spec.name == "resnet8").unwrap();
    let options = vec![("size".to_owned(), Value::Int(12))];
    let spec = (entry.build)(&Args::resolve(&entry.spec, vec![], options).unwrap()).unwrap();
    Network::new(&spec.architecture, 10, Stream::new(1, "init"), Device::Cpu).unwrap()
}

/// Nine images, among them pixels at both ends of the range, and their classes.
fn images() -> (Tensor, Tensor) {
    let mut generator = Stream::new(2, "images").generator();
    let pixels: Vec<f32> =
        (0..9 * 144).map(|_| (1.4 * generator.uniform() - 0.2).clamp(0.0, 1.0)).collect();
    let y = Tensor::arange(9, (Kind::Int64, Device::Cpu));
    (Tensor::from_slice(&pixels).view([9, 1, 12, 12]), y)
}

fn run(
    attacker: &Attacker,
    model: &dyn Victim,
    (x, y): &(Tensor, Tensor),
    seed: i64,
) -> Perturbation {
    let ids: Vec<u64> = (0..x.size()[0] as u64).map(|id| 100 + 7 * id).collect();
    let target = Target { model, x, y, ids: &ids, stream: Stream::new(seed, "attack") };
    attacker.attack.perturb(&target).unwrap()
}

#[test]
fn an_attack_stays_in_its_ball_and_among_images() {
    let (folded, batch) = (network().folded().unwrap(), images());
    for eps in [0.01, 0.3, 5.0] {
        for attacker in all(eps) {
            let found = run(&attacker, &folded, &batch, 0);
            let delta = (&found.adversarial - &batch.0).to_kind(Kind::Double).view([9, -1]);
            let norms = match attacker.attack.ball().norm {
                Norm::L2 => delta.norm_scalaropt_dim(2.0, [1], false),
                Norm::Linf => delta.abs().amax([1], false),
            };
            let (label, longest) = (attacker.label.clone(), norms.max().double_value(&[]));
            assert!(longest <= eps * (1.0 + 1e-6) + 1e-7, "{label}: {longest} > {eps}");
            assert!(longest > 0.1 * eps, "{label} does nothing: {longest} of {eps}");
            assert!(found.adversarial.min().double_value(&[]) >= 0.0, "{label}");
            assert!(found.adversarial.max().double_value(&[]) <= 1.0, "{label}");
            assert_eq!(found.delta, &found.adversarial - &batch.0);
            assert!((found.norms - norms).abs().max().double_value(&[]) < 1e-6 * (1.0 + eps));
            assert!(!found.adversarial.requires_grad());
        }
    }
}

#[test]
fn eps_zero_is_the_identity() {
    let (folded, batch) = (network().folded().unwrap(), images());
    for attacker in all(0.0) {
        assert_eq!(run(&attacker, &folded, &batch, 0).adversarial, batch.0, "{}", attacker.label);
    }
}

#[test]
fn a_seed_repeats_every_byte_and_another_does_not() {
    let (folded, batch) = (network().folded().unwrap(), images());
    for attacker in all(0.5) {
        let first = run(&attacker, &folded, &batch, 3).adversarial;
        assert_eq!(first, run(&attacker, &folded, &batch, 3).adversarial, "{}", attacker.label);
    }
    let noise = attacker("gaussian_noise", &[]);
    let draw = |seed| run(&noise, &folded, &batch, seed).adversarial;
    assert_ne!(draw(3), draw(4));
}

/// To a tolerance, since libtorch's kernels round differently for another batch size.
#[test]
fn a_split_batch_equals_the_whole_batch() {
    let (folded, (x, y)) = (network().folded().unwrap(), images());
    for attacker in all(0.5).into_iter().filter(|attacker| attacker.attack.per_example()) {
        let stream = Stream::new(0, "attack");
        let ids: Vec<u64> = (20..29).collect();
        let part = |from: usize, length: usize| {
            let (start, size) = (from as i64, length as i64);
            let (x, y) = (x.narrow(0, start, size), y.narrow(0, start, size));
            let ids = &ids[from..from + length];
            let target = Target { model: &folded, x: &x, y: &y, ids, stream };
            attacker.attack.perturb(&target).unwrap().adversarial
        };
        let split = Tensor::cat(&[part(0, 2), part(2, 7)], 0);
        let distance = (part(0, 9) - split).abs().max().double_value(&[]);
        assert!(distance < 1e-4, "{}: {distance:e}", attacker.label);
    }
}

#[test]
fn an_attack_leaves_the_model_untouched() {
    let (network, batch) = (network(), images());
    let folded = network.folded().unwrap();
    let (state, logits) = (network.state().unwrap(), folded.logits(&batch.0).unwrap());
    for attacker in all(0.5) {
        let _ = run(&attacker, &folded, &batch, 0);
    }
    assert_eq!(logits, folded.logits(&batch.0).unwrap());
    for ((name, before), (_, after)) in state.iter().zip(network.state().unwrap()) {
        assert_eq!(*before, after, "{name}");
    }
}

/// Two classes with logits 0 and w . x.
struct Linear(Tensor);

impl Victim for Linear {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let score = x.f_flatten(1, -1)?.f_matmul(&self.0)?;
        Ok(Tensor::f_stack(&[&score.f_zeros_like()?, &score], 1)?)
    }
}

fn linear() -> (Linear, (Tensor, Tensor)) {
    let mut generator = Stream::new(5, "linear").generator();
    let weights: Vec<f32> = (0..12).map(|_| generator.normal()).collect();
    let x = Tensor::full([2, 1, 3, 4], 0.5, (Kind::Float, Device::Cpu));
    (Linear(Tensor::from_slice(&weights)), (x, Tensor::from_slice(&[0i64, 1])))
}

#[test]
fn pgd_reaches_the_optimum_of_a_linear_model() {
    let (model, batch) = linear();
    let signs = Tensor::from_slice(&[1f32, -1.0]).view([2, 1, 1, 1]);
    for (norm, direction) in [("l2", &model.0 / model.0.norm()), ("linf", model.0.sign())] {
        let options = [("norm", Value::Text(norm.to_owned())), ("eps", Value::Float(0.3))];
        let found = run(&attacker("pgd", &options), &model, &batch, 0);
        let optimum = &batch.0 + direction.view([1, 1, 3, 4]) * &signs * 0.3;
        assert!((found.adversarial - optimum).abs().max().double_value(&[]) < 1e-6, "{norm}");
    }
}

#[test]
fn one_step_of_pgd_has_the_length_of_its_step() {
    let (model, batch) = linear();
    let options = [("steps", Value::Int(1)), ("eps", Value::Float(0.3))];
    let norms = run(&attacker("pgd", &options), &model, &batch, 0).norms;
    assert!((norms - 0.2).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn noise_has_the_norm_it_is_asked_for_unless_clipped() {
    let (model, batch) = linear();
    let norms = run(&attacker("gaussian_noise", &[("eps", Value::Float(0.3))]), &model, &batch, 0);
    assert!((norms.norms - 0.3).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn more_tries_give_no_lower_loss() {
    let (model, batch) = linear();
    let score = |tries| {
        let options = [("tries", Value::Int(tries)), ("eps", Value::Float(0.3))];
        let x = run(&attacker("worst_of_noise", &options), &model, &batch, 0).adversarial;
        model.logits(&x).unwrap().narrow(1, 1, 1).narrow(0, 0, 1).double_value(&[0, 0])
    };
    let scores: Vec<f64> = [1, 2, 4, 16].into_iter().map(score).collect();
    assert!(scores.is_sorted(), "{scores:?}");
    assert!(scores[3] > scores[0], "{scores:?}");
}

/// A model that has diverged.
struct Diverged;

impl Victim for Diverged {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        Ok((x.f_flatten(1, -1)?.f_narrow(1, 0, 2)? * f64::NAN).f_add_scalar(0.0)?)
    }
}

#[test]
fn a_loss_that_is_not_finite_is_an_error() {
    let (_, (x, y)) = linear();
    for name in ["pgd", "worst_of_noise"] {
        let stream = Stream::new(0, "attack");
        let target = Target { model: &Diverged, x: &x, y: &y, ids: &[0, 1], stream };
        let error = attacker(name, &[]).attack.perturb(&target).err().unwrap();
        assert_eq!(error.to_string(), format!("{name}: loss is not finite"));
    }
}

#[test]
fn a_label_names_the_attack_inside_unless_a_name_is_given() {
    assert_eq!(attacker("shuffled", &[]).label, "shuffled(pgd)");
    let named = attacker("shuffled", &[("name", Value::Text("mixed".to_owned()))]);
    assert_eq!(named.label, "mixed");
    let unnamed = attacker("shuffled", &[]);
    assert_ne!(named.lineage.address(), attacker("pgd", &[]).lineage.address());
    assert_eq!(named.lineage.address(), unnamed.lineage.address());
}
