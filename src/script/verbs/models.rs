//! The verbs of a model: train, evaluate, transfer, and its parameters.

use super::ScriptTable;
use super::reports::prepared;
use super::tensors::ScriptTensor;
use super::trainings::point_map;
use crate::checkpoint::{LOAD, SAVE, load, save};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::evaluate::{EVALUATE, evaluate};
use crate::model::{AT_SIZE, FEATURES, LOGITS, Model, SUMMARY, at_size, features, logits, summary};
use crate::registry::{Args, Example, Home, Kind, Param, Spec};
use crate::script::binding::{Binder, Call, Outcome};
use crate::script::failure::stopped;
use crate::script::run::Run;
use crate::train::{Arm, EpochPoint, LOCKSTEP, TRAIN, interrupted, lockstep, train};
use crate::transfer::{BN_RECALIBRATE, TRANSFER, bn_recalibrate, transfer};
use rhai::{Array, Dynamic, EvalAltResult, FnPtr, Map};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

const PARAMETER: Spec = Spec {
    name: "parameter",
    home: Home::Method("model"),
    doc: "A copy of one parameter or running statistic, by its name in state_dict.",
    inputs: &[Param::input("key", Kind::Text, "The name, e.g. \"fc.bias\".")],
    params: &[],
    returns: "tensor",
    example: Example {
        code: "model::resnet8(#{ width: 4, classes: 3 }).parameter(\"fc.bias\").shape",
        shows: "[3]",
    },
    cite: "",
    version: 1,
};

const SET_PARAMETER: Spec = Spec {
    name: "set_parameter",
    home: Home::Method("model"),
    doc: "Writes one parameter or running statistic. The model's address becomes the hash of all \
          its weights, since no request describes them any more.",
    inputs: &[
        Param::input("key", Kind::Text, "The name, e.g. \"fc.bias\"."),
        Param::input("tensor", Kind::Any, "The new values, in the same shape."),
    ],
    params: &[],
    returns: "nothing",
    example: Example {
        code: "let m = model::resnet8(#{ width: 4, classes: 3 });\n\
               m.set_parameter(\"fc.bias\", tensor::full([3], 0.5));\n\
               m.parameter(\"fc.bias\").mean",
        shows: "0.5",
    },
    cite: "",
    version: 1,
};

/// Binds the verbs.
pub fn bind(binder: &mut Binder, context: &Context, run: &Rc<RefCell<Run>>) {
    let (under, running) = (context.clone(), run.clone());
    binder.method::<Model>(&TRAIN, move |call| train_verb(&under, &running, &call));
    let (under, running) = (context.clone(), run.clone());
    binder.function(&LOCKSTEP, move |call: Call| {
        let reports = call.at(lockstep(&under, &call.args))?;
        for report in &reports {
            if report.value.interrupted && !running.borrow().interactive {
                return call.at(Err(interrupted(report.value.trained.spent.updates)));
            }
        }
        Ok(reports.into_iter().map(Dynamic::from).collect::<Array>().into())
    });
    let under = context.clone();
    binder.method::<Model>(&EVALUATE, move |call: Call| {
        let model: Model = call.receiver()?;
        call.at(evaluate(&under, &model, &call.args)).map(Dynamic::from)
    });
    let (under, running) = (context.clone(), run.clone());
    binder.method::<Model>(&TRANSFER, move |call: Call| {
        let model: Model = call.receiver()?;
        let transferred = call.at(transfer(&under, &model, &call.args))?;
        running.borrow_mut().notes.extend(transferred.value.notes.iter().cloned());
        Ok(Dynamic::from(transferred))
    });
    let under = context.clone();
    binder.method::<Model>(&BN_RECALIBRATE, move |call: Call| {
        let model: Model = call.receiver()?;
        call.at(bn_recalibrate(&under, &model, &call.args)).map(Dynamic::from)
    });
    binder.method::<Model>(&AT_SIZE, move |call: Call| {
        let model: Model = call.receiver()?;
        call.at(at_size(&model, &call.args)).map(Dynamic::from)
    });
    let (under, running) = (context.clone(), run.clone());
    binder.function(&LOAD, move |call: Call| {
        let loaded = || {
            let path = running.borrow().files().readable(Path::new(call.args.text("path")?));
            load(&under, &path.map_err(|error| error.within("load"))?, &call.args)
        };
        call.at(loaded()).map(Dynamic::from)
    });
    let (under, running) = (context.clone(), run.clone());
    binder.method::<Model>(&SAVE, move |call: Call| {
        let model: Model = call.receiver()?;
        let saved = || {
            let run = running.borrow();
            let name = call.args.text("name")?;
            let path = save(&under, &model, prepared("save", &run, name)?, name)?;
            (run.print)(&format!("weights: {}", path.display()));
            Ok(format!("{name}.safetensors"))
        };
        call.at(saved()).map(Dynamic::from)
    });
    binder.method::<Model>(&SUMMARY, move |call: Call| {
        let model: Model = call.receiver()?;
        call.at(summary(&model.spec())).map(|table| Dynamic::from(ScriptTable::new(table)))
    });
    let under = context.clone();
    binder.method::<Model>(&LOGITS, move |call: Call| {
        let model: Model = call.receiver()?;
        let found = logits(&under, &model, &call.args);
        call.at(found).map(|found| Dynamic::from(ScriptTensor::new(found)))
    });
    let under = context.clone();
    binder.method::<Model>(&FEATURES, move |call: Call| {
        let model: Model = call.receiver()?;
        let found = features(&under, &model, &call.args);
        call.at(found).map(|found| Dynamic::from(ScriptTensor::new(found)))
    });
    let under = context.clone();
    binder.method::<Model>(&PARAMETER, move |call: Call| {
        let model: Model = call.receiver()?;
        let read = || Ok(ScriptTensor::new(model.read(&under, call.args.text("key")?)?));
        call.at(read()).map(Dynamic::from)
    });
    let under = context.clone();
    binder.method::<Model>(&SET_PARAMETER, move |call: Call| {
        let model: Model = call.receiver()?;
        let write = || {
            let Some(tensor) =
                call.inputs.get(1).and_then(|value| value.clone().try_cast::<ScriptTensor>())
            else {
                let found = call.args.value("tensor")?.found();
                return Err(Error::usage(format!(
                    "set_parameter: expected a tensor, found {found}"
                ))
                .hint("tensor::full([3], 0.5), or a parameter read before"));
            };
            model.write(&under, call.args.text("key")?, tensor.tensor())
        };
        call.at(write()).map(Dynamic::from)
    });
}

fn train_verb(context: &Context, run: &Rc<RefCell<Run>>, call: &Call) -> Outcome {
    let model: Model = call.receiver()?;
    let arm = call.at(objective(&call.args))?;
    let callback = call.callbacks.get("on_epoch");
    if let Some(callback) = callback {
        call.at(refuse_capture(callback, &model))?;
    }
    let mut raised: Option<Box<EvalAltResult>> = None;
    let mut on_epoch = |point: &EpochPoint, model: &Model| -> Result<()> {
        let Some(callback) = callback else { return Ok(()) };
        let event = Dynamic::from(event(point, model));
        callback.call_within_context::<Dynamic>(call.context, (event,)).map(|_| ()).map_err(
            |error| {
                let stop = stopped(&error);
                raised = Some(error);
                stop
            },
        )
    };
    let wanted = callback.is_some();
    let trained = train(context, &model, &arm, &call.args, wanted.then_some(&mut on_epoch));
    if let Some(error) = raised {
        return Err(error);
    }
    let trained = call.at(trained)?;
    if trained.value.interrupted && !run.borrow().interactive {
        return call.at(Err(interrupted(trained.value.trained.spent.updates)));
    }
    Ok(Dynamic::from(trained))
}

fn objective(args: &Args) -> Result<Arm> {
    args.optional_handle::<Arm>("objective")?.map_or_else(Arm::clean, Ok)
}

/// A callback that captured the model it is called for would see it before the training.
fn refuse_capture(callback: &FnPtr, model: &Model) -> Result<()> {
    let captured = callback
        .curry()
        .iter()
        .any(|value| value.read_lock::<Model>().is_some_and(|other| other.is(model)));
    if captured {
        return Err(captured_receiver());
    }
    Ok(())
}

/// The error of a callback that captured the model it is called for.
pub fn captured_receiver() -> Error {
    Error::usage("train: on_epoch captures the model that is being trained")
        .at_key("on_epoch")
        .hint("the event holds it: |e| e.model.evaluate(...)")
}

fn event(point: &EpochPoint, model: &Model) -> Map {
    let mut event = point_map(point);
    event.insert("model".into(), Dynamic::from(model.clone()));
    event
}
