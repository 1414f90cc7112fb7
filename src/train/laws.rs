//! What every training keeps to.

use super::{Arm, EpochPoint, LOCKSTEP, OBJECTIVES, Status, TRAIN, TrainReport, lockstep, train};
use crate::attack::{ATTACKS, Attacker};
use crate::context::{Context, Interrupt, Monitor};
use crate::dataset::Dataset;
use crate::dataset::laws::{built_named, context};
use crate::error::Result;
use crate::lineage::Derived;
use crate::model::tests::spec;
use crate::model::{Model, Network};
use crate::registry::{Args, Handle, Spec, Value};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

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

/// A store of its own to train in.
pub(super) struct Lab {
    context: Context,
    folder: tempfile::TempDir,
    stop: Cell<u64>,
}

impl Lab {
    pub fn new() -> Self {
        let (context, folder) = context(None);
        Self { context, folder, stop: Cell::new(0) }
    }

    /// Stops the next training after so many batches.
    pub fn stop_after(&self, batches: u64) {
        self.stop.set(batches);
    }

    fn session(&self) -> Context {
        let interrupt = Interrupt::default();
        let monitor = Rc::new(Stopping(interrupt.clone(), Cell::new(self.stop.take())));
        Context { monitor, interrupt, ..self.context.clone() }
    }

    /// Trains one alone, several in lockstep.
    pub fn train(
        &self,
        trainees: &[Trainee],
        options: &[(String, Value)],
    ) -> Result<Vec<TrainReport>> {
        let reports = match trainees {
            [one] => vec![one.alone(&self.session(), options)?],
            _ => together(&self.session(), trainees, options)?,
        };
        Ok(reports.into_iter().map(|report| report.value).collect())
    }

    /// Results and weights by file.
    pub fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for kind in ["results", "blobs"] {
            read(&self.folder.path().join("runs").join(kind), &mut files);
        }
        files
    }

    /// The weights of a trained model.
    fn network(&self, trainee: &Trainee) -> Rc<Network> {
        trainee.model.network(&self.context).unwrap()
    }

    /// Drops one of the members of all checkpoints.
    pub fn forget_a_member(&self) {
        let store = &self.context.store;
        let partials = fs::read_dir(self.folder.path().join("runs/partial")).unwrap();
        for entry in partials {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let address = serde_json::from_value(serde_json::json!(name)).unwrap();
            let partial = store.partial(&address).unwrap().unwrap();
            let mut state = partial.state.clone();
            state["members"].as_array_mut().unwrap().pop();
            let files: Vec<(&str, &[u8])> = partial
                .files
                .iter()
                .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
                .collect();
            let (environment, step) = (&self.context.environment, partial.step + 1);
            store.put_partial(&address, environment, step, &state, &files).unwrap();
        }
    }
}

fn read(folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => read(&path, files),
            false => {
                let name = path.file_name().unwrap().to_string_lossy();
                let parent = path.parent().unwrap().file_name().unwrap().to_string_lossy();
                files.insert(format!("{parent}/{name}"), fs::read(&path).unwrap());
            }
        }
    }
}

/// A model and its objective.
pub(super) struct Trainee {
    pub model: Model,
    pub arm: Arm,
}

fn resolved(spec: &'static Spec, inputs: Vec<Value>, options: &[(&str, Value)]) -> Args {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Args::resolve(spec, inputs, options.collect()).unwrap()
}

fn objective(name: &str, inputs: Vec<Value>, options: &[(&str, Value)]) -> Arm {
    let entry = OBJECTIVES.iter().find(|entry| entry.spec.name == name).unwrap();
    Arm::build(entry, &resolved(&entry.spec, inputs, options)).unwrap()
}

impl Trainee {
    /// A model drawn with `seed` and the objective of a name; PGD for those that take an attack.
    pub fn new(seed: i64, name: &str) -> Self {
        let inputs = if name == "perturbed" { vec![Self::pgd()] } else { Vec::new() };
        Self::of(seed, objective(name, inputs, &[]))
    }

    /// A follower.
    pub fn yoked(seed: i64, change: &str) -> Self {
        Self::of(seed, objective("yoked", vec![Value::Text(change.to_owned())], &[]))
    }

    fn of(seed: i64, arm: Arm) -> Self {
        let options = [("width", 4), ("size", 8), ("channels", 1), ("classes", 10), ("seed", seed)];
        let options = options.map(|(key, value)| (key, Value::Int(value)));
        Self { model: Model::new(spec("resnet8", &options)), arm }
    }

    /// PGD with three steps and a random start.
    pub fn pgd() -> Value {
        let entry = ATTACKS.iter().find(|entry| entry.spec.name == "pgd").unwrap();
        let options = [("eps", Value::Float(0.3)), ("random_start", Value::Text("ball".into()))];
        let args = resolved(&entry.spec, Vec::new(), &options);
        Value::Handle(Rc::new(Attacker::build(entry, &args).unwrap()))
    }

    fn alone(
        &self,
        context: &Context,
        options: &[(String, Value)],
    ) -> Result<Derived<TrainReport>> {
        let mut options = options.to_vec();
        options.push(("objective".to_owned(), Value::Handle(Rc::new(self.arm.clone()))));
        let args = Args::resolve(&TRAIN, vec![digits()], options)?;
        train(context, &self.model, &self.arm, &args, None)
    }
}

fn together(
    context: &Context,
    trainees: &[Trainee],
    options: &[(String, Value)],
) -> Result<Vec<Derived<TrainReport>>> {
    let list = |handles: Vec<Rc<dyn Handle>>| {
        Value::List(handles.into_iter().map(Value::Handle).collect())
    };
    let models = list(trainees.iter().map(|one| Rc::new(one.model.clone()) as _).collect());
    let arms = list(trainees.iter().map(|one| Rc::new(one.arm.clone()) as _).collect());
    lockstep(context, &Args::resolve(&LOCKSTEP, vec![models, arms, digits()], options.to_vec())?)
}

/// Sixty images to train on, some for validation.
fn digits() -> Value {
    let options = [("limit", Value::Int(70)), ("val", Value::Float(0.14))];
    let data: Dataset = built_named("digits", &options).unwrap();
    assert_eq!(data.train.len(), 60);
    Value::Handle(Rc::new(data))
}

fn options(given: &[(&str, Value)]) -> Vec<(String, Value)> {
    let base =
        [("epochs", Value::Int(2)), ("batch_size", Value::Int(12)), ("lr", Value::Float(0.01))];
    let all = base.iter().chain(given);
    all.map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

#[test]
fn the_lead_of_a_lockstep_is_what_it_is_alone() {
    let trainees = || [Trainee::new(0, "perturbed"), Trainee::new(3, "clean")];
    let apart = Lab::new();
    let alone: Vec<_> =
        trainees().map(|one| one.alone(&apart.session(), &options(&[])).unwrap()).into();
    let lab = Lab::new();
    let found = together(&lab.session(), &trainees(), &options(&[])).unwrap();
    for (found, alone) in found.iter().zip(&alone) {
        assert_eq!(found.lineage.address(), alone.lineage.address());
        assert_eq!(found.value.trained, alone.value.trained);
    }
    assert!(lab.everything() == apart.everything());
}

#[test]
fn a_follower_with_the_leads_weights_and_perturbations_is_the_lead() {
    let lab = Lab::new();
    let pair = [Trainee::new(0, "perturbed"), Trainee::yoked(0, "same")];
    let found = lab.train(&pair, &options(&[])).unwrap();
    let curve = |report: &TrainReport| -> Vec<EpochPoint> { report.trained.curve.clone() };
    assert_eq!(curve(&found[0]), curve(&found[1]));
    let [lead, follower] = [0, 1].map(|place| lab.network(&pair[place]).state().unwrap());
    assert_eq!(lead, follower);
    assert!(found[0].trained.curve[0].norm > 0.2);
    let lineages = pair.map(|one| one.model.lineage());
    assert_ne!(lineages[0].address(), lineages[1].address());
}

#[test]
fn followers_differ_by_what_is_done_to_the_perturbations() {
    let lab = Lab::new();
    let changes = ["same", "random_sign", "noise"];
    let followers = changes.map(|change| Trainee::yoked(1, change));
    let all: Vec<_> = [Trainee::new(0, "perturbed")].into_iter().chain(followers).collect();
    let found = lab.train(&all, &options(&[])).unwrap();
    let norms: Vec<f64> = found.iter().map(|report| report.trained.curve[0].norm).collect();
    for norm in &norms[1..] {
        assert!((norm - norms[0]).abs() < 1e-4, "{norms:?}");
    }
    let accuracy = |place: usize| lab.network(&all[place]).flat().copy();
    for (a, b) in [(1, 2), (2, 3), (1, 3)] {
        assert_ne!(accuracy(a), accuracy(b));
    }
}

#[test]
fn every_epoch_of_an_arm_has_a_check_of_what_its_perturbations_do() {
    let lab = Lab::new();
    let all = [
        Trainee::new(0, "perturbed"),
        Trainee::yoked(0, "same"),
        Trainee::yoked(0, "random_sign"),
        Trainee::yoked(0, "noise"),
        Trainee::new(0, "clean"),
    ];
    let found = lab.train(&all, &options(&[])).unwrap();
    let check = |place: usize, epoch: usize| found[place].trained.curve[epoch].check.clone();
    let [lead, same, sign, noise] = [0, 1, 2, 3].map(|place| check(place, 0).unwrap());
    assert_eq!(check(4, 0), None);
    assert!((0..4).all(|place| check(place, 1).is_some()));
    assert_eq!((lead.n, lead.nominal), (12, Some(0.3)));
    assert_eq!((lead.norm, lead.cosine), (same.norm, same.cosine));
    // Against the same weights: the attack climbs, half of its turned steps descend, noise neither.
    assert!(lead.cosine > 0.5 && lead.loss_increase > 0.0, "{lead:?}");
    assert!(sign.cosine.abs() < lead.cosine && noise.cosine.abs() < 0.3, "{sign:?} {noise:?}");
    assert!(noise.loss_increase < 0.5 * lead.loss_increase, "{noise:?}");
}

#[test]
fn a_lead_that_diverges_takes_its_followers_along_and_no_others() {
    let lab = Lab::new();
    let lead = Trainee::new(0, "perturbed");
    lead.model
        .write(&lab.context, "fc.bias", &tch::Tensor::full([10], 1e30, tch::kind::FLOAT_CPU))
        .unwrap();
    lead.model
        .write(&lab.context, "fc.weight", &tch::Tensor::full([10, 16], 1e30, tch::kind::FLOAT_CPU))
        .unwrap();
    let all = [lead, Trainee::yoked(1, "same"), Trainee::new(1, "clean")];
    let found = lab.train(&all, &options(&[])).unwrap();
    let status: Vec<Status> = found.iter().map(|report| report.trained.status).collect();
    assert_eq!(status, [Status::Diverged, Status::Diverged, Status::Finished]);
    assert_eq!(found[1].trained.spent.updates, found[0].trained.spent.updates);
    assert!(all[1].model.network(&lab.context).is_err());
}

#[test]
fn a_loop_counts_what_it_spends() {
    let lab = Lab::new();
    let clean = lab.train(&[Trainee::new(0, "clean")], &options(&[])).unwrap()[0].trained.spent;
    assert_eq!((clean.updates, clean.images, clean.distinct_inputs), (10, 120, 60));
    assert_eq!((clean.forwards, clean.backwards), (120, 120));
    let pgd = lab.train(&[Trainee::new(0, "perturbed")], &options(&[])).unwrap()[0].trained.spent;
    // Three steps and the loss of the last iterate, then the update.
    assert_eq!((pgd.updates, pgd.images, pgd.distinct_inputs), (10, 120, 120));
    assert_eq!((pgd.forwards, pgd.backwards), (5 * 120, 4 * 120));
    assert!((pgd.flops / clean.flops - 10.0 / 3.0).abs() < 1e-12);
}

#[test]
fn budgets_are_matched_in_their_unit() {
    let (lab, three) = (Lab::new(), [("epochs", Value::Int(3))]);
    let pgd =
        lab.train(&[Trainee::new(0, "perturbed")], &options(&three)).unwrap()[0].trained.spent;
    let matched = |unit: &str| {
        let more = [("match_budget", Trainee::pgd()), ("unit", Value::Text(unit.to_owned()))];
        let trainee = Trainee::of(0, objective("clean", Vec::new(), &more));
        lab.train(&[trainee], &options(&three)).map(|reports| reports[0].trained.spent)
    };
    assert_eq!(matched("flops").unwrap().flops, pgd.flops);
    assert_eq!(matched("forwards").unwrap().forwards, pgd.forwards);
    assert_eq!(matched("updates").unwrap().updates, pgd.updates);
    assert_eq!(matched("images").unwrap().images, pgd.images);
    let error = matched("distinct_inputs").err().unwrap().to_string();
    assert!(error.contains("differ from epoch to epoch"), "{error}");
}

#[test]
fn gradients_wait_for_each_other_and_for_no_other_epoch() {
    let lab = Lab::new();
    let spent = |batches: i64| {
        let more = [("accumulate", Value::Int(batches))];
        lab.train(&[Trainee::new(0, "clean")], &options(&more)).unwrap()[0].trained.spent
    };
    assert_eq!([1, 2, 5, 9].map(|batches| spent(batches).updates), [10, 6, 2, 2]);
    assert_eq!(spent(2).images, 120);
}

#[test]
fn paired_batches_train_on_every_image_in_another_order() {
    let lab = Lab::new();
    let trained = |batches: &str| {
        let more = [("batches", Value::Text(batches.to_owned()))];
        let reports = lab.train(&[Trainee::new(0, "clean")], &options(&more)).unwrap();
        reports[0].trained.clone()
    };
    let (plain, paired) = (trained("shuffled"), trained("class_paired"));
    assert_eq!(plain.spent, paired.spent);
    assert_ne!(plain.curve, paired.curve);
}

#[test]
fn the_curve_has_evaluations_where_they_were_asked_for() {
    let lab = Lab::new();
    let more =
        [("epochs", Value::Int(3)), ("eval_every", Value::Int(2)), ("eval_attack", Trainee::pgd())];
    let found = lab.train(&[Trainee::new(0, "clean")], &options(&more)).unwrap();
    let at: Vec<bool> =
        found[0].trained.curve.iter().map(|point| point.validation.is_some()).collect();
    assert_eq!(at, [false, true, true]);
    let last = found[0].trained.curve[2].validation.unwrap();
    assert!(last.robust_accuracy.unwrap() <= last.accuracy);
}

#[test]
fn only_what_attacks_is_judged_by_stronger_attacks() {
    let lab = Lab::new();
    let judged = |trainee: Trainee| {
        lab.train(&[trainee], &options(&[])).unwrap()[0].trained.weak_attack.is_some()
    };
    assert!(judged(Trainee::new(0, "perturbed")));
    assert!(!judged(Trainee::new(0, "clean")));
    let shuffled = ATTACKS.iter().find(|entry| entry.spec.name == "shuffled").unwrap();
    let args = resolved(&shuffled.spec, vec![Trainee::pgd()], &[]);
    let control = Value::Handle(Rc::new(Attacker::build(shuffled, &args).unwrap()));
    assert!(!judged(Trainee::of(0, objective("perturbed", vec![control], &[]))));
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let lab = Lab::new();
    let message = |trainees: &[Trainee], more: &[(&str, Value)]| {
        lab.train(trainees, &options(more)).err().unwrap().to_string()
    };
    let follower = || Trainee::yoked(1, "same");
    assert!(message(&[follower()], &[]).contains("follows a lead"));
    assert!(message(&[follower(), Trainee::new(0, "clean")], &[]).contains("expected to lead"));
    let led = |lead: &str| {
        message(&[Trainee::new(0, lead), Trainee::new(2, "perturbed"), follower()], &[])
    };
    assert!(led("clean").contains("the first objective expected to perturb, since others follow"));
    let one = Trainee::new(0, "clean");
    let twice = [Trainee { model: one.model.clone(), arm: one.arm.clone() }, one];
    assert!(message(&twice, &[]).contains("given twice"));
    let clean = || [Trainee::new(0, "clean")];
    let word = |word: &str| Value::Text(word.to_owned());
    assert!(message(&clean(), &[("beta2", Value::Float(0.9))]).contains("belongs to \"adamw\""));
    let adamw = [("optimizer", word("adamw")), ("nesterov", Value::Bool(true))];
    assert!(message(&clean(), &adamw).contains("belongs to \"sgd\""));
    assert!(message(&clean(), &[("eval_attack", Trainee::pgd())]).contains("expected eval_every"));
}
