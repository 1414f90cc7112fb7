//! The verb `m.train(source, #{...})`, and the weights it leaves behind.

use super::trainer::stored_weights;
use super::{Arm, Job, Keep, Outcome, Recipe, Trained, run};
use crate::context::Context;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::lineage::{Derived, Lineage};
use crate::model::{Model, Network, Origin, Precision};
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec};
use serde_json::Value as Json;
use std::rc::Rc;

/// `m.train(source, #{...})`.
pub const TRAIN: Spec = Spec {
    name: "train",
    home: Home::Method("model"),
    doc: "Trains the model on source.train with SGD, and makes the handle name the trained \
          model. A finished training of the same lineage is found in the store; a killed one \
          resumes inside its epoch with the same bits. Returns the curve and what was spent.",
    inputs: &[Param::input("source", Kind::Handle("dataset"), "What is trained on.")],
    params: &PARAMS,
    returns: "training",
    example: Example {
        code: "let m = model::resnet8(#{ width: 4, classes: 2 });\n\
               let r = m.train(dataset::fashion_mnist(#{ classes: 0..2, limit: 256 }), #{ epochs: 1 });\n\
               r.updates",
        shows: "2",
    },
    cite: "",
    version: 1,
};

const PARAMS: [Param; 10] = {
    let recipe = Recipe::params(10, 0.1);
    [
        Param::optional(
            "objective",
            Kind::Handle("objective"),
            "What a step minimises; train::clean() by default.",
        ),
        recipe[0],
        recipe[1],
        recipe[2],
        recipe[3],
        recipe[4],
        recipe[5],
        Precision::PARAM,
        recipe[6],
        Param::optional(
            "on_epoch",
            Kind::Callback,
            "Function called with an event (epoch, loss, accuracy, model) after every epoch; \
             replayed when the result comes from the store.",
        ),
    ]
};

/// What a finished or interrupted call returns to the script.
#[derive(Debug, Clone)]
pub struct TrainReport {
    /// The curve and the counts.
    pub trained: Trained,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// Called after every epoch with the model as it is then.
pub type OnEpoch<'a> = &'a mut dyn FnMut(&super::EpochPoint, &Model) -> Result<()>;

/// Trains `model`; see [`TRAIN`]. `arm` is the resolved objective.
///
/// # Errors
/// Images or classes that do not fit the model, and those of [`run`].
pub fn train(
    context: &Context,
    model: &Model,
    arm: &Arm,
    args: &Args,
    on_epoch: Option<OnEpoch>,
) -> Result<Derived<TrainReport>> {
    let source: Dataset = args.handle("source")?;
    let recipe = Recipe::read(args, args.int("seed")?)?;
    fits(model, &source)?;
    let before = model.snapshot();
    let lineage = args.lineage(
        &[("device", Json::from(context.device_kind()))],
        &[
            ("model", before.lineage()),
            ("objective", arm.lineage()),
            ("source", source.train.lineage()),
        ],
    );
    let precision = Precision::of(args)?;
    let origin = TrainedOrigin { before, source, arm: arm.clone(), recipe, precision, lineage };
    let mut callback = on_epoch;
    let outcome = origin.run(context, Keep::Result, &mut |point, updates, network| {
        let Some(callback) = callback.as_mut() else { return Ok(()) };
        callback(point, &origin.at_epoch(updates, network)?)
    })?;
    let lineage = origin.lineage.clone();
    let origin = Rc::new(origin);
    Ok(match outcome {
        Outcome::Finished(trained, _) if trained.diverged => {
            model.become_trained(lineage.clone(), Rc::new(Diverged), None);
            Derived { value: TrainReport { trained, interrupted: false }, lineage }
        }
        Outcome::Finished(trained, network) => {
            model.become_trained(lineage.clone(), origin, network);
            Derived { value: TrainReport { trained, interrupted: false }, lineage }
        }
        Outcome::Interrupted(updates, trained, network) => {
            let lineage = lineage.at_step(updates);
            model.become_trained(lineage.clone(), Rc::new(Gone), Some(network));
            Derived { value: TrainReport { trained, interrupted: true }, lineage }
        }
    })
}

/// Whether the images of `source` are those the model is made for.
pub(crate) fn fits(model: &Model, source: &Dataset) -> Result<()> {
    let spec = model.spec();
    let (expected, found) = (spec.architecture.input_shape(), source.shape());
    let shape = |[channels, height, width]: [i64; 3]| format!("{channels}x{height}x{width}");
    if expected != found {
        return Err(Error::usage(format!(
            "train: {} expects images of {}, found {} in {}",
            spec.architecture.name,
            shape(expected),
            shape(found),
            source.name()
        ))
        .hint(format!(
            "{}(#{{ size: {} }}) resizes the images, or give the model another size",
            source.name(),
            expected[1]
        )));
    }
    if spec.classes < source.classes() {
        return Err(Error::usage(format!(
            "train: the model has {} classes, {} has {}",
            spec.classes,
            source.name(),
            source.classes()
        ))
        .hint("make the model with classes: source.classes"));
    }
    Ok(())
}

/// Weights that a training makes: read from the store, or made again if they were dropped.
struct TrainedOrigin {
    before: Model,
    source: Dataset,
    arm: Arm,
    recipe: Recipe,
    precision: Precision,
    lineage: Rc<Lineage>,
}

impl TrainedOrigin {
    fn run(
        &self,
        context: &Context,
        keep: Keep,
        on_epoch: super::trainer::OnEpoch,
    ) -> Result<Outcome> {
        let job = Job {
            lineage: self.lineage.clone(),
            split: &self.source.train,
            arm: &self.arm,
            recipe: self.recipe,
            what: format!("train {} (seed {})", self.arm.label(), self.recipe.seed),
            keep,
        };
        let start = || Ok(self.before.network(context)?.copy()?.at(self.precision));
        run(context, &job, &start, on_epoch)
    }

    fn at_epoch(&self, updates: u64, network: Option<&Network>) -> Result<Model> {
        let model = self.before.snapshot();
        let network = network.map(Network::copy).transpose()?;
        model.become_trained(self.lineage.at_step(updates), Rc::new(Gone), network);
        Ok(model)
    }
}

impl Origin for TrainedOrigin {
    fn network(&self, context: &Context) -> Result<Network> {
        if let Some(state) = stored_weights(context, &self.lineage)? {
            let network = self.before.initialised(context)?;
            network.load_state(&state)?;
            return Ok(network);
        }
        context.monitor.warn("train: the weights are no longer in the store, training them again");
        match self.run(context, Keep::Weights, &mut |_, _, _| Ok(()))? {
            Outcome::Finished(_, Some(network)) => Ok(network),
            Outcome::Finished(_, None) => {
                Err(Error::internal("train: a training without reuse gave no network"))
            }
            Outcome::Interrupted(updates, _, _) => Err(interrupted(updates)),
        }
    }
}

/// Weights between two updates, which nothing keeps.
struct Gone;

impl Origin for Gone {
    fn network(&self, _: &Context) -> Result<Network> {
        Err(Error::usage("train: the weights of this epoch are not kept")
            .hint("they exist only while the training runs; evaluate them in on_epoch"))
    }
}

/// Weights of a training that diverged: nothing is computed from them.
struct Diverged;

impl Origin for Diverged {
    fn network(&self, _: &Context) -> Result<Network> {
        Err(Error::diverged("train: the training diverged, its weights are of no use")
            .hint("a smaller lr or eps keeps the loss finite"))
    }
}

/// The error of work that needs a finished training.
pub fn interrupted(updates: u64) -> Error {
    Error::interrupted(format!("train: interrupted after {updates} updates; a checkpoint is kept"))
        .hint("run the same command again to continue")
}
