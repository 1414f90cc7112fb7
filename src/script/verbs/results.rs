//! What the verbs return: texts and properties of results.

use super::answers::{self, answered};
use crate::evaluate::Evaluation;
use crate::lineage::Derived;
use crate::metric::Correctness;
use crate::registry::{Example, Spec};
use crate::script::binding::Binder;
use crate::transfer::Transferred;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

type Evaluated = Derived<Evaluation>;
type Transfer = Derived<Transferred>;

/// Binds texts and properties.
pub fn bind(binder: &mut Binder) {
    evaluation(binder);
    transfer(binder);
    correctness(binder);
}

/// The description of one property; the example follows a call that other examples share, so
/// that the store has its result.
macro_rules! property {
    ($kind:literal, $name:literal, $returns:literal, $doc:literal, $code:expr, $shows:literal) => {
        property!($kind, $name, $returns, $doc, $code, $shows, "")
    };
    (
        $kind:literal, $name:literal, $returns:literal, $doc:literal, $code:expr, $shows:literal,
        $cite:literal
    ) => {{
        const SPEC: Spec = Spec {
            cite: $cite,
            ..Spec::property($kind, $name, $returns, $doc, Example { code: $code, shows: $shows })
        };
        &SPEC
    }};
}
pub(super) use property;

macro_rules! evaluated {
    ($read:literal) => {
        concat!(
            "let data = dataset::digits();\n",
            "let m = model::resnet8(#{ width: 4, classes: 10, size: 8 });\n",
            "let r = m.evaluate(data.test);\n",
            $read
        )
    };
}

macro_rules! transferred {
    ($read:literal) => {
        concat!(
            "let m = model::resnet8(#{ width: 4, size: 8 });\n",
            "let data = dataset::digits(#{ limit: 200 });\n",
            "let r = m.transfer(data, #{ protocol: \"fixed_feature\" });\n",
            $read
        )
    };
}

fn evaluation(binder: &mut Binder) {
    result_type::<Evaluated>(binder.engine(), "evaluation", |evaluation| {
        let answers = &evaluation.value.answers;
        format!("evaluation: {}, loss {:.4}", answers::text(answers), answers.nll())
    });
    answered!(binder, Evaluated, "evaluation", evaluated);
    binder.property(
        property!(
            "evaluation",
            "loss",
            "number",
            "The mean cross-entropy, another name of `nll`.",
            evaluated!("r.loss == r.nll"),
            "true"
        ),
        |e: &mut Evaluated| e.value.answers.nll(),
    );
    binder.property(
        property!(
            "evaluation",
            "norm",
            "number",
            "The mean norm of the perturbations as applied, in pixels of [0,1]; 0 without an \
             attack.",
            evaluated!("r.norm"),
            "0.0"
        ),
        |e: &mut Evaluated| e.value.norm,
    );
}

fn transfer(binder: &mut Binder) {
    result_type::<Transfer>(binder.engine(), "transfer", |transfer| {
        let notes: String = transfer.value.notes.iter().map(|note| format!("; {note}")).collect();
        format!("transfer: {}{notes}", answers::text(&transfer.value.answers))
    });
    answered!(binder, Transfer, "transfer", transferred);
    binder.property(
        property!(
            "transfer",
            "selected",
            "map",
            "What was selected, by name: lambda, for fixed_feature.",
            transferred!("r.selected.keys()"),
            "[\"lambda\"]"
        ),
        |x: &mut Transfer| -> Map {
            let selected = &x.value.selected;
            selected.iter().map(|(key, value)| (key.into(), Dynamic::from(*value))).collect()
        },
    );
    binder.property(
        property!(
            "transfer",
            "notes",
            "list",
            "What a reader should know of this result. One note is of a lambda at the edge of its grid.",
            transferred!("r.notes.len"),
            "0"
        ),
        |x: &mut Transfer| -> Array {
            x.value.notes.iter().map(|note| Dynamic::from(note.clone())).collect()
        },
    );
}

fn correctness(binder: &mut Binder) {
    let engine = binder.engine();
    engine.register_type_with_name::<Correctness>("correctness");
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |c: &mut Correctness| {
            ImmutableString::from(format!("correct {}/{}", c.count(), c.as_slice().len()))
        });
    }
    binder.property(
        property!(
            "correctness",
            "n",
            "number",
            "The number of images.",
            evaluated!("r.correct.n"),
            "599"
        ),
        |c: &mut Correctness| c.as_slice().len() as i64,
    );
    binder.property(
        property!(
            "correctness",
            "count",
            "number",
            "How many images were classified correctly.",
            evaluated!("r.correct.count < 300"),
            "true"
        ),
        |c: &mut Correctness| c.count() as i64,
    );
}

pub(super) fn result_type<T: Clone + 'static>(
    engine: &mut Engine,
    name: &str,
    text: fn(&T) -> String,
) {
    engine.register_type_with_name::<T>(name);
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, move |result: &mut T| ImmutableString::from(text(result)));
    }
}
