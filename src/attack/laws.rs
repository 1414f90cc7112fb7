//! Laws that every attacker obeys.

use super::{ATTACKS, Attacker, Build, Perturbation, Target, Victim};
use crate::context::Context;
use crate::error::Result;
use crate::model::{MODELS, Model, ModelSpec, Network};
use crate::registry::{Args, Entry, Kind as Takes, Param, Value};
use crate::seed::Stream;
use crate::threat_model::{Norm, THREAT_MODELS, ThreatModel};
use std::cell::Cell;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};

/// The attacker `name`, around pgd where it needs another; options that it does not have fall away.
pub(super) fn attacker(name: &str, options: &[(&str, Value)]) -> Attacker {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == name).unwrap();
    match entry.spec.required_inputs() {
        0 => built(entry, Vec::new(), options),
        _ => with(name, &attacker("pgd", options), options),
    }
}

/// The attacker `name` around `inner`.
pub(super) fn with(name: &str, inner: &Attacker, options: &[(&str, Value)]) -> Attacker {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == name).unwrap();
    let input = |input: &Param| match input.kind {
        Takes::Handle("model") => Value::Handle(Rc::new(frozen().0)),
        _ => Value::Handle(Rc::new(inner.clone())),
    };
    let required = &entry.spec.inputs[..entry.spec.required_inputs().max(1)];
    built(entry, required.iter().map(input).collect(), options)
}

/// A model for attacks that have one of their own, and the session it is of.
pub(super) fn frozen() -> (Model, Context) {
    let (_, context) = super::invert::laws::context();
    (Model::new(small()), context)
}

fn built(entry: &'static Entry<Build>, inputs: Vec<Value>, options: &[(&str, Value)]) -> Attacker {
    let known = |key: &str| entry.spec.params.iter().any(|param| param.name == key);
    let fitting = options.iter().filter(|(key, _)| known(key));
    let given = fitting.map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let args = Args::resolve(&entry.spec, inputs, given).unwrap();
    let attacker = Attacker::build(entry, &args).unwrap();
    if asks_another(&attacker) {
        attacker.attack.enter(&frozen().1);
    }
    attacker
}

/// Every attacker in all of its norms, from every start, with few steps; of strength `eps`, be it a
/// radius or another measure that is zero for no perturbation.
fn all(eps: f64) -> Vec<Attacker> {
    let fixed = [
        ("eps", Value::Float(eps)),
        ("sigma", Value::Float(eps)),
        ("fraction", Value::Float(eps.min(1.0))),
        ("steps", Value::Int(5)),
        ("queries", Value::Int(20)),
        ("searches", Value::Int(3)),
    ];
    let mut attackers = Vec::new();
    for entry in ATTACKS {
        let param = |key: &str| entry.spec.params.iter().find(|param| param.name == key);
        let inner = entry.spec.required_inputs() > 0;
        let mut variants = vec![fixed.to_vec()];
        for key in ["norm", "random_start", "clamp", "renorm"] {
            let values: Vec<Value> = match param(key).map(|param| param.kind) {
                Some(Takes::Choice(words)) => words.iter().map(|word| (*word).into()).collect(),
                Some(Takes::Bool) => vec![Value::Bool(false), Value::Bool(true)],
                _ if key == "norm" && inner => vec!["l2".into(), "linf".into(), "l1".into()],
                _ => continue,
            };
            let with = |value: &Value, variant: &Vec<_>| {
                [variant.as_slice(), &[(key, value.clone())]].concat()
            };
            variants =
                values.iter().flat_map(|v| variants.iter().map(move |o| with(v, o))).collect();
        }
        for options in variants {
            let attacker = attacker(entry.spec.name, &options);
            let bounded = param("eps").is_some() || inner;
            assert_eq!(attacker.attack.ball().eps.is_finite(), bounded, "{}", attacker.label);
            attackers.push(attacker);
        }
    }
    attackers.push(with("worst_of_noise", &attacker("gaussian", &fixed), &[]));
    for norm in ["l2", "linf", "l1"] {
        let options = [
            ("norm", norm.into()),
            ("eps", Value::Float(eps)),
            ("steps", Value::Int(5)),
            ("target", "none".into()),
            ("shrink", Value::Bool(true)),
        ];
        attackers.extend(["apgd", "fab"].map(|name| attacker(name, &options)));
    }
    attackers
}

/// Whether it climbs however far eps is, rather than stop at a misclassification.
fn fills_its_ball(attacker: &Attacker) -> bool {
    let searching =
        ["apgd", "auto_attack", "carlini_wagner", "deepfool", "fab", "minimal", "square"];
    !searching.iter().any(|name| attacker.label.starts_with(name))
}

/// Whether it asks a model of its own instead of the target's.
fn asks_another(attacker: &Attacker) -> bool {
    attacker.label.starts_with("transferred")
}

fn small() -> ModelSpec {
    let entry = MODELS.iter().find(|entry| entry.spec.name == "resnet8").unwrap();
    let options = vec![("size".to_owned(), Value::Int(12))];
    (entry.build)(&Args::resolve(&entry.spec, vec![], options).unwrap()).unwrap()
}

pub(super) fn network() -> Network {
    Network::new(&small().architecture, 10, Stream::new(1, "init"), Device::Cpu).unwrap()
}

/// Nine images, among them pixels at both ends of the range; two are misclassified.
pub(super) fn images() -> (Tensor, Tensor) {
    let mut generator = Stream::new(2, "images").generator();
    let pixels: Vec<f32> =
        (0..9 * 144).map(|_| (1.4 * generator.uniform() - 0.2).clamp(0.0, 1.0)).collect();
    let x = Tensor::from_slice(&pixels).view([9, 1, 12, 12]);
    let y = network().folded().unwrap().logits(&x).unwrap().argmax(1, false);
    let wrong = Tensor::from_slice(&[0i64, 0, 0, 1, 0, 0, 0, 0, 1]);
    (x, (y + wrong).remainder(10))
}

pub(super) fn run(
    attacker: &Attacker,
    model: &dyn Victim,
    (x, y): &(Tensor, Tensor),
    seed: i64,
) -> Perturbation {
    let ids: Vec<u64> = (0..x.size()[0] as u64).map(|id| 100 + 7 * id).collect();
    let target = Target { model, x, y, ids: &ids, stream: Stream::new(seed, "attack"), eps: None };
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
                Norm::L1 => delta.abs().sum_dim_intlist([1i64].as_slice(), false, Kind::Double),
                Norm::L2 => delta.norm_scalaropt_dim(2.0, [1], false),
                Norm::Linf => delta.abs().amax([1], false),
            };
            let (label, longest) = (attacker.label.clone(), norms.max().double_value(&[]));
            // The sum of the roundings of all pixels.
            let rounding = if attacker.attack.ball().norm == Norm::L1 { 4e-6 } else { 1e-7 };
            let radius = attacker.attack.ball().eps;
            assert!(radius == eps || radius.is_infinite(), "{label}: {radius}");
            assert!(longest <= radius * (1.0 + 1e-6) + rounding, "{label}: {longest} > {eps}");
            if fills_its_ball(&attacker) {
                // The range of pixels is one wide, whatever eps is.
                assert!(longest > 0.1 * eps.min(1.0), "{label} does nothing: {longest} of {eps}");
            } else if eps > 1.0 {
                assert!(longest > 0.0, "{label} finds nothing");
            }
            let low = found.adversarial.min().double_value(&[]);
            let high = found.adversarial.max().double_value(&[]);
            // Many pixels lie at an end: what may leave the range does.
            assert_eq!(low >= 0.0 && high <= 1.0, attacker.attack.in_box(), "{label}");
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

/// A smooth network in f64, where rounding flips no sign: tanh between two linear maps.
struct Smooth(Tensor, Tensor);

impl Smooth {
    fn drawn() -> Self {
        let mut generator = Stream::new(8, "smooth").generator();
        let mut normals = |count: usize, scale: f64| -> Tensor {
            let values: Vec<f64> =
                (0..count).map(|_| scale * f64::from(generator.normal())).collect();
            Tensor::from_slice(&values)
        };
        Self(normals(144 * 16, 0.1).view([144, 16]), normals(160, 1.0).view([16, 10]))
    }
}

impl Victim for Smooth {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_flatten(1, -1)?.f_matmul(&self.0)?.f_tanh()?.f_matmul(&self.1)?)
    }
}

/// With one radius for all and with one for each image.
#[test]
fn a_split_batch_equals_the_whole_batch() {
    let model = Smooth::drawn();
    let x = images().0.to_kind(Kind::Double);
    let y = model.logits(&x).unwrap().argmax(1, false);
    let radii = Tensor::arange(9, (Kind::Double, Device::Cpu)) * 0.1;
    let by_image = |attacker: &Attacker| attacker.attack.per_example() && !asks_another(attacker);
    for attacker in all(0.5).into_iter().filter(by_image) {
        let bounded = attacker.attack.ball().eps.is_finite();
        for each in if bounded { &[false, true][..] } else { &[false] } {
            let stream = Stream::new(0, "attack");
            let ids: Vec<u64> = (20..29).collect();
            let part = |from: usize, length: usize| {
                let row = |of: &Tensor| of.narrow(0, from as i64, length as i64);
                let (x, y, eps) = (row(&x), row(&y), each.then(|| row(&radii)));
                let ids = &ids[from..from + length];
                let target = Target { model: &model, x: &x, y: &y, ids, stream, eps };
                attacker.attack.perturb(&target).unwrap().adversarial
            };
            let (whole, label) = (part(0, 9), &attacker.label);
            let split = Tensor::cat(&[part(0, 2), part(2, 7)], 0);
            let distance = (&whole - split).abs().max().double_value(&[]);
            assert!(distance < 1e-6, "{label}: {distance:e}");
            let norms = attacker.attack.ball().norms(&(&whole - &x)).unwrap();
            let limit =
                if *each { &radii * 1.0 } else { norms.full_like(attacker.attack.ball().eps) };
            assert!((norms - limit).max().double_value(&[]) < 1e-5, "{label}");
        }
    }
}

/// Counts the images that pass forward, and those among them that keep a graph for backward.
struct Counting<'a>(&'a dyn Victim, Cell<(i64, i64)>);

impl Victim for Counting<'_> {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        let (forwards, backwards) = self.1.get();
        let count = x.size()[0];
        self.1.set((forwards + count, backwards + if x.requires_grad() { count } else { 0 }));
        self.0.logits(x)
    }
}

#[test]
fn an_attack_costs_what_it_says_or_less_where_images_drop_out() {
    let (folded, batch) = (network().folded().unwrap(), images());
    for attacker in all(0.5) {
        let counting = Counting(&folded, Cell::new((0, 0)));
        let _ = run(&attacker, &counting, &batch, 0);
        let ((forwards, backwards), cost) = (counting.1.get(), attacker.attack.cost(10));
        let (found, said) = ((forwards, backwards), (9 * cost.forwards, 9 * cost.backwards));
        let label = &attacker.label;
        if asks_another(&attacker) {
            assert_eq!(found, (0, 0), "{label}");
            continue;
        }
        if fills_its_ball(&attacker) || label == "carlini_wagner" {
            assert_eq!(found, said, "{label}");
        }
        assert!(found.0 <= said.0 && found.1 <= said.1, "{label}: {found:?} > {said:?}");
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

/// A model that has diverged.
struct Diverged;

impl Victim for Diverged {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        Ok((x.f_flatten(1, -1)?.f_narrow(1, 0, 2)? * f64::NAN).f_add_scalar(0.0)?)
    }
}

#[test]
fn a_loss_that_is_not_finite_is_an_error() {
    let (_, (x, y)) = super::linear::linear();
    for name in ["pgd", "worst_of_noise"] {
        let stream = Stream::new(0, "attack");
        let target = Target { model: &Diverged, x: &x, y: &y, ids: &[0, 1], stream, eps: None };
        let error = attacker(name, &[]).attack.perturb(&target).err().unwrap();
        assert_eq!(error.to_string(), format!("{name}: loss is not finite"));
    }
}

#[test]
fn a_threat_model_stands_for_norm_and_eps() {
    let spec = |name: &str| THREAT_MODELS.iter().find(|spec| spec.name == name).unwrap();
    let ball = |name: &str| {
        let args = Args::resolve(spec(name), vec![0.25.into()], vec![]).unwrap();
        ("threat_model".to_owned(), Value::Handle(Rc::new(ThreatModel::build(&args).unwrap())))
    };
    for entry in ATTACKS {
        let option = |key: &str| entry.spec.params.iter().find(|param| param.name == key);
        if option("eps").is_none() {
            continue;
        }
        let with = |options: Vec<(String, Value)>| {
            Attacker::build(entry, &Args::resolve(&entry.spec, vec![], options).unwrap())
        };
        let own = with(vec![]).unwrap().attack.ball().norm.name();
        let words = match option("norm").map(|param| param.kind) {
            Some(Takes::Choice(words)) => words,
            _ => &[own],
        };
        for norm in ["l2", "linf", "l1"] {
            let made = with(vec![ball(norm)]);
            if !words.contains(&norm) {
                let error = made.err().unwrap();
                assert_eq!(error.key(), Some("threat_model"), "{}: {error}", entry.spec.name);
                continue;
            }
            let eps = ("eps".to_owned(), Value::Float(0.25));
            let mut options = vec![eps.clone()];
            options.extend(option("norm").map(|_| ("norm".to_owned(), norm.into())));
            let (made, usual) = (made.unwrap(), with(options).unwrap());
            assert_eq!(made.lineage.address(), usual.lineage.address(), "{}", made.label);
            assert_eq!(made.attack.ball(), usual.attack.ball());
            let error = with(vec![ball(norm), eps]).err().unwrap().to_string();
            assert!(error.ends_with("found threat_model and eps"), "{error}");
        }
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
