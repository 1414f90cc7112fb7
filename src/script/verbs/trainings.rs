//! What a training returns: its text and its properties.

use super::perturbations::check_map;
use super::results::{property, result_type};
use crate::lineage::Derived;
use crate::registry::{Example, Spec};
use crate::script::binding::Binder;
use crate::train::{EpochPoint, Spent, TrainReport};
use rhai::{Array, Dynamic, Map};

type Training = Derived<TrainReport>;

macro_rules! trained {
    ($read:literal) => {
        concat!(
            "let m = model::resnet8(#{ width: 4, classes: 2 });\n",
            "let data = dataset::fashion_mnist(#{ classes: 0..2, limit: 256 });\n",
            "let r = m.train(data, #{ epochs: 1 });\n",
            $read
        )
    };
}

/// Binds text and properties.
pub fn bind(binder: &mut Binder) {
    result_type::<Training>(binder.engine(), "training", |training| {
        let trained = &training.value.trained;
        let last = trained.curve.last();
        let state = match status(&training.value) {
            "finished" => String::new(),
            other => format!(", {other}"),
        };
        format!(
            "training: {} updates, loss {}, accuracy {}{state}",
            trained.spent.updates,
            last.map_or("-".to_owned(), |point| format!("{:.4}", point.loss)),
            last.map_or("-".to_owned(), |point| format!("{:.4}", point.accuracy)),
        )
    });
    spent(binder);
    ended(binder);
    binder.property(
        property!(
            "training",
            "curve",
            "list",
            "One map per finished epoch: epoch, loss, accuracy and norm of the perturbations. With \
             eval_every also val_accuracy and val_robust_accuracy, with a guard guard_accuracy; \
             check tells what the perturbations of the first batch did, as that of \
             attack::perturb.",
            trained!("r.curve.map(|point| point.epoch)"),
            "[1]"
        ),
        |t: &mut Training| -> Array {
            t.value.trained.curve.iter().map(|point| Dynamic::from(point_map(point))).collect()
        },
    );
}

/// How a training ended, in a word.
fn status(report: &TrainReport) -> &'static str {
    if report.interrupted { "interrupted" } else { report.trained.status.name() }
}

fn spent(binder: &mut Binder) {
    let of = |t: &mut Training| -> Spent { t.value.trained.spent };
    binder.property(
        property!("training", "updates", "number", "Weight updates.", trained!("r.updates"), "2"),
        move |t: &mut Training| of(t).updates as i64,
    );
    binder.property(
        property!(
            "training",
            "images",
            "number",
            "Images that entered an update, with repetition.",
            trained!("r.images"),
            "230"
        ),
        move |t: &mut Training| of(t).images as i64,
    );
    binder.property(
        property!(
            "training",
            "distinct_inputs",
            "number",
            "Different images among them; one that is perturbed or transformed at random counts \
             anew each time.",
            trained!("r.distinct_inputs"),
            "230"
        ),
        move |t: &mut Training| of(t).distinct_inputs as i64,
    );
    binder.property(
        property!(
            "training",
            "forwards",
            "number",
            "Forward passes, counted per image, those of the attack included.",
            trained!("r.forwards"),
            "230"
        ),
        move |t: &mut Training| of(t).forwards as i64,
    );
    binder.property(
        property!(
            "training",
            "backwards",
            "number",
            "Backward passes, counted per image, those of the attack included.",
            trained!("r.backwards"),
            "230"
        ),
        move |t: &mut Training| of(t).backwards as i64,
    );
    binder.property(
        property!(
            "training",
            "flops",
            "number",
            "Multiplications with their additions. A forward pass and a backward pass to the \
             images cost one network each, a backward pass to the weights two.",
            trained!("r.flops / r.images / 3.0"),
            "605280.0"
        ),
        move |t: &mut Training| of(t).flops,
    );
}

fn ended(binder: &mut Binder) {
    binder.property(
        property!(
            "training",
            "status",
            "text",
            "How it ended: finished, interrupted, diverged, or overfit to a weak attack.",
            trained!("r.status"),
            "finished"
        ),
        |t: &mut Training| status(&t.value).to_owned(),
    );
    binder.property(
        property!(
            "training",
            "diverged",
            "truth",
            "Whether the loss or a gradient stopped being finite; nothing is computed from such \
             a model.",
            trained!("r.diverged"),
            "false"
        ),
        |t: &mut Training| t.value.trained.status == crate::train::Status::Diverged,
    );
    binder.property(
        property!(
            "training",
            "interrupted",
            "truth",
            "Whether it was stopped before its end; the same call goes on.",
            trained!("r.interrupted"),
            "false"
        ),
        |t: &mut Training| t.value.interrupted,
    );
    binder.property(
        property!(
            "training",
            "weak_attack",
            "map",
            "Accuracies at the end under attacks of one eps: clean, fgsm, own and strong. Strong is \
             PGD-50; nothing for objectives that no attack by gradients is part of.",
            trained!("r.weak_attack == ()"),
            "true"
        ),
        |t: &mut Training| match t.value.trained.weak_attack {
            None => Dynamic::UNIT,
            Some(weak) => Dynamic::from(Map::from([
                ("images".into(), Dynamic::from(weak.images as i64)),
                ("clean".into(), Dynamic::from(weak.clean)),
                ("fgsm".into(), Dynamic::from(weak.fgsm)),
                ("own".into(), Dynamic::from(weak.own)),
                ("strong".into(), Dynamic::from(weak.strong)),
            ])),
        },
    );
}

/// An epoch as scripts see it.
pub(super) fn point_map(point: &EpochPoint) -> Map {
    let optional = |value: Option<f64>| value.map_or(Dynamic::UNIT, Dynamic::from);
    let validation = point.validation;
    Map::from([
        ("epoch".into(), Dynamic::from(point.epoch)),
        ("loss".into(), Dynamic::from(point.loss)),
        ("accuracy".into(), Dynamic::from(point.accuracy)),
        ("norm".into(), Dynamic::from(point.norm)),
        ("check".into(), point.check.as_ref().map_or(Dynamic::UNIT, |c| check_map(c).into())),
        ("val_accuracy".into(), optional(validation.map(|v| v.accuracy))),
        ("val_robust_accuracy".into(), optional(validation.and_then(|v| v.robust_accuracy))),
        ("guard_accuracy".into(), optional(point.guard)),
    ])
}
