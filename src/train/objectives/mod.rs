//! Objectives: what one step of a training minimises, one file each.

mod clean;
mod fast;
mod free;
mod grad_norm;
#[cfg(test)]
mod laws;
mod mixed;
#[cfg(test)]
pub(super) mod parity;
mod perturbed;
mod trades;
mod yoked;

use crate::attack::{Attacker, Cost, Elsewhere, Perturbation};
use crate::dataset::{Batch, Split};
use crate::error::Result;
use crate::lineage::Lineage;
use crate::model::{Draws, Network};
use crate::registry::{Args, Entry, Handle, Kind, Param};
use crate::seed::Stream;
use crate::threat_model::{Norm, NormBall};
use std::any::Any;
use std::rc::Rc;
use tch::{Reduction, Tensor};

/// What one step minimises.
pub trait Objective {
    /// The loss and the logits of one batch, with autograd to the parameters.
    ///
    /// # Errors
    /// Those of the network and the attack; a loss that is not finite has the kind `Diverged`.
    fn step(&self, moment: &Moment<'_>) -> Result<Step>;

    /// What one update costs per image, with a network of so many classes.
    fn passes(&self, classes: i64) -> Passes;

    /// Updates in a row that use the same batch.
    fn replays(&self) -> i64 {
        1
    }

    /// What to hand to the next step as [`Moment::carried`], from the gradient in [`Step::leaf`].
    ///
    /// # Errors
    /// Shapes differ.
    fn carry(&self, step: &Step, gradient: &Tensor) -> Result<Tensor> {
        let _ = step;
        Ok(gradient.shallow_clone())
    }

    /// The factor by which a budget or replays lengthen the schedule of a network of this size on
    /// these images.
    ///
    /// # Errors
    /// A budget that no length of training spends.
    fn stretch(&self, images: &Split, size: Size) -> Result<f64> {
        let _ = (images, size);
        Ok(1.0)
    }

    /// The attack it makes the network resist.
    fn attack(&self) -> Option<&Attacker> {
        None
    }

    /// The ball of its perturbations where this share of the training is done.
    fn ball(&self, progress: f64) -> Option<NormBall> {
        let _ = progress;
        self.attack().map(|attacker| attacker.attack.ball())
    }

    /// Whether it trains on what the lead of a lockstep made of the batch.
    fn follows(&self) -> bool {
        false
    }

    /// Whether its steps have a leaf.
    fn carries(&self) -> bool {
        false
    }

    /// The random views that it takes of each batch: one, or two with [`Moment::other`].
    fn views(&self) -> i64 {
        1
    }

    /// An attack that is tried after every epoch: where the network resists it far less than the
    /// epoch before, the training ends with the weights of the epoch before.
    fn guard(&self) -> Option<&Attacker> {
        None
    }
}

/// One step as an objective sees it.
pub struct Moment<'a> {
    /// The network before the update.
    pub network: &'a Network,
    /// The images.
    pub batch: &'a Batch,
    /// The same images in another random view, where some objective of the job takes two.
    pub other: Option<&'a Batch>,
    /// The stream of the epoch, from which draws for single images derive.
    pub stream: Stream,
    /// The share of the training that is done, in [0, 1).
    pub progress: f64,
    /// The share of each label that all classes get alike.
    pub label_smoothing: f64,
    /// What the lead of a lockstep made of the batch.
    pub lead: Option<&'a Lead>,
    /// What [`Objective::carry`] gave after the step before; nothing in the first.
    pub carried: Option<&'a Tensor>,
}

/// What the lead of a lockstep made of a batch.
pub struct Lead {
    /// Its perturbation.
    pub perturbation: Perturbation,
    /// The ball that it was kept in.
    pub ball: NormBall,
}

impl Moment<'_> {
    /// The logits of `x` in training mode, with autograd.
    ///
    /// # Errors
    /// Images of another shape.
    pub fn logits(&self, x: &Tensor) -> Result<Tensor> {
        self.network.train_logits(x, Draws { stream: self.stream, ids: &self.batch.ids })
    }

    /// The mean cross-entropy of `logits` `[B, C]` against the batch's labels, smoothed as the
    /// recipe asks.
    ///
    /// # Errors
    /// Labels that are no classes.
    pub fn cross_entropy(&self, logits: &Tensor) -> Result<Tensor> {
        let (y, smoothing) = (&self.batch.y, self.label_smoothing);
        let weight: Option<Tensor> = None;
        Ok(logits.f_cross_entropy_loss(y, weight, Reduction::Mean, -100, smoothing)?)
    }
}

/// One step before its update.
pub struct Step {
    /// The mean loss of the batch, with autograd.
    pub loss: Tensor,
    /// The logits on the images trained on.
    pub logits: Tensor,
    /// Their classes, where they are not those of the batch.
    pub y: Option<Tensor>,
    /// What was done to the images.
    pub perturbation: Option<Perturbation>,
    /// A tensor in the graph of the loss whose gradient the objective carries on.
    pub leaf: Option<Tensor>,
}

impl Step {
    /// A step on images as they are.
    pub fn plain(loss: Tensor, logits: Tensor) -> Self {
        Self { loss, logits, y: None, perturbation: None, leaf: None }
    }
}

/// How large a network in training is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Its classes.
    pub classes: i64,
    /// What one forward pass of an image costs.
    pub multiplications: i64,
}

/// What one update costs per image of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// Images that enter the update.
    pub images: i64,
    /// Different ones among them that are as the data set gives them.
    pub given: i64,
    /// Different ones among them that are new each time, whatever the data set gives.
    pub fresh: i64,
    /// Forward passes.
    pub forwards: i64,
    /// Backward passes to the images.
    pub to_images: i64,
    /// Backward passes to the weights; one through a gradient counts twice.
    pub to_weights: i64,
    /// Those of the passes that do not go through the network in training.
    pub elsewhere: Elsewhere,
}

impl Passes {
    /// One forward and one backward pass on images as they are.
    pub const CLEAN: Self = Self {
        images: 1,
        given: 1,
        fresh: 0,
        forwards: 1,
        to_images: 0,
        to_weights: 1,
        elsewhere: Elsewhere { passes: 0, multiplications: 0 },
    };
    /// One forward and one backward pass on images made of them.
    pub const PERTURBED: Self = Self { given: 0, fresh: 1, ..Self::CLEAN };

    /// Training on what an attack of this cost makes of the images.
    pub fn of_attack(cost: Cost) -> Self {
        let Cost { forwards, backwards, elsewhere } = cost;
        Self { forwards: forwards + 1, to_images: backwards, elsewhere, ..Self::PERTURBED }
    }

    /// Multiplications in units of one forward pass of the network in training.
    pub fn flops(&self, size: Size) -> f64 {
        let own = self.forwards + self.to_images - self.elsewhere.passes + 2 * self.to_weights;
        own as f64 + self.elsewhere.multiplications as f64 / size.multiplications as f64
    }
}

/// An objective as a script holds it: `train::perturbed(pgd)`.
#[derive(Clone)]
pub struct Arm {
    /// What a step minimises.
    pub objective: Rc<dyn Objective>,
    label: String,
    lineage: Rc<Lineage>,
}

impl Arm {
    /// Makes the objective of `entry`; its label is the `name` option or its default.
    ///
    /// # Errors
    /// Arguments that do not go together.
    pub fn build(entry: &'static Entry<Build>, args: &Args) -> Result<Self> {
        let (objective, default_label) = (entry.build)(args)?;
        let label = args.optional_text("name")?.map_or(default_label, str::to_owned);
        Ok(Self { objective, label, lineage: args.lineage(&[], &[]) })
    }

    /// `train::clean()`.
    ///
    /// # Errors
    /// Internal: an entry without its defaults.
    pub fn clean() -> Result<Self> {
        Self::build(&clean::ENTRY, &Args::resolve(&clean::ENTRY.spec, Vec::new(), Vec::new())?)
    }
}

impl Handle for Arm {
    fn kind(&self) -> &'static str {
        "objective"
    }

    fn lineage(&self) -> Rc<Lineage> {
        self.lineage.clone()
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    fn summary(&self) -> String {
        format!("objective {} [{}]", self.label, self.lineage.address().short())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Makes an objective and its default label.
pub type Build = fn(&Args) -> Result<(Rc<dyn Objective>, String)>;

/// All objectives, in the order of the manual.
pub const OBJECTIVES: &[&Entry<Build>] = &[
    &clean::ENTRY,
    &fast::ENTRY,
    &free::ENTRY,
    &grad_norm::ENTRY,
    &mixed::ENTRY,
    &perturbed::ENTRY,
    &trades::ENTRY,
    &yoked::ENTRY,
];

/// The option `norm` of objectives that perturb by themselves.
const NORM: Param = Param::choice("norm", &["linf", "l2"], NormBall::NORM.doc);
/// Their option `eps`.
const EPS: Param = Param::optional(
    "eps",
    Kind::Float { min: 0.0, max: f64::INFINITY },
    "Largest norm of a perturbation, in pixels of [0,1]; 8/255, or 0.5 for l2, if left out.",
);

/// Reads [`NORM`] and [`EPS`].
fn ball(args: &Args) -> Result<NormBall> {
    let norm = NormBall::norm_of(args)?;
    let usual = if norm == Norm::L2 { 0.5 } else { 8.0 / 255.0 };
    Ok(NormBall { norm, eps: args.optional_float(EPS.name)?.unwrap_or(usual) })
}
