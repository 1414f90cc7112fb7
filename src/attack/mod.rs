//! Attackers: they perturb images in [0,1], before the normalisation, against a frozen model.
//! Beside them what shows its features: inversion and gradients.

mod apgd;
mod auto_attack;
mod boundary;
mod carlini_wagner;
mod cost;
mod deepfool;
mod derived;
mod fab;
mod fgsm;
mod frequency;
mod input_gradient;
mod invert;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod linear;
pub mod losses;
mod manipulation_check;
mod masking_check;
mod minimal_eps;
mod noise;
#[cfg(test)]
pub mod parity;
#[cfg(test)]
mod peers;
mod perturb;
mod pgd;
mod sparse;
mod square;
mod stage;
mod vat;

pub use cost::{Cost, Elsewhere};
pub use derived::{Clean, DERIVATIONS, Derivation, derivation};
pub use input_gradient::{INPUT_GRADIENT, input_gradient};
pub use invert::{CurvePoint, Distances, FeatureMap, INVERT, Inversion, invert};
pub use manipulation_check::{ManipulationCheck, manipulation_check};
pub use masking_check::{MASKING_CHECK, MaskingCheck, STEPS, masking_check};
pub use perturb::{PERTURB, Perturbed, perturb};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::model::Folded;
use crate::registry::{Args, Entry, Handle, Kind};
use crate::seed::Stream;
use crate::threat_model::{NormBall, ThreatModel};
use crate::torch;
use derived::{
    phase_scrambled, random_label, random_sign, shuffled, signed, targeted_random, transferred,
};
use losses::{Goal, Loss};
use noise::{
    ball_l2, band_noise, gaussian, gaussian_noise, low_frequency, rademacher_linf, salt_pepper,
    uniform_linf, worst_of_noise,
};
use std::any::Any;
use std::rc::Rc;
use tch::Tensor;

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
    /// The images, of shape (N, C, H, W) in [0,1].
    pub x: &'a Tensor,
    /// The true classes, i64 of shape (N).
    pub y: &'a Tensor,
    /// The images' numbers in their data set: image i draws from `stream.at(ids[i])`.
    pub ids: &'a [u64],
    /// The stream of this seed, purpose and epoch.
    pub stream: Stream,
    /// A radius for each image, shape (N), instead of the attack's own.
    pub eps: Option<Tensor>,
}

/// One pass up to the loss and back to the images.
struct Pass {
    /// Logits, shape (N, classes).
    logits: Tensor,
    /// The loss of each image, shape (N).
    losses: Tensor,
    /// Its gradient, of the shape of the images.
    gradient: Tensor,
}

impl Target<'_> {
    /// The logits of `x` for the operation `attack`.
    fn logits(&self, attack: &str, x: &Tensor) -> Result<Tensor> {
        let logits = self.model.logits(x)?;
        if logits.f_isfinite()?.f_all()?.f_int64_value(&[])? != 1 {
            return Err(Error::diverged(format!("{attack}: loss is not finite"))
                .hint("the model has diverged: lower its learning rate"));
        }
        Ok(logits)
    }

    /// The cross-entropy of each image, shape (N), as the loss of the operation `attack`.
    fn losses(&self, attack: &str, x: &Tensor) -> Result<Tensor> {
        Loss::CrossEntropy.of(&self.logits(attack, x)?, self.y, None)
    }

    /// The losses of `x` and their gradients; those of the batch's `mean` are shorter.
    fn climb(
        &self,
        attack: &str,
        x: &Tensor,
        loss: Loss,
        towards: Option<&Tensor>,
        mean: bool,
    ) -> Result<Pass> {
        let leaf = x.f_detach()?.f_set_requires_grad(true)?;
        let logits = self.logits(attack, &leaf)?;
        let losses = loss.of(&logits, self.y, towards)?;
        let sum = match mean {
            true => losses.f_mean(losses.f_kind()?)?,
            false => losses.f_sum(losses.f_kind()?)?,
        };
        let gradient = slope(attack, &sum, &leaf, false)?;
        Ok(Pass { logits: logits.f_detach()?, losses: losses.f_detach()?, gradient })
    }
}

/// The gradient of `value` in `leaf`; `again` keeps the graph for another.
fn slope(attack: &str, value: &Tensor, leaf: &Tensor, again: bool) -> Result<Tensor> {
    torch::gradients(value, &[leaf], again, false)?
        .pop()
        .filter(Tensor::defined)
        .ok_or_else(|| Error::internal(format!("{attack}: the loss does not depend on the image")))
}

/// Some images of a batch.
struct Part {
    x: Tensor,
    y: Tensor,
    ids: Vec<u64>,
    eps: Option<Tensor>,
    /// Their places in the batch, i64.
    rows: Tensor,
}

impl Part {
    /// The images where `chosen`, bool of shape (N), is true; `None` where it never is.
    fn of(target: &Target<'_>, chosen: &Tensor) -> Result<Option<Self>> {
        let rows = chosen.f_nonzero()?.f_flatten(0, -1)?;
        if rows.numel() == 0 {
            return Ok(None);
        }
        let places = Vec::<i64>::try_from(rows.f_to_device(tch::Device::Cpu)?)
            .map_err(|_| Error::internal("attack: rows of a batch"))?;
        let ids = places.iter().filter_map(|row| target.ids.get(*row as usize).copied()).collect();
        let pick = |of: &Tensor| of.f_index_select(0, &rows);
        let eps = target.eps.as_ref().map(pick).transpose()?;
        Ok(Some(Self { x: pick(target.x)?, y: pick(target.y)?, ids, eps, rows }))
    }

    /// These images as a batch of their own, drawing from `stream`.
    fn target<'a>(&'a self, model: &'a dyn Victim, stream: Stream) -> Target<'a> {
        let eps = self.eps.as_ref().map(Tensor::shallow_clone);
        Target { model, x: &self.x, y: &self.y, ids: &self.ids, stream, eps }
    }

    /// `whole` with `part` at these images' places.
    fn put(&self, whole: &Tensor, part: &Tensor) -> Result<Tensor> {
        Ok(whole.f_index_copy(0, &self.rows, part)?)
    }
}

/// Whether each image is in its class, bool of shape (N).
fn correct(logits: &Tensor, y: &Tensor) -> Result<Tensor> {
    Ok(logits.f_argmax(1, false)?.f_eq_tensor(y)?)
}

/// `x`, or the image itself where `x` lies outside the ball.
fn within(ball: &NormBall, target: &Target<'_>, x: Tensor) -> Result<Tensor> {
    let norms = ball.norm.of(&x.f_sub(target.x)?)?;
    let eps = ball.around(target.eps.as_ref())?.eps.of(&norms)?;
    Ok(x.f_where_self(&norms.f_le_tensor(&eps)?, target.x)?)
}

/// `mask` of shape (N) for images.
fn of_images(mask: &Tensor) -> Result<Tensor> {
    Ok(mask.f_view([-1, 1, 1, 1])?)
}

/// What an attacker made of a batch.
pub struct Perturbation {
    /// The perturbed images, detached; in [0,1] unless [`Attack::in_box`] is false.
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

/// An attack.
pub trait Attack {
    /// Perturbs a batch.
    ///
    /// # Errors
    /// The images have the wrong shape; the loss is not finite.
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation>;
    /// What it costs against a network of so many classes.
    fn cost(&self, classes: i64) -> Cost;
    /// The set it stays in; of infinite radius where its strength is not one.
    fn ball(&self) -> NormBall;
    /// Its strength, for people.
    fn strength(&self) -> String {
        let ball = self.ball();
        format!("{} eps {}", ball.norm.name(), ball.eps)
    }
    /// Whether perturbed images stay in [0,1].
    fn in_box(&self) -> bool {
        true
    }
    /// Whether the perturbation of an image depends on that image only, not on its batch.
    fn per_example(&self) -> bool {
        true
    }
    /// Whether it is a control, which nobody expects to make a network robust.
    fn is_control(&self) -> bool {
        false
    }
    /// The same attack with another goal, where it has none of its own and can be given one.
    fn towards(&self, _: Goal) -> Option<Rc<dyn Attack>> {
        None
    }
    /// How many derivations it is made of, one around another: each draws from a stream of its own.
    fn derivations(&self) -> u64 {
        0
    }
    /// Tells it the session that it was made in, for attacks with a model of their own.
    fn enter(&self, _: &Context) {}
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
pub const ATTACKS: &[&Entry<Build>] = &[
    &apgd::ENTRY,
    &auto_attack::ENTRY,
    &ball_l2::ENTRY,
    &band_noise::ENTRY,
    &carlini_wagner::ENTRY,
    &deepfool::ENTRY,
    &fab::ENTRY,
    &fgsm::ENTRY,
    &gaussian::ENTRY,
    &gaussian_noise::ENTRY,
    &low_frequency::ENTRY,
    &minimal_eps::ENTRY,
    &pgd::ENTRY,
    &phase_scrambled::ENTRY,
    &rademacher_linf::ENTRY,
    &random_label::ENTRY,
    &random_sign::ENTRY,
    &salt_pepper::ENTRY,
    &shuffled::ENTRY,
    &signed::ENTRY,
    &square::ENTRY,
    &targeted_random::ENTRY,
    &transferred::ENTRY,
    &uniform_linf::ENTRY,
    &vat::ENTRY,
    &worst_of_noise::ENTRY,
];

impl Attacker {
    /// The attacker that `args` ask for. Its label is the option `name`, or the entry's name
    /// around those of the attackers it is made of.
    ///
    /// # Errors
    /// An option is not acceptable; `threat_model` beside norm or eps.
    pub fn build(entry: &Entry<Build>, args: &Args) -> Result<Self> {
        let args = &ThreatModel::written_out(args)?;
        let attack = (entry.build)(args)?;
        ThreatModel::expect(args, attack.ball().norm)?;
        let label = match args.optional_text("name")? {
            Some(name) => name.to_owned(),
            None => {
                let spec = args.spec();
                let mut inner = Vec::new();
                for input in spec.inputs.iter().filter(|i| i.kind == Kind::Handle("attack")) {
                    inner.extend(args.optional_handle::<Self>(input.name)?.map(|a| a.label));
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
        format!("{}: {}", self.label, self.attack.strength())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
