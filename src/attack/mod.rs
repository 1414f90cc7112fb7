//! Attackers: they perturb images in [0,1], before the normalisation, against a frozen model.
//! Beside them what shows its features: inversion and gradients.

mod gaussian_noise;
mod input_gradient;
mod invert;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod parity;
mod pgd;
mod shuffled;
mod worst_of_noise;

pub use input_gradient::{INPUT_GRADIENT, input_gradient};
pub use invert::{CurvePoint, Distances, FeatureMap, INVERT, Inversion, invert};

use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::model::Folded;
use crate::registry::{Args, Entry, Handle, Kind};
use crate::seed::Stream;
use crate::threat_model::NormBall;
use std::any::Any;
use std::rc::Rc;
use tch::{Reduction, Tensor};

/// What an attacker sees of a model: logits of shape (N, classes), differentiable in the pixels.
/// It is in evaluation mode and an attack does not change it.
pub trait Victim {
    /// The logits of pixels in [0,1].
    ///
    /// # Errors
    /// The images have the wrong shape.
    fn logits(&self, x: &Tensor) -> Result<Tensor>;
}

impl Victim for Folded {
    fn logits(&self, x: &Tensor) -> Result<Tensor> {
        Self::logits(self, x)
    }
}

/// The batch under attack.
pub struct Target<'a> {
    /// The model.
    pub model: &'a dyn Victim,
    /// The images, f32 of shape (N, C, H, W) in [0,1].
    pub x: &'a Tensor,
    /// The true classes, i64 of shape (N).
    pub y: &'a Tensor,
    /// The images' numbers in their data set: image i draws from `stream.at(ids[i])`.
    pub ids: &'a [u64],
    /// The stream of this seed, purpose and epoch.
    pub stream: Stream,
}

impl Target<'_> {
    /// The cross-entropy of each image, shape (N), as the loss of the operation `attack`.
    fn losses(&self, attack: &str, x: &Tensor) -> Result<Tensor> {
        let logits = self.model.logits(x)?;
        let losses =
            logits.f_cross_entropy_loss(self.y, None::<&Tensor>, Reduction::None, -100, 0.0)?;
        if losses.f_isfinite()?.f_all()?.f_int64_value(&[])? != 1 {
            return Err(Error::diverged(format!("{attack}: loss is not finite"))
                .hint("the model has diverged: lower its learning rate"));
        }
        Ok(losses)
    }
}

/// What an attacker made of a batch.
pub struct Perturbation {
    /// The perturbed images in [0,1], detached.
    pub adversarial: Tensor,
    /// What was really added, after clipping.
    pub delta: Tensor,
    /// The norm of each image's delta, shape (N), in the attacker's own norm.
    pub norms: Tensor,
}

impl Perturbation {
    /// The perturbation that leads from `x` to `adversarial`, measured in `ball`'s norm.
    ///
    /// # Errors
    /// Shapes differ.
    pub fn between(x: &Tensor, adversarial: Tensor, ball: &NormBall) -> Result<Self> {
        let delta = adversarial.f_sub(x)?;
        let norms = ball.norms(&delta)?;
        Ok(Self { adversarial, delta, norms })
    }
}

/// The iterate of highest loss so far, per image.
struct Best {
    x: Tensor,
    losses: Tensor,
}

impl Best {
    fn update(best: Option<Self>, x: &Tensor, losses: &Tensor) -> Result<Self> {
        let Some(best) = best else {
            return Ok(Self { x: x.shallow_clone(), losses: losses.shallow_clone() });
        };
        let higher = losses.f_gt_tensor(&best.losses)?;
        Ok(Self {
            x: x.f_where_self(&higher.f_view([-1, 1, 1, 1])?, &best.x)?,
            losses: losses.f_where_self(&higher, &best.losses)?,
        })
    }
}

/// What one attack costs per image, in passes through the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Forward passes.
    pub forwards: i64,
    /// Backward passes to the images.
    pub backwards: i64,
}

/// An attack.
pub trait Attack {
    /// Perturbs a batch.
    ///
    /// # Errors
    /// The images have the wrong shape; the loss is not finite.
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation>;
    /// What it costs.
    fn cost(&self) -> Cost;
    /// The set it stays in.
    fn ball(&self) -> NormBall;
    /// Whether the perturbation of an image depends on that image only, not on its batch.
    fn per_example(&self) -> bool {
        true
    }
}

/// An attack with its name for people and its lineage: what scripts hold.
#[derive(Clone)]
pub struct Attacker {
    /// The attack.
    pub attack: Rc<dyn Attack>,
    label: String,
    lineage: Rc<Lineage>,
}

/// Makes an attack from checked arguments.
pub type Build = fn(&Args) -> Result<Rc<dyn Attack>>;

/// All attackers.
pub const ATTACKS: &[&Entry<Build>] =
    &[&gaussian_noise::ENTRY, &pgd::ENTRY, &shuffled::ENTRY, &worst_of_noise::ENTRY];

impl Attacker {
    /// The attacker that `args` ask for. Its label is the option `name`, or the entry's name
    /// around those of the attackers it is made of.
    ///
    /// # Errors
    /// An option is not acceptable.
    pub fn build(entry: &Entry<Build>, args: &Args) -> Result<Self> {
        let attack = (entry.build)(args)?;
        let label = match args.optional_text("name")? {
            Some(name) => name.to_owned(),
            None => {
                let spec = args.spec();
                let mut inner = Vec::new();
                for input in spec.inputs.iter().filter(|i| i.kind == Kind::Handle("attack")) {
                    inner.push(args.handle::<Self>(input.name)?.label);
                }
                match inner.is_empty() {
                    true => spec.name.to_owned(),
                    false => format!("{}({})", spec.name, inner.join(", ")),
                }
            }
        };
        Ok(Self { attack, label, lineage: args.lineage(&[], &[]) })
    }
}

impl Handle for Attacker {
    fn kind(&self) -> &'static str {
        "attack"
    }

    fn lineage(&self) -> Rc<Lineage> {
        self.lineage.clone()
    }

    fn label(&self) -> String {
        self.label.clone()
    }

    fn summary(&self) -> String {
        let ball = self.attack.ball();
        format!("{}: {} eps {}", self.label, ball.norm.name(), ball.eps)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
