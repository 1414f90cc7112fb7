//! The verb `m.train(source, #{...})`, and the weights it leaves behind.

use super::job::{Job, Keep, Part};
use super::outcome::{Ended, Outcome};
use super::trainer::stored_weights;
use super::{Arm, Recipe, Size, Status, Trained, run};
use crate::attack::Attacker;
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
    doc: "Trains the model on source.train, and makes the handle name the trained model. A \
          finished training of the same lineage is found in the store; a killed one resumes \
          inside its epoch with the same bits. Returns the curve, what was spent and a status; \
          status overfit says that a network trained on an attack by gradients resists that \
          attack only, as FGSM and PGD-50 on up to 256 images of val show at the end, or that the \
          guard of its objective stopped it.",
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
    version: 2,
};

/// The options of [`TRAIN`] that the networks of a lockstep share.
pub(super) const SHARED: [Param; 20] = {
    let recipe = Recipe::params(10, 0.1);
    let mut shared = [Precision::PARAM; 20];
    let mut at = 0;
    while at < recipe.len() {
        shared[at] = recipe[at];
        at += 1;
    }
    shared[17] = Param::int(
        "eval_every",
        0,
        0,
        "Epochs between two evaluations on source.val, for the curve; 0 for none.",
    );
    shared[18] = Param::optional(
        "eval_attack",
        Kind::Handle("attack"),
        "What perturbs the images of these evaluations for the robust accuracy.",
    );
    shared[19] = Param::seed();
    shared
};

const PARAMS: [Param; 22] = {
    let mut params = [SHARED[0]; 22];
    params[0] = Param::optional(
        "objective",
        Kind::Handle("objective"),
        "What a step minimises; train::clean() by default.",
    );
    let mut at = 0;
    while at < SHARED.len() {
        params[at + 1] = SHARED[at];
        at += 1;
    }
    params[21] = Param::optional(
        "on_epoch",
        Kind::Callback,
        "Function called with an event (epoch, loss, accuracy, model) after every epoch; \
         replayed when the result comes from the store.",
    );
    params
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
/// Images or classes that do not fit the model, an objective that follows a lead, and those of
/// [`run`].
pub fn train(
    context: &Context,
    model: &Model,
    arm: &Arm,
    args: &Args,
    on_epoch: Option<OnEpoch>,
) -> Result<Derived<TrainReport>> {
    if arm.objective.follows() {
        return Err(Error::usage(format!("train: objective {} follows a lead", arm.label()))
            .at_key("objective")
            .hint(
                "train::lockstep([lead, model], [objective of the lead, this], source) has one",
            ));
    }
    let mut course = Course::new(args)?;
    course.add(context, model, arm, args, None)?;
    let mut callback = on_epoch;
    let mut reports =
        course.run_for(context, std::slice::from_ref(model), &mut |_, point, model| {
            callback.as_mut().map_or(Ok(()), |callback| callback(point, model))
        })?;
    reports.pop().ok_or_else(|| Error::internal("train: no report"))
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

/// A training of one network, or of several in lockstep: all it takes to do it, or do it again.
pub(super) struct Course {
    source: Dataset,
    recipe: Recipe,
    precision: Precision,
    watch: (i64, Option<Attacker>),
    networks: Vec<Learner>,
}

/// One network of a course.
struct Learner {
    before: Model,
    arm: Arm,
    lineage: Rc<Lineage>,
}

/// Called after every epoch with the place of a network, its point and its model as it is then.
pub(super) type OnEpochOf<'a> = &'a mut dyn FnMut(usize, &super::EpochPoint, &Model) -> Result<()>;

impl Course {
    /// A course without networks by the arguments of [`TRAIN`].
    ///
    /// # Errors
    /// Options that do not go together.
    pub fn new(args: &Args) -> Result<Self> {
        let attacker = args.optional_handle("eval_attack")?;
        let every = args.int("eval_every")?;
        if attacker.is_some() && every == 0 {
            return Err(Error::usage("train: eval_attack expected eval_every, found 0")
                .at_key("eval_attack")
                .hint("eval_every: 1 evaluates after every epoch"));
        }
        Ok(Self {
            source: args.handle("source")?,
            recipe: Recipe::read(args, args.int("seed")?)?,
            precision: Precision::of(args)?,
            watch: (every, attacker),
            networks: Vec::new(),
        })
    }

    /// Adds a network, whose lineage is that of the call `args` of [`TRAIN`] and of the lead it
    /// follows; returns it.
    ///
    /// # Errors
    /// Images or classes that do not fit the model.
    pub fn add(
        &mut self,
        context: &Context,
        model: &Model,
        arm: &Arm,
        args: &Args,
        lead: Option<&Rc<Lineage>>,
    ) -> Result<Rc<Lineage>> {
        fits(model, &self.source)?;
        let before = model.snapshot();
        let mut inputs = vec![
            ("model", before.lineage()),
            ("objective", arm.lineage()),
            ("source", self.source.train.lineage()),
        ];
        inputs.extend(lead.map(|lead| ("lead", lead.clone())));
        let lineage = args.lineage(&[("device", Json::from(context.device_kind()))], &inputs);
        self.networks.push(Learner { before, arm: arm.clone(), lineage: lineage.clone() });
        Ok(lineage)
    }

    /// Trains, and makes `models` name what became of them.
    ///
    /// # Errors
    /// Those of [`run`].
    pub fn run_for(
        self,
        context: &Context,
        models: &[Model],
        on_epoch: OnEpochOf,
    ) -> Result<Vec<Derived<TrainReport>>> {
        let course = Rc::new(self);
        let outcome =
            course.run(context, Keep::Result, &mut |place, point, updates, network| {
                on_epoch(place, point, &course.networks[place].at_epoch(updates, network)?)
            })?;
        let (ended, interrupted) = match outcome {
            Outcome::Finished(ended) => (ended, false),
            Outcome::Interrupted(ended) => (ended, true),
        };
        let mut reports = Vec::new();
        for (place, (Ended { trained, network }, model)) in
            ended.into_iter().zip(models).enumerate()
        {
            let lineage = course.networks[place].lineage.clone();
            let (lineage, origin, network): (_, Rc<dyn Origin>, _) = if interrupted {
                (lineage.at_step(trained.spent.updates), Rc::new(Gone), network)
            } else if trained.status == Status::Diverged {
                (lineage, Rc::new(Diverged), None)
            } else {
                (lineage, Rc::new(TrainedOrigin { course: course.clone(), place }), network)
            };
            model.become_trained(lineage.clone(), origin, network);
            reports.push(Derived { value: TrainReport { trained, interrupted }, lineage });
        }
        Ok(reports)
    }

    fn run(
        &self,
        context: &Context,
        keep: Keep,
        on_epoch: super::trainer::OnEpoch,
    ) -> Result<Outcome> {
        let seed = self.recipe.seed;
        let val = &self.source.val;
        let job = Job {
            parts: self.networks.iter().map(Learner::part).collect::<Result<_>>()?,
            split: &self.source.train,
            held_out: if val.is_empty() { None } else { Some(val) },
            watch: self.watch.clone(),
            recipe: self.recipe.clone(),
            what: match self.networks.as_slice() {
                [one] => format!("train {} (seed {seed})", one.arm.label()),
                all => format!("train {} in lockstep (seed {seed})", all.len()),
            },
            keep,
        };
        let start = |place: usize| {
            Ok(self.networks[place].before.network(context)?.copy()?.at(self.precision))
        };
        run(context, &job, &start, on_epoch)
    }
}

impl Learner {
    fn part(&self) -> Result<Part<'_>> {
        let spec = self.before.spec();
        let multiplications = spec.architecture.multiplications(spec.classes)?;
        let size = Size { classes: spec.classes, multiplications };
        Ok(Part { lineage: self.lineage.clone(), arm: &self.arm, size })
    }

    fn at_epoch(&self, updates: u64, network: Option<&Network>) -> Result<Model> {
        let model = self.before.snapshot();
        let network = network.map(Network::copy).transpose()?;
        model.become_trained(self.lineage.at_step(updates), Rc::new(Gone), network);
        Ok(model)
    }
}

/// Another machine, another number of threads or another program rounds otherwise.
const OTHER_WEIGHTS: &str = "train: trained again, these are other weights than those that results in \
     the store were measured with, which stay beside what is measured now; another --store measures \
     everything with these";

/// Weights that a training makes: read from the store, or made again if they were dropped.
struct TrainedOrigin {
    course: Rc<Course>,
    place: usize,
}

impl Origin for TrainedOrigin {
    fn network(&self, context: &Context) -> Result<Network> {
        let learner = &self.course.networks[self.place];
        if let Some(state) = stored_weights(context, &learner.lineage)? {
            let network = learner.before.initialised(context)?;
            network.load_state(&state)?;
            return Ok(network);
        }
        context.monitor.warn("train: the weights are no longer in the store, training them again");
        let known: Option<Trained> = context.found(learner.lineage.address())?;
        let outcome = self.course.run(context, Keep::Weights, &mut |_, _, _, _| Ok(()))?;
        match outcome {
            Outcome::Finished(mut ended) => {
                let Ended { trained, network } = ended.swap_remove(self.place);
                if known.is_some_and(|known| known.curve != trained.curve) {
                    context.monitor.warn(OTHER_WEIGHTS);
                }
                network.ok_or_else(|| {
                    Error::internal("train: a training without reuse gave no network")
                })
            }
            Outcome::Interrupted(ended) => {
                Err(interrupted(ended[self.place].trained.spent.updates))
            }
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
