//! Closed forms and laws of objectives.

use super::parity::{arm, batch, moment};
use super::*;
use crate::attack::parity::network;
use crate::dataset::laws::{built_named, context};
use crate::loader::{self, Feed};
use crate::model::tests::spec;
use crate::model::{Model, Precision};
use crate::registry::Value;
use crate::train::laws::{Lab, Trainee};
use crate::train::{Spent, Status, TRAIN, TrainReport, Trained, overfit, train};
use crate::transform::{TRANSFORMS, Transform};
use std::cell::RefCell;
use tch::Kind as Type;

fn made(name: &str, options: &[(&str, Value)]) -> Arm {
    arm(name, Vec::new(), options)
}

fn held(arm: Arm) -> Value {
    Value::Handle(Rc::new(arm))
}

fn clean() -> Arm {
    Arm::clean().unwrap()
}

fn perturbed() -> Arm {
    arm("perturbed", vec![Trainee::pgd()], &[])
}

fn mixed(a: Arm, b: Arm, options: &[(&str, Value)]) -> Arm {
    arm("mixed", vec![held(a), held(b)], options)
}

fn small() -> Model {
    let options = [("width", 4), ("size", 8), ("channels", 1), ("classes", 10)];
    Model::new(spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value)))))
}

fn recipe(epochs: i64, lr: f64, more: &[(&str, Value)]) -> Vec<(String, Value)> {
    let base = [
        ("epochs", Value::Int(epochs)),
        ("batch_size", Value::Int(12)),
        ("lr", Value::Float(lr)),
        ("schedule", "constant".into()),
    ];
    let all = base.iter().chain(more);
    all.map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

fn trained(lab: &Lab, arm: Arm, options: &[(String, Value)]) -> TrainReport {
    lab.train(&[Trainee { model: small(), arm }], options).unwrap().remove(0)
}

/// The results and the weights, whatever they were asked for.
fn outcomes(lab: &Lab) -> Vec<Vec<u8>> {
    let files = lab.everything().into_iter();
    files
        .filter(|(name, _)| name.ends_with("weights.safetensors"))
        .map(|(_, bytes)| bytes)
        .collect()
}

fn same(a: &Tensor, b: &Tensor) -> bool {
    a.f_equal(b).unwrap()
}

#[test]
fn trades_in_a_ball_of_zero_is_cross_entropy() {
    let (network, batch) = (network(), batch());
    let moment = moment(&network, &batch);
    let expected = clean().objective.step(&moment).unwrap().loss;
    for norm in ["linf", "l2"] {
        let options = [("norm", norm.into()), ("eps", Value::Float(0.0)), ("steps", Value::Int(2))];
        let step = made("trades", &options).objective.step(&moment).unwrap();
        assert_eq!(step.loss, expected, "{norm}");
        assert!(same(&step.perturbation.unwrap().adversarial, &batch.x), "{norm}");
    }
}

#[test]
fn trades_moves_on_where_there_is_no_gradient() {
    let (network, batch) = (network(), batch());
    let head = network.state().unwrap().into_iter();
    let state: Vec<_> = head
        .map(|(name, tensor)| {
            let tensor = if name.starts_with("fc.") { tensor.zeros_like() } else { tensor };
            (name, tensor)
        })
        .collect();
    network.load_state(&state).unwrap();
    let options = [("norm", "l2".into()), ("steps", Value::Int(1))];
    let trades = made("trades", &options).objective;
    let norms = trades.step(&moment(&network, &batch)).unwrap().perturbation.unwrap().norms;
    assert!((norms - 0.5).abs().max().double_value(&[]) < 1e-5);
}

#[test]
fn a_mixture_of_an_objective_with_itself_is_the_objective() {
    let (network, batch) = (network(), batch());
    let moment = moment(&network, &batch);
    let expected = clean().objective.step(&moment).unwrap().loss;
    for ratio in [0.0, 0.3, 1.0] {
        let mixed = mixed(clean(), clean(), &[("ratio", Value::Float(ratio))]);
        assert_eq!(mixed.objective.step(&moment).unwrap().loss, expected);
    }
    let pgd = perturbed().objective.step(&moment).unwrap().loss.double_value(&[]);
    let step = mixed(clean(), perturbed(), &[]).objective.step(&moment).unwrap();
    let found = step.loss.double_value(&[]);
    // The second objective has draws of its own.
    assert!((found - (pgd + expected.double_value(&[])) / 2.0).abs() < 0.02 * pgd);
    assert!(step.perturbation.is_some());
}

#[test]
fn free_training_in_a_ball_of_zero_is_clean_training_bit_for_bit() {
    let zero = [("eps", Value::Float(0.0)), ("replays", Value::Int(1))];
    let (one, other) = (Lab::new(), Lab::new());
    let free = trained(&one, made("free", &zero), &recipe(2, 0.01, &[]));
    let clean = trained(&other, clean(), &recipe(2, 0.01, &[]));
    let curve = |report: &TrainReport| -> Vec<(f64, f64)> {
        report.trained.curve.iter().map(|point| (point.loss, point.accuracy)).collect()
    };
    assert_eq!(curve(&free), curve(&clean));
    assert!(outcomes(&one).len() == 1 && outcomes(&one) == outcomes(&other));
}

#[test]
fn the_carried_perturbation_keeps_rows_that_a_batch_lacks_and_grows() {
    let network = network();
    let free = made("free", &[("eps", Value::Float(0.02))]).objective;
    let carry = |rows: i64, carried: Option<&Tensor>| {
        let batch = batch();
        let x = Tensor::cat(&[&batch.x, &batch.x], 0).narrow(0, 0, rows);
        let y = Tensor::cat(&[&batch.y, &batch.y], 0).narrow(0, 0, rows);
        let batch = Batch { x, y, ids: (0..rows as u64).collect() };
        let moment = Moment { carried, ..moment(&network, &batch) };
        let step = free.step(&moment).unwrap();
        let (_, leaf) = network.gradients(&step.loss, step.leaf.as_ref()).unwrap();
        free.carry(&step, &leaf.unwrap()).unwrap()
    };
    let first = carry(6, None);
    assert_eq!(first.abs().max().double_value(&[]), f64::from(0.02f32));
    let second = carry(4, Some(&first));
    assert!(same(&second.narrow(0, 4, 2), &first.narrow(0, 4, 2)));
    assert!(!same(&second.narrow(0, 0, 4), &first.narrow(0, 0, 4)));
    let third = carry(7, Some(&second));
    assert_eq!(third.size(), [7, 3, 8, 8]);
    assert!(third.narrow(0, 6, 1).abs().max().double_value(&[]) > 0.01);
}

#[test]
fn the_norm_of_a_gradient_is_differentiated_in_bf16_and_through_every_layer() {
    let batch = batch();
    let objective = made("grad_norm", &[]).objective;
    let gradient = |network: &Network| {
        let step = objective.step(&moment(network, &batch)).unwrap();
        network.gradient(&step.loss).unwrap().to_kind(Type::Double)
    };
    let exact = gradient(&network());
    let rough = gradient(&network().at(Precision::Bf16));
    let cosine = exact.dot(&rough) / (exact.norm() * rough.norm());
    assert!(cosine.double_value(&[]) > 0.95, "{cosine:?}");
    // Grouped convolutions, ReLU6 and dropout.
    let other = spec("mobilenet_v2", &[("size", Value::Int(32)), ("classes", Value::Int(5))]);
    let other = Network::new(&other.architecture, 5, Stream::new(0, "init"), tch::Device::Cpu);
    let x = batch.x.upsample_nearest2d([32, 32], None, None);
    let batch = Batch { x, y: batch.y.copy(), ids: batch.ids.clone() };
    let network = other.unwrap();
    let step = objective.step(&moment(&network, &batch)).unwrap();
    let gradient = network.gradient(&step.loss).unwrap();
    assert!(gradient.norm().double_value(&[]) > 0.0);
    assert_eq!(gradient.isfinite().all().int64_value(&[]), 1);
}

#[test]
fn what_an_objective_spends_is_what_its_budget_matches() {
    let lab = Lab::new();
    let spent = |arm: Arm, epochs| trained(&lab, arm, &recipe(epochs, 0.01, &[])).trained.spent;
    let trades = || made("trades", &[("steps", Value::Int(3))]);
    let found = spent(trades(), 3);
    assert_eq!((found.updates, found.images, found.distinct_inputs), (15, 360, 60 + 180));
    assert_eq!((found.forwards, found.backwards), (6 * 180, 5 * 180));
    let matched = |arm: Arm, unit: &str, epochs| -> Spent {
        let options = [("match_budget", held(arm)), ("unit", unit.into())];
        spent(made("clean", &options), epochs)
    };
    assert_eq!(matched(trades(), "flops", 3).flops, found.flops);
    assert_eq!(matched(trades(), "images", 3).images, found.images);
    assert_eq!(matched(trades(), "updates", 3).updates, found.updates);
    let free = || made("free", &[("replays", Value::Int(2))]);
    let found = spent(free(), 2);
    assert_eq!((found.updates, found.forwards, found.distinct_inputs), (10, 120, 120));
    let passes = |spent: &Spent| spent.forwards + spent.backwards;
    assert_eq!(passes(&matched(free(), "passes", 2)), passes(&found));
    let mixture = || mixed(clean(), perturbed(), &[]);
    let found = spent(mixture(), 1);
    assert_eq!((found.images, found.distinct_inputs), (120, 120));
    assert_eq!(matched(mixture(), "forwards", 1).forwards, found.forwards);
}

#[test]
fn objectives_that_do_not_go_together_are_refused() {
    let refused = |arm: Arm| {
        let Value::Handle(clean) = held(clean()) else { unreachable!() };
        let inputs = vec![Value::Handle(clean), held(arm)];
        let args = Args::resolve(&mixed::ENTRY.spec, inputs, Vec::new()).unwrap();
        Arm::build(&mixed::ENTRY, &args).err().unwrap().to_string()
    };
    for arm in [made("free", &[("replays", Value::Int(1))]), yoked()] {
        assert!(refused(arm).contains("stands alone in each step"));
    }
    let lab = Lab::new();
    let message = |arm: Arm| {
        let trainee = Trainee { model: small(), arm };
        lab.train(&[trainee], &recipe(1, 0.01, &[])).err().unwrap().to_string()
    };
    let budget = made("clean", &[("match_budget", held(perturbed()))]);
    assert!(message(mixed(clean(), budget, &[])).contains("without a budget"));
    let twice = [("views", Value::Int(2))];
    assert!(message(mixed(clean(), clean(), &twice)).contains("drawn at random"));
    let lead = |arm: Arm| {
        let all = [arm, yoked()].map(|arm| Trainee { model: small(), arm });
        lab.train(&all, &recipe(1, 0.01, &[])).err().map(|error| error.to_string())
    };
    assert!(lead(made("fast", &[])).unwrap().contains("lead to the end"));
    assert_eq!(lead(made("fast", &[("guard", Value::Bool(false))])), None);
}

fn yoked() -> Arm {
    arm("yoked", vec!["same".into()], &[])
}

/// Learns, and unlearns in the last quarter of the training.
struct Falling(Attacker);

impl Objective for Falling {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let logits = moment.logits(&moment.batch.x)?;
        let sign = if moment.progress < 0.75 { 1.0 } else { -2.0 };
        Ok(Step::plain(moment.cross_entropy(&logits)? * sign, logits))
    }

    fn passes(&self, _: i64) -> Passes {
        Passes::CLEAN
    }

    fn attack(&self) -> Option<&Attacker> {
        Some(&self.0)
    }

    fn guard(&self) -> Option<&Attacker> {
        Some(&self.0)
    }
}

fn falling() -> Arm {
    let ball = NormBall { norm: Norm::Linf, eps: 0.01 };
    let objective = Rc::new(Falling(overfit::attack("fgsm", &ball, &[]).unwrap()));
    Arm { objective, label: "falling".to_owned(), lineage: clean().lineage() }
}

fn digits(more: &[(&str, Value)]) -> Value {
    let base = [("limit", Value::Int(70)), ("val", Value::Float(0.14))];
    let options: Vec<_> = base.iter().chain(more).cloned().collect();
    Value::Handle(Rc::new(built_named("digits", &options).unwrap()))
}

#[test]
fn a_guard_gives_the_weights_of_the_epoch_before_the_fall() {
    let (context, _folder) = context(None);
    let (model, arm) = (small(), falling());
    let options = recipe(16, 0.05, &[("objective", held(clean()))]);
    let args = Args::resolve(&TRAIN, vec![digits(&[])], options).unwrap();
    let mut weights = Vec::new();
    let mut keep = |_: &crate::train::EpochPoint, model: &Model| {
        weights.push(model.network(&context)?.flat().copy());
        Ok(())
    };
    let report = train(&context, &model, &arm, &args, Some(&mut keep)).unwrap().value;
    assert_eq!(report.trained.status, Status::Overfit);
    let robust: Vec<f64> = report.trained.curve.iter().map(|point| point.guard.unwrap()).collect();
    let falls: Vec<f64> = robust.windows(2).map(|pair| pair[0] - pair[1]).collect();
    let (last, before) = falls.split_last().unwrap();
    assert!(*last > 0.2 && before.iter().all(|fall| *fall <= 0.2), "{robust:?}");
    assert!(weights.len() < 16 && weights.len() == robust.len());
    assert_eq!(report.trained.spent.updates, 5 * weights.len() as u64);
    let network = model.network(&context).unwrap();
    assert!(same(network.flat(), &weights[weights.len() - 2]));
    assert!(!same(network.flat(), &weights[weights.len() - 1]));
    // It tells of the weights that it gives.
    let own = report.trained.weak_attack.unwrap().own;
    assert!(own - robust[robust.len() - 1] > 0.1, "{own}, {robust:?}");
}

/// Stops a training after each of the cuts and lets it go on, in a store of its own each time.
fn resumes(arm: &dyn Fn() -> Arm, options: &[(String, Value)], cuts: &[u64]) -> Trained {
    let lab = Lab::new();
    let whole = trained(&lab, arm(), options).trained;
    for &after in cuts {
        let cut = Lab::new();
        cut.stop_after(after);
        assert!(trained(&cut, arm(), options).interrupted, "not stopped after {after}");
        assert_eq!(trained(&cut, arm(), options).trained, whole, "stopped after {after}");
        assert!(cut.everything() == lab.everything(), "other bits after {after}");
    }
    whole
}

#[test]
fn a_guarded_training_resumes_bit_for_bit() {
    // Stopped within the first epoch, after the last good one, and within that of the fall.
    let whole = resumes(&falling, &recipe(16, 0.05, &[("ema", Value::Float(0.3))]), &[3, 60, 62]);
    assert_eq!((whole.status, whole.curve.len()), (Status::Overfit, 13));
}

#[test]
fn what_is_carried_resumes_bit_for_bit() {
    let free = || made("free", &[("replays", Value::Int(2))]);
    resumes(&free, &recipe(4, 0.01, &[]), &[1, 2, 9, 10, 17]);
    let trades = || made("trades", &[("steps", Value::Int(2))]);
    resumes(&trades, &recipe(2, 0.01, &[]), &[3]);
    resumes(&|| made("grad_norm", &[]), &recipe(2, 0.01, &[]), &[5]);
    resumes(&|| mixed(clean(), perturbed(), &[]), &recipe(2, 0.01, &[]), &[7]);
}

/// Keeps what it sees of each batch.
struct Watching(RefCell<Vec<(Batch, Batch)>>);

impl Objective for Watching {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let copy =
            |batch: &Batch| Batch { x: batch.x.copy(), y: batch.y.copy(), ids: batch.ids.clone() };
        self.0.borrow_mut().push((copy(moment.batch), copy(moment.other.unwrap())));
        let logits = moment.logits(&moment.batch.x)?;
        Ok(Step::plain(moment.cross_entropy(&logits)?, logits))
    }

    fn passes(&self, _: i64) -> Passes {
        Passes::CLEAN
    }

    fn views(&self) -> i64 {
        2
    }
}

#[test]
fn the_second_view_is_another_draw_of_the_same_images() {
    let crop = TRANSFORMS.iter().find(|entry| entry.spec.name == "random_crop").unwrap();
    let options = [("size", Value::Int(8)), ("padding", Value::Int(2))];
    let options = options.map(|(key, value)| (key.to_owned(), value)).to_vec();
    let crop = Transform::build(crop, &Args::resolve(&crop.spec, Vec::new(), options).unwrap());
    let data = digits(&[("train_transform", Value::Handle(Rc::new(crop.unwrap())))]);
    let (context, _folder) = context(None);
    let watching = Rc::new(Watching(RefCell::default()));
    let objective = watching.clone();
    let arm = Arm { objective, label: "watching".to_owned(), lineage: clean().lineage() };
    let args = Args::resolve(&TRAIN, vec![data.clone()], recipe(1, 0.01, &[])).unwrap();
    train(&context, &small(), &arm, &args, None).unwrap();
    let split = args.handle::<crate::dataset::Dataset>("source").unwrap().train;
    let order = loader::batches(split.len(), 12, Some(Stream::new(0, "order").at(0)));
    let view = Some(Stream::new(0, "transform").at(0).at(1));
    let expected: Vec<Batch> =
        Feed::new(&split, order, view, context.device).unwrap().map(Result::unwrap).collect();
    let seen = watching.0.borrow();
    assert_eq!(seen.len(), expected.len());
    for ((batch, other), expected) in seen.iter().zip(&expected) {
        assert_eq!((&batch.ids, &batch.y), (&other.ids, &other.y));
        assert!(!same(&batch.x, &other.x));
        assert_eq!((&other.ids, &other.x), (&expected.ids, &expected.x));
    }
    let twice = |b: Arm| {
        let twice = mixed(clean(), b, &[("views", Value::Int(2))]);
        train(&context, &small(), &twice, &args, None).unwrap().value.trained
    };
    let spent = twice(clean()).spent;
    assert_eq!((spent.images, spent.distinct_inputs, spent.forwards), (120, 120, 120));
    // It is told of the images that were perturbed.
    let check = twice(perturbed()).curve[0].check.clone().unwrap();
    assert!(check.loss_increase > 0.0 && check.norm < 0.3 + 1e-6, "{check:?}");
}
