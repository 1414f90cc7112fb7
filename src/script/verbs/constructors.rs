//! One function per registry entry: `dataset::digits()`, `attack::pgd()`, `model::resnet8()`.

use crate::attack::{ATTACKS, Attacker};
use crate::context::Context;
use crate::dataset::{self, DATASETS, Dataset, Split};
use crate::error::{Error, Result, nearest};
use crate::model::{MODELS, Model};
use crate::registry::{Args, Entry, Handle, Value};
use crate::script::binding::{Binder, Call};
use crate::train::{Arm, OBJECTIVES};
use crate::transfer::{PROTOCOLS, Protocol};
use rhai::{Dynamic, Engine, ImmutableString};
use std::rc::Rc;

/// Binds the constructors and the getters of what they make.
pub fn bind(binder: &mut Binder, context: &Context) {
    for entry in DATASETS {
        let context = context.clone();
        binder.function(&entry.spec, move |call: Call| {
            let hash = |path: &std::path::Path| context.store.content_hash(path);
            let source = dataset::Source { data: context.data.as_deref(), hash: &hash };
            call.at((entry.build)(&source, &call.args)).map(Dynamic::from)
        });
    }
    for entry in MODELS {
        binder.function(&entry.spec, move |call: Call| {
            call.at((entry.build)(&call.args)).map(|spec| Dynamic::from(Model::new(spec)))
        });
    }
    for entry in ATTACKS {
        binder.function(&entry.spec, move |call: Call| {
            call.at(Attacker::build(entry, &call.args)).map(Dynamic::from)
        });
    }
    for entry in OBJECTIVES {
        binder.function(&entry.spec, move |call: Call| {
            call.at(Arm::build(entry, &call.args)).map(Dynamic::from)
        });
    }
    for entry in PROTOCOLS {
        binder.function(&entry.spec, move |call: Call| {
            call.at(Protocol::build(entry, &call.args)).map(Dynamic::from)
        });
    }
    let engine = binder.engine();
    handle_type::<Dataset>(engine, "dataset");
    handle_type::<Split>(engine, "split");
    handle_type::<Model>(engine, "model");
    handle_type::<Attacker>(engine, "attack");
    handle_type::<Arm>(engine, "objective");
    handle_type::<Protocol>(engine, "protocol");
    engine.register_get("train", |data: &mut Dataset| data.train.clone());
    engine.register_get("val", |data: &mut Dataset| data.val.clone());
    engine.register_get("test", |data: &mut Dataset| data.test.clone());
    engine.register_get("classes", |data: &mut Dataset| data.classes());
    engine.register_get("classes", |split: &mut Split| split.classes());
    engine.register_get("len", |split: &mut Split| split.len() as i64);
    engine.register_get("classes", |model: &mut Model| model.spec().classes);
}

/// Registers name, text and address of a handle type.
pub(super) fn handle_type<T: Handle + Clone>(engine: &mut Engine, name: &str) {
    engine.register_type_with_name::<T>(name);
    engine.register_get("name", |handle: &mut T| ImmutableString::from(handle.label()));
    engine.register_get("address", |handle: &mut T| {
        ImmutableString::from(handle.lineage().address().as_str())
    });
    for function in ["to_string", "print", "to_debug", "debug"] {
        engine.register_fn(function, |handle: &mut T| ImmutableString::from(handle.summary()));
    }
}

/// The entry of a kind of handle that a text names, with its defaults: `"fixed_feature"`.
///
/// # Errors
/// No such entry, or one that needs inputs.
pub fn by_name(kind: &'static str, name: &str) -> Result<Value> {
    match kind {
        "protocol" => made(PROTOCOLS, kind, name, Protocol::build),
        "attack" => made(ATTACKS, kind, name, Attacker::build),
        "objective" => made(OBJECTIVES, kind, name, Arm::build),
        _ => Err(Error::usage(format!("expected a {kind}, found \"{name}\" (a text)"))),
    }
}

fn made<B, T: Handle>(
    entries: &[&'static Entry<B>],
    kind: &str,
    name: &str,
    build: fn(&'static Entry<B>, &Args) -> Result<T>,
) -> Result<Value> {
    let named = |entry: &&&'static Entry<B>| entry.spec.name == name;
    let Some(entry) = entries.iter().find(named) else {
        let names: Vec<_> = entries.iter().map(|entry| entry.spec.name).collect();
        let error = Error::usage(format!("expected a {kind}, found \"{name}\""))
            .hint(format!("known: {}", names.join(", ")));
        return Err(match nearest(name, names) {
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => error,
        });
    };
    let args = Args::resolve(&entry.spec, Vec::new(), Vec::new())?;
    Ok(Value::Handle(Rc::new(build(entry, &args)?)))
}
