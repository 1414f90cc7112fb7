//! One function per registry entry: `dataset::digits()`, `attack::pgd()`, `model::resnet8()`.

use crate::attack::{ATTACKS, Attacker};
use crate::context::Context;
use crate::dataset::{DATASETS, Dataset, Split};
use crate::error::{Error, Result, nearest};
use crate::model::{MODELS, Model};
use crate::registry::{Args, Entry, Example, Handle, Spec, Value, one};
use crate::script::binding::{Binder, Call};
use crate::script::verbs::ScriptTensor;
use crate::threat_model::{THREAT_MODELS, ThreatModel};
use crate::train::{Arm, OBJECTIVES};
use crate::transfer::{PROTOCOLS, Protocol};
use crate::transform::{self, PRESETS, TRANSFORMS, Transform};
use rhai::{Dynamic, ImmutableString};
use std::rc::Rc;

/// Binds the constructors and the getters of what they make.
pub fn bind(binder: &mut Binder, context: &Context) {
    for entry in DATASETS {
        let context = context.clone();
        binder.function(&entry.spec, move |call: Call| {
            call.at((entry.build)(&context, &call.args)).map(Dynamic::from)
        });
    }
    for entry in MODELS {
        binder.function(&entry.spec, move |call: Call| {
            call.at((entry.build)(&call.args)).map(|spec| Dynamic::from(Model::new(spec)))
        });
    }
    for spec in THREAT_MODELS {
        binder.function(spec, |call: Call| {
            call.at(ThreatModel::build(&call.args)).map(Dynamic::from)
        });
    }
    for entry in ATTACKS {
        let context = context.clone();
        binder.function(&entry.spec, move |call: Call| {
            let attacker = call.at(Attacker::build(entry, &call.args))?;
            attacker.attack.enter(&context);
            Ok(Dynamic::from(attacker))
        });
    }
    for entry in TRANSFORMS.iter().chain(PRESETS) {
        binder.function(&entry.spec, move |call: Call| {
            call.at(Transform::build(entry, &call.args)).map(Dynamic::from)
        });
    }
    binder.method::<Transform>(&transform::APPLY, |call: Call| {
        let transform: Transform = call.receiver()?;
        let applied = || {
            let images: ScriptTensor = call.args.handle("images")?;
            let (seed, epoch) = (call.args.int("seed")?, call.args.int("epoch")?);
            transform::apply(&transform.pipeline, images.tensor(), seed, epoch)
        };
        call.at(applied()).map(|images| Dynamic::from(ScriptTensor::new(images)))
    });
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
    handle_type::<Dataset>(binder, "dataset");
    handle_type::<Split>(binder, "split");
    handle_type::<Model>(binder, "model");
    handle_type::<Transform>(binder, "transform");
    handle_type::<ThreatModel>(binder, "threat_model");
    handle_type::<Attacker>(binder, "attack");
    handle_type::<Arm>(binder, "objective");
    handle_type::<Protocol>(binder, "protocol");
    properties(binder);
}

const TRAIN: Spec = Spec::property(
    "dataset",
    "train",
    "split",
    "The images that networks are trained on.",
    Example { code: "dataset::digits().train.len", shows: "1078" },
);
const VAL: Spec = Spec::property(
    "dataset",
    "val",
    "split",
    "The images that decide between settings.",
    Example { code: "dataset::digits().val.len", shows: "120" },
);
const TEST: Spec = Spec::property(
    "dataset",
    "test",
    "split",
    "The images that results are reported on.",
    Example { code: "dataset::digits().test.len", shows: "599" },
);
const DATASET_CLASSES: Spec = Spec::property(
    "dataset",
    "classes",
    "number",
    "The number of classes; labels are 0, 1, ...",
    Example { code: "dataset::digits(#{ classes: 0..3 }).classes", shows: "3" },
);
const SPLIT_CLASSES: Spec = Spec::property(
    "split",
    "classes",
    "number",
    "The number of classes of its dataset.",
    Example { code: "dataset::digits().test.classes", shows: "10" },
);
const SPLIT_LEN: Spec = Spec::property(
    "split",
    "len",
    "number",
    "The number of images.",
    Example { code: "dataset::digits(#{ limit: 100 }).train.len", shows: "90" },
);
const MODEL_CLASSES: Spec = Spec::property(
    "model",
    "classes",
    "number",
    "The number of classes that the head tells apart.",
    Example { code: "model::resnet8(#{ classes: 7 }).classes", shows: "7" },
);
const NAME: Spec = Spec::property(
    "handle",
    "name",
    "text",
    "The name in tables and plots.",
    Example { code: "attack::shuffled(attack::pgd()).name", shows: "shuffled(pgd)" },
);
const ADDRESS: Spec = Spec::property(
    "handle",
    "address",
    "text",
    "The hash of what was asked for, under which the store keeps results; `why` explains it.",
    Example { code: "attack::pgd().address == attack::pgd(#{ steps: 3 }).address", shows: "true" },
);

fn properties(binder: &mut Binder) {
    binder.property(&TRAIN, |data: &mut Dataset| data.train.clone());
    binder.property(&VAL, |data: &mut Dataset| data.val.clone());
    binder.property(&TEST, |data: &mut Dataset| data.test.clone());
    binder.property(&DATASET_CLASSES, |data: &mut Dataset| data.classes());
    binder.property(&SPLIT_CLASSES, |split: &mut Split| split.classes());
    binder.property(&SPLIT_LEN, |split: &mut Split| split.len() as i64);
    binder.property(&MODEL_CLASSES, |model: &mut Model| model.spec().classes);
}

/// Registers text, name and address of a handle type.
pub(super) fn handle_type<T: Handle + Clone>(binder: &mut Binder, name: &str) {
    binder.handle_property(&NAME, |handle: &mut T| ImmutableString::from(handle.label()));
    binder.handle_property(&ADDRESS, |handle: &mut T| {
        ImmutableString::from(handle.lineage().address().as_str())
    });
    let engine = binder.engine();
    engine.register_type_with_name::<T>(name);
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
        "transform" => match PRESETS.iter().any(|entry| entry.spec.name == name) {
            true => made(PRESETS, kind, name, Transform::build),
            false => made(TRANSFORMS, kind, name, Transform::build),
        },
        "protocol" => made(PROTOCOLS, kind, name, Protocol::build),
        "attack" => made(ATTACKS, kind, name, Attacker::build),
        "objective" => made(OBJECTIVES, kind, name, Arm::build),
        _ => {
            let error = Error::usage(format!("expected {}, found \"{name}\" (a text)", one(kind)));
            Err(match kind {
                "threat_model" => error.hint("threat_model::l2(0.5)"),
                _ => error,
            })
        }
    }
}

/// The names that [`by_name`] takes for a kind of handle.
pub fn names_of(kind: &str) -> Vec<&'static str> {
    fn names<B>(entries: &[&'static Entry<B>]) -> Vec<&'static str> {
        let free = entries.iter().filter(|entry| entry.spec.required_inputs() == 0);
        free.map(|entry| entry.spec.name).collect()
    }
    match kind {
        "transform" => [names(TRANSFORMS), names(PRESETS)].concat(),
        "protocol" => names(PROTOCOLS),
        "attack" => names(ATTACKS),
        "objective" => names(OBJECTIVES),
        _ => Vec::new(),
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
        let error = Error::usage(format!("expected {}, found \"{name}\"", one(kind)))
            .hint(format!("known: {}", names.join(", ")));
        return Err(match nearest(name, names) {
            Some(near) => error.hint(format!("did you mean \"{near}\"?")),
            None => error,
        });
    };
    let args = Args::resolve(&entry.spec, Vec::new(), Vec::new())?;
    Ok(Value::Handle(Rc::new(build(entry, &args)?)))
}
