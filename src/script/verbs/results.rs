//! The getters of what the verbs return.

use crate::evaluate::Evaluation;
use crate::lineage::Derived;
use crate::metric::Correctness;
use crate::script::binding::Binder;
use crate::train::{EpochPoint, TrainReport};
use crate::transfer::Transferred;
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};

/// Binds the getters.
pub fn bind(binder: &mut Binder) {
    let engine = binder.engine();
    result_type::<Derived<TrainReport>>(engine, "training", |training| {
        let trained = &training.value.trained;
        let last = trained.curve.last();
        let state = match (trained.diverged, training.value.interrupted) {
            (true, _) => ", diverged",
            (_, true) => ", interrupted",
            _ => "",
        };
        format!(
            "training: {} updates, loss {}, accuracy {}{state}",
            trained.updates,
            last.map_or("-".to_owned(), |point| format!("{:.4}", point.loss)),
            last.map_or("-".to_owned(), |point| format!("{:.4}", point.accuracy)),
        )
    });
    type T = Derived<TrainReport>;
    engine.register_get("updates", |t: &mut T| t.value.trained.updates as i64);
    engine.register_get("images", |t: &mut T| t.value.trained.images as i64);
    engine.register_get("forwards", |t: &mut T| t.value.trained.forwards as i64);
    engine.register_get("backwards", |t: &mut T| t.value.trained.backwards as i64);
    engine.register_get("diverged", |t: &mut T| t.value.trained.diverged);
    engine.register_get("interrupted", |t: &mut T| t.value.interrupted);
    engine.register_get("curve", |t: &mut T| -> Array {
        t.value.trained.curve.iter().map(|point| Dynamic::from(point_map(point))).collect()
    });

    result_type::<Derived<Evaluation>>(engine, "evaluation", |evaluation| {
        let correct = &evaluation.value.correct;
        format!(
            "evaluation: accuracy {:.4} ({}/{}), loss {:.4}",
            correct.accuracy(),
            correct.count(),
            correct.as_slice().len(),
            evaluation.value.loss
        )
    });
    type E = Derived<Evaluation>;
    engine.register_get("accuracy", |e: &mut E| e.value.correct.accuracy());
    engine.register_get("correct", |e: &mut E| e.value.correct.clone());
    engine.register_get("n", |e: &mut E| e.value.correct.as_slice().len() as i64);
    engine.register_get("loss", |e: &mut E| e.value.loss);
    engine.register_get("norm", |e: &mut E| e.value.norm);

    result_type::<Derived<Transferred>>(engine, "transfer", |transfer| {
        let correct = &transfer.value.correct;
        let notes: String = transfer.value.notes.iter().map(|note| format!("; {note}")).collect();
        format!(
            "transfer: accuracy {:.4} ({}/{}){notes}",
            correct.accuracy(),
            correct.count(),
            correct.as_slice().len()
        )
    });
    type X = Derived<Transferred>;
    engine.register_get("accuracy", |x: &mut X| x.value.correct.accuracy());
    engine.register_get("correct", |x: &mut X| x.value.correct.clone());
    engine.register_get("n", |x: &mut X| x.value.correct.as_slice().len() as i64);
    engine.register_get("selected", |x: &mut X| -> Map {
        let selected = &x.value.selected;
        selected.iter().map(|(key, value)| (key.into(), Dynamic::from(*value))).collect()
    });
    engine.register_get("notes", |x: &mut X| -> Array {
        x.value.notes.iter().map(|note| Dynamic::from(note.clone())).collect()
    });

    engine.register_type_with_name::<Correctness>("correctness");
    engine.register_get("n", |c: &mut Correctness| c.as_slice().len() as i64);
    engine.register_get("count", |c: &mut Correctness| c.count() as i64);
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |c: &mut Correctness| {
            ImmutableString::from(format!("correct {}/{}", c.count(), c.as_slice().len()))
        });
    }
}

fn result_type<T: Clone + 'static>(engine: &mut Engine, name: &str, text: fn(&T) -> String) {
    engine.register_type_with_name::<T>(name);
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, move |result: &mut T| ImmutableString::from(text(result)));
    }
}

fn point_map(point: &EpochPoint) -> Map {
    Map::from([
        ("epoch".into(), Dynamic::from(point.epoch)),
        ("loss".into(), Dynamic::from(point.loss)),
        ("accuracy".into(), Dynamic::from(point.accuracy)),
        ("norm".into(), Dynamic::from(point.norm)),
    ])
}
