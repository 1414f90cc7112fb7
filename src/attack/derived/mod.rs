//! Perturbations made of others: something of them is kept and something taken away.

mod noise;
mod partners;
pub(super) mod phase_scrambled;
pub(super) mod random_label;
pub(super) mod random_sign;
pub(super) mod shuffled;
pub(super) mod signed;
pub(super) mod targeted_random;
pub(super) mod transferred;

use super::{Attack, Attacker, Cost, Perturbation, Target};
use crate::error::Result;
use crate::registry::{Args, Kind, Param};
use crate::seed::Stream;
use crate::threat_model::NormBall;
use noise::Noise;
use partners::Within;
use phase_scrambled::PhaseScrambled;
use shuffled::Shuffled;
use signed::Signed;
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// The images that perturbations are put on.
pub struct Clean<'a> {
    /// The images, of shape (N, C, H, W) in [0,1].
    pub x: &'a Tensor,
    /// Their classes, i64 of shape (N).
    pub y: &'a Tensor,
    /// Their numbers in their data set: image i draws from `stream.at(ids[i])`.
    pub ids: &'a [u64],
    /// The stream of this seed, purpose and epoch; not the one that the attack draws from.
    pub stream: Stream,
    /// The ball of the attack, in whose norm perturbations are measured.
    pub ball: NormBall,
}

impl Clean<'_> {
    /// The images plus `delta`, clamped to [0,1]; with `norms`, of shape (N), moved along `delta`
    /// until the clamped perturbation is that long, or as far as the range goes.
    fn put(&self, delta: &Tensor, norms: Option<&Tensor>) -> Result<Perturbation> {
        let x = self.x.f_detach()?;
        let adversarial = match norms {
            None => x.f_add(delta)?.f_clamp(0.0, 1.0)?,
            Some(norms) => self.ball.around(Some(norms))?.reach(&x, delta)?,
        };
        Perturbation::between(&x, adversarial, &self.ball)
    }
}

/// A change of the perturbations of a batch. It does not matter which network they were made for.
pub trait Derivation {
    /// The perturbations made of `given`, one for each image of `clean`; `given` is as long.
    ///
    /// # Errors
    /// Shapes differ.
    fn derive(&self, given: &Perturbation, clean: &Clean<'_>) -> Result<Perturbation>;

    /// Whether what an image gets depends on its own perturbation only, not on its batch.
    fn per_example(&self) -> bool {
        true
    }
}

/// The names that [`derivation`] knows.
pub const DERIVATIONS: &[&str] =
    &["same", "random_sign", "shuffled", "within_class", "other_class", "phase_scrambled", "noise"];

/// The derivation of this name, which keeps norms. An image without such a partner is left as it
/// is.
///
/// * `same`: the perturbations as they are,
/// * `random_sign`: times +1 or -1, each with probability 1/2,
/// * `shuffled`: those of other images of the batch,
/// * `within_class`, `other_class`: those of other images of the same or of another class,
/// * `phase_scrambled`: with the same amplitudes of frequencies and random phases,
/// * `noise`: normal directions of the same norms.
pub fn derivation(name: &str) -> Option<Rc<dyn Derivation>> {
    let shuffled = |within| Rc::new(Shuffled { within, renorm: true });
    Some(match name {
        "same" => Rc::new(Same),
        "random_sign" => Rc::new(Signed { p: 0.5, renorm: true }),
        "shuffled" => shuffled(Within::Any),
        "within_class" => shuffled(Within::Class),
        "other_class" => shuffled(Within::OtherClass),
        "phase_scrambled" => Rc::new(PhaseScrambled { renorm: true }),
        "noise" => Rc::new(Noise),
        _ => return None,
    })
}

/// The attack whose perturbations an entry changes.
const ATTACK: Param =
    Param::input("attack", Kind::Handle("attack"), "The attack that makes the perturbations.");

/// The option `renorm` of attacks that move perturbations.
const RENORM: Param = Param::bool(
    "renorm",
    true,
    "Whether what clamping to [0,1] takes off the norm is made up for, as far as the range allows.",
);

/// An attack whose perturbations are changed.
struct Composed<D> {
    inner: Rc<dyn Attack>,
    derivation: D,
}

impl<D: Derivation + 'static> Composed<D> {
    /// The attack among `args`, and then `derivation`.
    fn of(args: &Args, derivation: D) -> Result<Rc<dyn Attack>> {
        Ok(Rc::new(Self { inner: args.handle::<Attacker>(ATTACK.name)?.attack, derivation }))
    }
}

impl<D: Derivation> Attack for Composed<D> {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let given = self.inner.perturb(target)?;
        let _guard = no_grad_guard();
        let Target { x, y, ids, .. } = *target;
        let stream = target.stream.at(u64::MAX - self.inner.derivations());
        self.derivation.derive(&given, &Clean { x, y, ids, stream, ball: self.ball() })
    }

    fn cost(&self, classes: i64) -> Cost {
        self.inner.cost(classes)
    }

    fn ball(&self) -> NormBall {
        self.inner.ball()
    }

    fn strength(&self) -> String {
        self.inner.strength()
    }

    fn per_example(&self) -> bool {
        self.inner.per_example() && self.derivation.per_example()
    }

    fn derivations(&self) -> u64 {
        self.inner.derivations() + 1
    }

    fn is_control(&self) -> bool {
        true
    }
}

struct Same;

impl Derivation for Same {
    /// The very bytes: adding a difference again would round.
    fn derive(&self, given: &Perturbation, _: &Clean<'_>) -> Result<Perturbation> {
        Ok(Perturbation {
            adversarial: given.adversarial.shallow_clone(),
            delta: given.delta.shallow_clone(),
            norms: given.norms.shallow_clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::laws::{attacker, run};
    use crate::attack::linear::linear;
    use crate::attack::of_images;
    use crate::registry::Value;
    use crate::threat_model::Norm;
    use tch::{Device, Kind as TensorKind};

    fn numbers(count: i64, low: f64, high: f64, seed: i64) -> Tensor {
        let mut generator = Stream::new(seed, "derived").generator();
        let each = |_| low + (high - low) * f64::from(generator.uniform());
        let values: Vec<f64> = (0..count * 60).map(each).collect();
        Tensor::from_slice(&values).view([count, 3, 4, 5])
    }

    /// What the derivation `name` makes of perturbations of `x`, uniform and of growing sizes; the
    /// classes are 0, 1, 2, 0, ...
    fn derived(name: &str, x: &Tensor, norm: Norm) -> (Perturbation, Perturbation) {
        let (count, ball) = (x.size()[0], NormBall { norm, eps: 9.0 });
        let places = Tensor::arange(count, (TensorKind::Int64, Device::Cpu));
        let sizes = of_images(&((&places + 1.0) / count)).unwrap();
        let adversarial = (x + numbers(count, -0.3, 0.3, 1) * sizes).clamp(0.0, 1.0);
        let given = Perturbation::between(x, adversarial, &ball).unwrap();
        let ids: Vec<u64> = (0..count as u64).collect();
        let stream = Stream::new(7, "derivation");
        let clean = Clean { x, y: &places.remainder(3), ids: &ids, stream, ball };
        let found = derivation(name).unwrap().derive(&given, &clean).unwrap();
        (given, found)
    }

    /// The images, their perturbations and those that `name` makes of them; a third of the values
    /// is at an end of the range.
    pub(super) fn derive(
        name: &str,
        count: i64,
        norm: Norm,
    ) -> (Tensor, Perturbation, Perturbation) {
        let x = numbers(count, -0.2, 1.2, 0).clamp(0.0, 1.0);
        let (given, found) = derived(name, &x, norm);
        (x, given, found)
    }

    /// The same around grey, where nothing is clamped.
    pub(super) fn in_the_middle(name: &str, count: i64) -> (Perturbation, Perturbation) {
        derived(name, &(numbers(count, 0.0, 0.0, 0) + 0.5), Norm::L2)
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    #[test]
    fn every_derivation_keeps_norms_and_range() {
        for name in DERIVATIONS {
            for norm in [Norm::L1, Norm::L2, Norm::Linf] {
                let (_, given, found) = derive(name, 9, norm);
                let by_image = derivation(name).unwrap().per_example();
                let lengths = |norms: &Tensor| match by_image {
                    true => norms.shallow_clone(),
                    false => norms.sort(0, false).0,
                };
                let apart = largest(&(lengths(&found.norms) - lengths(&given.norms)));
                assert!(apart < 1e-9, "{name} {norm:?}: {apart:e}");
                assert!(found.adversarial.min().double_value(&[]) >= 0.0, "{name}");
                assert!(found.adversarial.max().double_value(&[]) <= 1.0, "{name}");
                assert_eq!(*name == "same", largest(&(&found.delta - &given.delta)) < 1e-12);
            }
        }
        assert!(derivation("nothing").is_none());
    }

    #[test]
    fn without_renorm_clamping_shortens() {
        let (model, (x, y)) = linear();
        let batch = (&x + 0.45, y);
        for norm in ["l2", "linf"] {
            let long = |name, renorm| {
                let options =
                    [("norm", norm.into()), ("eps", 0.4.into()), ("renorm", Value::Bool(renorm))];
                run(&attacker(name, &options), &model, &batch, 0).norms
            };
            let given = long("pgd", true);
            for name in ["phase_scrambled", "signed"] {
                let (kept, short) = (long(name, true) - &given, long(name, false) - &given);
                assert!(largest(&kept) < 1e-6, "{name} {norm}: {kept:?}");
                assert!(short.max().double_value(&[]) < 1e-6, "{name} {norm}: {short:?}");
                // In linf what has room is as long as before.
                let shortest = short.min().double_value(&[]);
                assert!(norm == "linf" || shortest < -1e-3, "{name} {norm}: {short:?}");
            }
        }
    }

    #[test]
    fn noise_has_a_direction_of_its_own() {
        let (given, found) = in_the_middle("noise", 2000);
        let dims: &[i64] = &[1, 2, 3];
        let product =
            (&given.delta * &found.delta).sum_dim_intlist(dims, false, TensorKind::Double);
        let cosines = product / &given.norms / &found.norms;
        // Of two directions in 60 dimensions: mean 0 and variance 1/60.
        let mean = cosines.mean(TensorKind::Double).double_value(&[]);
        let variance = (&cosines * &cosines).mean(TensorKind::Double).double_value(&[]);
        assert!(mean.abs() < 0.01 && (variance - 1.0 / 60.0).abs() < 0.002, "{mean} {variance}");
    }
}
