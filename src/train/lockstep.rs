//! `train::lockstep(models, objectives, source, #{...})`: several networks, the same batches.

use super::trained::{Course, SHARED, TrainReport};
use super::{Arm, TRAIN};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::lineage::Derived;
use crate::model::Model;
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec, Value};
use std::rc::Rc;

/// `train::lockstep(models, objectives, source, #{...})`.
pub const LOCKSTEP: Spec = Spec {
    name: "lockstep",
    home: Home::Namespace("train"),
    doc: "Trains several models in one run on the same batches, each with its own objective. The \
          first is the lead: objectives train::yoked take what it made of each batch, so that \
          followers are trained on changes of one and the same perturbation. A model whose \
          objective follows nobody becomes what m.train makes of it, bit for bit, and shares its \
          stored result. Returns one training per model.",
    inputs: &[
        Param::input("models", Kind::Handles("model"), "The lead, then the others."),
        Param::input("objectives", Kind::Handles("objective"), "One for each model."),
        Param::input("source", Kind::Handle("dataset"), "What is trained on."),
    ],
    params: &SHARED,
    returns: "list",
    example: Example {
        code: "let pair = [0, 0].map(|seed| model::resnet8(#{ width: 4, size: 8, seed: seed }));\n\
               let pgd = train::perturbed(attack::pgd(#{ eps: 0.5 }));\n\
               let data = dataset::digits(#{ limit: 200 });\n\
               let runs = train::lockstep(pair, [pgd, train::yoked(\"same\")], data, #{ epochs: 1 });\n\
               runs[0].curve[0].loss == runs[1].curve[0].loss",
        shows: "true",
    },
    cite: "",
    version: 1,
};

/// Trains the models; see [`LOCKSTEP`].
///
/// # Errors
/// Lists of two lengths, one model given twice, a lead that follows, and those of
/// [`super::train`].
pub fn lockstep(context: &Context, args: &Args) -> Result<Vec<Derived<TrainReport>>> {
    let models: Vec<Model> = args.handles("models")?;
    let arms: Vec<Arm> = args.handles("objectives")?;
    if models.len() != arms.len() || models.is_empty() {
        return Err(Error::usage(format!(
            "lockstep: expected an objective for each model, found {} models and {} objectives",
            models.len(),
            arms.len()
        ))
        .at_key("objectives")
        .hint(
            "train::lockstep([lead, a], [train::perturbed(pgd), train::yoked(\"same\")], source)",
        ));
    }
    let twice = |place: usize| models[..place].iter().any(|other| other.is(&models[place]));
    if let Some(place) = (0..models.len()).find(|place| twice(*place)) {
        return Err(Error::usage(format!("lockstep: model {place} is given twice"))
            .at_key("models")
            .hint("two calls of a constructor make two models"));
    }
    if arms[0].objective.follows() {
        return Err(Error::usage(
            "lockstep: the first objective expected to lead, found one that follows",
        )
        .at_key("objectives")
        .hint("the first model is the lead"));
    }
    let (lead, led) = (&arms[0].objective, arms.iter().any(|arm| arm.objective.follows()));
    if led && lead.guard().is_some() {
        return Err(Error::usage(format!(
            "lockstep: objective {} expected to lead to the end, found one with a guard",
            arms[0].label()
        ))
        .at_key("objectives")
        .hint("guard: false"));
    }
    if led && lead.attack().is_none() {
        return Err(Error::usage(format!(
            "lockstep: the first objective expected to perturb, since others follow, found {}",
            arms[0].label()
        ))
        .at_key("objectives")
        .hint("the first model is the lead"));
    }
    let mut course: Option<Course> = None;
    let mut lead = None;
    for (model, arm) in models.iter().zip(&arms) {
        let args = alone(args, arm)?;
        let course = match &mut course {
            Some(course) => course,
            none => none.insert(Course::new(&args)?),
        };
        let follows = lead.as_ref().filter(|_| arm.objective.follows());
        let lineage = course.add(context, model, arm, &args, follows)?;
        lead.get_or_insert(lineage);
    }
    let course = course.ok_or_else(|| Error::internal("lockstep: no model"))?;
    course.run_for(context, &models, &mut |_, _, _| Ok(()))
}

/// The call of [`TRAIN`] that would train one of the models alone.
fn alone(args: &Args, arm: &Arm) -> Result<Args> {
    let mut options = vec![("objective".to_owned(), Value::Handle(Rc::new(arm.clone())))];
    for param in &SHARED {
        if !args.is_defaulted(param.name) {
            options.push((param.name.to_owned(), args.value(param.name)?.clone()));
        }
    }
    Args::resolve(&TRAIN, vec![args.value("source")?.clone()], options)
}
