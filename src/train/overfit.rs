//! Whether a training learned to resist its own attack only.

use super::curve::{Status, Trained};
use crate::attack::{ATTACKS, Attacker};
use crate::context::Context;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::evaluate::measure_some;
use crate::model::{Folded, Network};
use crate::registry::{Args, Value};
use crate::seed::Stream;
use crate::threat_model::NormBall;
use serde::{Deserialize, Serialize};

/// Images that are attacked.
const IMAGES: usize = 256;
/// Images per pass.
const AT_ONCE: usize = 64;
/// How far the accuracy under the own attack may lie above that under the strong one.
const GAP: f64 = 0.1;
/// How far robust accuracy may fall from one epoch to the next.
const FALL: f64 = 0.2;

/// Accuracies of one network under attacks of one norm and eps, in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WeakAttack {
    /// Images that were attacked.
    pub images: u64,
    /// On the images as they are.
    pub clean: f64,
    /// Under one step of the whole eps.
    pub fgsm: f64,
    /// Under the attack it was trained with.
    pub own: f64,
    /// Under PGD of 50 steps of 2.5 eps / 50.
    pub strong: f64,
}

impl WeakAttack {
    /// Whether the network hides from weak attacks: FGSM makes it better than it is on clean
    /// images (label leaking), or its own attack finds a tenth of the images less than PGD-50
    /// does (catastrophic overfitting; Wong et al. 2020, arXiv 2001.03994).
    pub fn is_overfit(&self) -> bool {
        self.fgsm > self.clean || self.own - self.strong > GAP
    }
}

impl Trained {
    /// Takes over what was measured at the end.
    pub(super) fn judge(&mut self, weak: WeakAttack) {
        if weak.is_overfit() {
            self.status = Status::Overfit;
        }
        self.weak_attack = Some(weak);
    }
}

/// Attacks the first images of `split`; nothing where `attacker` is no attack by gradients in a
/// ball.
///
/// # Errors
/// Interrupted; logits that are not finite.
pub(super) fn weak_attack(
    context: &Context,
    network: &Network,
    attacker: &Attacker,
    split: &Split,
    seed: i64,
) -> Result<Option<WeakAttack>> {
    let ball = attacker.attack.ball();
    let climbs =
        attacker.attack.cost(split.classes()).backwards > 0 && !attacker.attack.is_control();
    if !climbs || ball.eps == 0.0 || !ball.eps.is_finite() {
        return Ok(None);
    }
    let folded = network.folded()?;
    let accuracy = |attacker| accuracy(context, &folded, attacker, split, seed);
    let steps = [("steps", Value::Int(50)), ("step_size", Value::Float(ball.eps * 2.5 / 50.0))];
    Ok(Some(WeakAttack {
        images: spread(split).len() as u64,
        clean: accuracy(None)?,
        fgsm: accuracy(Some(&attack("fgsm", &ball, &[])?))?,
        own: accuracy(Some(attacker))?,
        strong: accuracy(Some(&attack("pgd", &ball, &steps)?))?,
    }))
}

/// The accuracy of `network` on the first images of `split` under an objective's guard, and
/// whether it has fallen too far from that `before`, after the last epoch.
///
/// # Errors
/// Interrupted; logits that are not finite.
pub(super) fn guarded(
    context: &Context,
    network: &Network,
    guard: &Attacker,
    split: &Split,
    seed: i64,
    before: Option<f64>,
) -> Result<(f64, bool)> {
    let now = accuracy(context, &network.folded()?, Some(guard), split, seed)?;
    Ok((now, before.is_some_and(|before| before - now > FALL)))
}

fn accuracy(
    context: &Context,
    network: &Folded,
    attacker: Option<&Attacker>,
    split: &Split,
    seed: i64,
) -> Result<f64> {
    let batches = spread(split).chunks(AT_ONCE).map(<[usize]>::to_vec).collect();
    let stream = Stream::new(seed, "evaluation");
    Ok(measure_some(context, network, split, batches, attacker, stream)?.answers.accuracy())
}

/// Images that are attacked; neighbours may be of one class.
fn spread(split: &Split) -> Vec<usize> {
    let count = split.len().min(IMAGES);
    (0..count).map(|image| image * split.len() / count).collect()
}

/// The attack of this name in `ball`, with `more` options.
///
/// # Errors
/// Internal: it has no such options.
pub(super) fn attack(name: &str, ball: &NormBall, more: &[(&str, Value)]) -> Result<Attacker> {
    let entry = ATTACKS.iter().find(|entry| entry.spec.name == name);
    let entry = entry.ok_or_else(|| Error::internal(format!("train: no attack {name}")))?;
    let norm = Value::Text(ball.norm.name().to_owned());
    let options = [("norm", norm), ("eps", Value::Float(ball.eps))].into_iter();
    let options = options.chain(more.iter().cloned());
    let options = options.map(|(key, value)| (key.to_owned(), value)).collect();
    Attacker::build(entry, &Args::resolve(&entry.spec, Vec::new(), options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of accuracies on clean images, under FGSM, PGD-3 and PGD-50.
    fn judged([clean, fgsm, own, strong]: [f64; 4]) -> Status {
        let mut trained = Trained::default();
        let weak = WeakAttack { images: 256, clean, fgsm, own, strong };
        trained.judge(weak);
        assert_eq!(trained.weak_attack, Some(weak));
        trained.status
    }

    #[test]
    fn fgsm_above_clean_or_its_own_attack_far_above_pgd_50_is_overfit() {
        for honest in [
            [0.9, 0.5, 0.45, 0.4],
            // Equal, or apart by a tenth, it may be chance.
            [0.5, 0.5, 0.4, 0.4],
            [0.9, 0.6, 0.5, 0.4],
            // A strong attack that does worse is none.
            [0.9, 0.5, 0.2, 0.5],
        ] {
            assert_eq!(judged(honest), Status::Finished, "{honest:?}");
        }
        for overfit in [
            [0.5, 0.6, 0.4, 0.4],
            [0.9, 0.8, 0.7, 0.2],
            [0.9, 0.5, 0.51, 0.4],
            [0.5, 0.6, 0.9, 0.1],
        ] {
            assert_eq!(judged(overfit), Status::Overfit, "{overfit:?}");
        }
    }
}
