//! What every inversion keeps to, and what a stopped one leaves.

use super::*;
use crate::context::{Interrupt, Monitor, Silent};
use crate::error::Kind as Failure;
use crate::model::MODELS;
use crate::registry::{Handle, Value};
use crate::store::{Manifest, Store};
use crate::threat_model::Norm;
use std::cell::Cell;
use std::rc::Rc;

/// Asks to stop after some steps.
struct Stopping(Interrupt, Cell<i64>);

impl Monitor for Stopping {
    fn begin(&self, _: &str, _: u64, _: u64) {}
    fn advance(&self, _: &str) {
        self.1.set(self.1.get() - 1);
        if self.1.get() == 0 {
            self.0.request();
        }
    }
    fn end(&self) {}
    fn checkpoint_due(&self) -> bool {
        false
    }
    fn warn(&self, _: &str) {}
}

/// A session on a store of its own.
pub fn context() -> (tempfile::TempDir, Context) {
    let folder = tempfile::tempdir().unwrap();
    let context = Context {
        device: Device::Cpu,
        store: Store::open(&folder.path().join("runs")).unwrap(),
        data: None,
        monitor: Rc::new(Silent),
        interrupt: Interrupt::default(),
        environment: Manifest {
            threads: 1,
            cpu: "test".into(),
            torch: "test".into(),
            program: "test".into(),
            seconds: 0.0,
            date: None,
        },
        defer_busy: Rc::default(),
        origins: Rc::default(),
        restart_partial: false,
    };
    (folder, context)
}

fn model() -> Model {
    let entry = MODELS.iter().find(|entry| entry.spec.name == "resnet8").unwrap();
    let options = [("size", 8), ("width", 4)];
    let options = options.map(|(key, value)| (key.to_owned(), Value::Int(value)));
    Model::new((entry.build)(&Args::resolve(&entry.spec, vec![], options.into()).unwrap()).unwrap())
}

fn images(count: i64) -> Value {
    let like = Tensor::zeros([count, 1, 8, 8], (tch::Kind::Float, Device::Cpu));
    let ids: Vec<u64> = (0..count as u64).collect();
    let noise = normals(&like, &ids, Stream::new(5, "images")).unwrap();
    Value::Handle(Rc::new(Constant::new((noise * 0.3 + 0.5).clamp(0.0, 1.0))))
}

fn asked(model: &Model, options: &[(&str, Value)]) -> Args {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let inputs = vec![Value::Handle(Rc::new(model.clone())), images(5)];
    Args::resolve(&INVERT, inputs, options.collect()).unwrap()
}

fn found(options: &[(&str, Value)]) -> Inversion {
    let (_folder, context) = context();
    invert(&context, &asked(&model(), options)).unwrap().value
}

#[test]
fn distances_end_no_higher_than_they_start_in_every_ball() {
    for (norm, eps) in [("l2", 1e3), ("l2", 0.5), ("linf", 0.1), ("l2", 0.0)] {
        for start in ["noise", "grey"] {
            let text = |word: &str| Value::Text(word.to_owned());
            let found = found(&[
                ("steps", Value::Int(25)),
                ("norm", text(norm)),
                ("eps", Value::Float(eps)),
                ("start", text(start)),
            ]);
            let Distances { before, after, curve } = &found.distances;
            assert_eq!((before.len(), after.len(), curve.len()), (5, 5, 26));
            assert!(after.iter().zip(before).all(|(after, before)| after <= before));
            let mean = before.iter().sum::<f64>() / 5.0;
            assert!((curve[0].distance - mean).abs() < 1e-6);
            // A grey image is all zero to a network without biases: no gradient leads away.
            if eps > 0.0 && start == "noise" {
                assert!(after.iter().sum::<f64>() < 4.5 * mean, "{norm} {eps} does nothing");
            }
            let x = found.images.tensor();
            expect_pixels("images", x).unwrap();
            if start == "grey" {
                let ball = NormBall { norm: if norm == "l2" { Norm::L2 } else { Norm::Linf }, eps };
                let longest = ball.norms(&(x - 0.5)).unwrap().max().double_value(&[]);
                assert!(longest <= eps * (1.0 + 1e-6) + 1e-7, "{longest} > {eps}");
            }
        }
    }
}

#[test]
fn a_seed_repeats_every_byte_and_split_batches_are_the_whole() {
    let with = |seed, batch_size| {
        let options = [("steps", 10), ("seed", seed), ("batch_size", batch_size)];
        found(&options.map(|(key, value)| (key, Value::Int(value))))
    };
    let first = with(3, 64);
    assert_eq!(first.images.tensor(), with(3, 64).images.tensor());
    assert_eq!(first.distances, with(3, 64).distances);
    assert_ne!(first.images.tensor(), with(4, 64).images.tensor());
    // To a tolerance, since libtorch's kernels round differently for another batch size.
    let split = with(3, 2);
    let away = (first.images.tensor() - split.images.tensor()).abs().max().double_value(&[]);
    assert!(away < 1e-3, "{away}");
    for (one, other) in first.distances.curve.iter().zip(&split.distances.curve) {
        assert!((one.distance - other.distance).abs() < 1e-4 && one.step == other.step);
    }
}

#[test]
fn the_model_stays_as_it_is() {
    let (_folder, context) = context();
    let model = model();
    let (before, lineage) = (model.network(&context).unwrap().state().unwrap(), model.lineage());
    invert(&context, &asked(&model, &[("steps", Value::Int(5))])).unwrap();
    assert_eq!(lineage.address(), model.lineage().address());
    let after = model.network(&context).unwrap().state().unwrap();
    for ((name, before), (_, after)) in before.iter().zip(after) {
        assert_eq!(*before, after, "{name}");
    }
}

/// Stopped in the first batch and in the second, it ends with the bytes of one run.
#[test]
fn a_stopped_inversion_goes_on_with_the_same_bytes() {
    let options = [("steps", Value::Int(8)), ("batch_size", Value::Int(3))];
    let whole = found(&options);
    let (_folder, mut context) = context();
    for steps in [5, 6] {
        context.interrupt.clear();
        context.monitor = Rc::new(Stopping(context.interrupt.clone(), Cell::new(steps)));
        let error = invert(&context, &asked(&model(), &options)).unwrap_err();
        assert_eq!(error.kind(), Failure::Interrupted);
        let step = if steps == 5 { 5 } else { 3 };
        let message = format!("interrupted after {step} of 8 steps; a checkpoint is kept");
        assert!(error.to_string().contains(&message), "{error}");
    }
    context.interrupt.clear();
    let other = Context {
        environment: Manifest { threads: 2, ..context.environment.clone() },
        ..context.clone()
    };
    let error = invert(&other, &asked(&model(), &options)).unwrap_err();
    assert!(error.to_string().contains("threads was 1, is 2"), "{error}");
    context.monitor = Rc::new(Silent);
    let resumed = invert(&context, &asked(&model(), &options)).unwrap();
    assert_eq!(resumed.value.distances, whole.distances);
    assert_eq!(resumed.value.images.tensor(), whole.images.tensor());
    let address = resumed.lineage.address();
    assert_eq!(context.store.partial(address).unwrap(), None);
    // Found again without work, and made again where the images were dropped.
    context.interrupt.request();
    let again = invert(&context, &asked(&model(), &options)).unwrap().value;
    assert_eq!(again.images.tensor(), whole.images.tensor());
    context.interrupt.clear();
    std::fs::remove_dir_all(context.store.root().join("blobs")).unwrap();
    let again = invert(&context, &asked(&model(), &options)).unwrap().value;
    assert_eq!(again.images.tensor(), whole.images.tensor());
}

#[test]
fn an_address_covers_the_images_and_where_they_start() {
    let model = model();
    let address =
        |options: &[(&str, Value)]| asked(&model, options).lineage(&[], &[]).address().clone();
    let from = |count| [("start", images(count))];
    assert_ne!(address(&[]), address(&from(5)));
    assert_ne!(address(&from(1)), address(&from(5)));
    assert_eq!(address(&from(5)), address(&from(5)));
}

#[test]
fn one_image_may_be_the_start_of_all_and_others_must_fit() {
    let (_folder, context) = context();
    let run = |start: Value| {
        let options = [("steps", Value::Int(1)), ("eps", Value::Float(0.0)), ("start", start)];
        invert(&context, &asked(&model(), &options))
    };
    let Value::Handle(one) = images(1) else { unreachable!() };
    let one = one.as_any().downcast_ref::<Constant>().unwrap().tensor().expand([5, 1, 8, 8], false);
    assert_eq!(run(images(1)).unwrap().value.images.tensor(), &one);
    let error = run(images(2)).unwrap_err();
    assert_eq!(error.key(), Some("start"));
    assert!(error.to_string().contains("expected shape [5, 1, 8, 8] or one image"), "{error}");
}
