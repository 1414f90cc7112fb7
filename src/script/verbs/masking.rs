//! Masking checks of a model.

use super::results::{property, result_type};
use crate::attack::{MASKING_CHECK, MaskingCheck, STEPS, masking_check};
use crate::context::Context;
use crate::lineage::Derived;
use crate::model::Model;
use crate::registry::{Example, Spec};
use crate::script::binding::{Binder, Call};
use rhai::{Array, Dynamic, Map};

type Checked = Derived<MaskingCheck>;

macro_rules! checked {
    ($read:literal) => {
        concat!(
            "let data = dataset::digits();\n",
            "let m = model::resnet8(#{ width: 4, size: 8 });\n",
            "let pgd = attack::pgd(#{ eps: 0.3, steps: 20 });\n",
            "let r = m.masking_check(data.test, #{ attack: pgd, limit: 20, queries: 50 });\n",
            $read
        )
    };
}

/// Binds the check and its properties.
pub fn bind(binder: &mut Binder, context: &Context) {
    let under = context.clone();
    binder.method::<Model>(&MASKING_CHECK, move |call: Call| {
        let model: Model = call.receiver()?;
        call.at(masking_check(&under, &model, &call.args)).map(Dynamic::from)
    });
    result_type::<Checked>(binder.engine(), "masking_check", |checked| {
        let check = &checked.value;
        let warnings: String =
            check.warnings().iter().map(|warning| format!("; {warning}")).collect();
        format!(
            "masking check: {} images, accuracy {:.4} clean, {:.4} under the attack, {:.4} also \
             under Square{warnings}",
            check.n, check.clean_accuracy, check.attack_accuracy, check.square_accuracy
        )
    });
    binder.property(
        property!(
            "masking_check",
            "warnings",
            "list",
            "What speaks for masked gradients, as texts.",
            checked!("r.warnings"),
            "[]"
        ),
        |r: &mut Checked| -> Array { r.value.warnings().into_iter().map(Dynamic::from).collect() },
    );
    binder.property(
        property!(
            "masking_check",
            "measured",
            "map",
            "The numbers that warnings rest on. They are n, zero_gradients and bad_gradients (shares \
             of images), clean_accuracy, attack_accuracy, square_accuracy (under both), losses \
             (maps: steps of PGD, loss), difference (of logits), probabilities.",
            checked!("r.measured.losses.map(|point| point.steps)"),
            "[0, 1, 5, 20]"
        ),
        |r: &mut Checked| measured(&r.value),
    );
}

fn measured(check: &MaskingCheck) -> Map {
    let point = |(steps, loss): (i64, &f64)| {
        Dynamic::from(Map::from([
            ("steps".into(), Dynamic::from(steps)),
            ("loss".into(), Dynamic::from(*loss)),
        ]))
    };
    let losses: Array = [0].into_iter().chain(STEPS).zip(&check.losses).map(point).collect();
    Map::from([
        ("n".into(), Dynamic::from(check.n)),
        ("zero_gradients".into(), Dynamic::from(check.zero_gradients)),
        ("bad_gradients".into(), Dynamic::from(check.bad_gradients)),
        ("clean_accuracy".into(), Dynamic::from(check.clean_accuracy)),
        ("attack_accuracy".into(), Dynamic::from(check.attack_accuracy)),
        ("square_accuracy".into(), Dynamic::from(check.square_accuracy)),
        ("losses".into(), Dynamic::from(losses)),
        ("difference".into(), Dynamic::from(check.difference)),
        ("probabilities".into(), Dynamic::from(check.probabilities)),
    ])
}
