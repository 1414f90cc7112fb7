//! Perturbations whose direction is turned round at random.

use super::{Clean, Derivation};
use crate::attack::{Perturbation, of_images};
use crate::error::Result;
use tch::Tensor;

/// Keeps the sign of a perturbation with probability `p`, and turns it round otherwise.
pub(super) struct Signed {
    pub(super) p: f64,
    pub(super) renorm: bool,
}

impl Derivation for Signed {
    fn derive(&self, given: &Perturbation, clean: &Clean<'_>) -> Result<Perturbation> {
        let sign = |id: &u64| {
            let drawn = f64::from(clean.stream.at(*id).generator().uniform());
            if drawn < self.p { 1.0 } else { -1.0 }
        };
        let signs: Vec<f64> = clean.ids.iter().map(sign).collect();
        let delta = &given.delta;
        let signs = of_images(&Tensor::f_from_slice(&signs)?)?.f_to_device(delta.device())?;
        let turned = delta.f_mul(&signs.f_to_kind(delta.f_kind()?)?)?;
        clean.put(&turned, self.renorm.then_some(&given.norms))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::derive;
    use crate::threat_model::Norm;
    use tch::{Kind, Tensor};

    #[test]
    fn random_signs_turn_half_of_the_perturbations_round() {
        let (_, given, found) = derive("random_sign", 2000, Norm::L2);
        let x = &found.adversarial;
        let free = x.gt(1e-9).logical_and(&x.lt(1.0 - 1e-9)).to_kind(Kind::Double);
        let sums = |of: Tensor| (of * &free).sum_dim_intlist([1i64, 2, 3].as_slice(), false, None);
        let products = sums(&given.delta * &found.delta);
        let kept = products.gt(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!((900..1100).contains(&kept), "{kept} of 2000");
        // Values that clamping leaves alone move as before, by one factor for each image.
        let factors = &products / sums(&given.delta * &given.delta);
        let rest = &found.delta - &given.delta * factors.view([-1, 1, 1, 1]);
        assert!((rest * free).abs().max().double_value(&[]) < 1e-12);
        assert!(factors.mean(Kind::Double).double_value(&[]).abs() < 0.1);
    }
}
