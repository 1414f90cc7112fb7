//! The copy of a network that is attacked and evaluated: BatchNorm folded into the convolutions.

use super::architecture::{Architecture, Unit};
use super::network::{NORM_EPS, Network};
use crate::error::{Error, Result};
use crate::torch::Prepared;
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// A network in evaluation mode whose convolutions contain their BatchNorm; equal to
/// [`Network::eval_logits`] up to rounding. Differentiable in the images only.
pub struct Folded {
    architecture: Rc<Architecture>,
    shapes: Vec<Unit>,
    convolutions: Vec<Convolution>,
    head: (Tensor, Tensor),
}

/// A convolution with its BatchNorm inside.
struct Convolution {
    weight: Tensor,
    bias: Tensor,
    prepared: Option<Prepared>,
}

impl Folded {
    pub(super) fn new(network: &Network) -> Result<Self> {
        let _guard = no_grad_guard();
        let mut convolutions = Vec::with_capacity(network.units.len());
        for unit in &network.units {
            convolutions.push(Convolution {
                weight: unit.weight.f_empty_like()?,
                bias: unit.beta.f_empty_like()?,
                prepared: None,
            });
        }
        let head = (network.head.0.f_empty_like()?, network.head.1.f_empty_like()?);
        let mut folded = Self {
            architecture: network.architecture().clone(),
            shapes: network.shapes().to_vec(),
            convolutions,
            head,
        };
        folded.refresh(network)?;
        Ok(folded)
    }

    /// Whether [`Folded::refresh`] can take this network over.
    pub fn is_of(&self, network: &Network) -> bool {
        let device = self.head.0.device() == network.device();
        device
            && *self.architecture == **network.architecture()
            && self.classes() == network.classes()
    }

    /// Takes over the network's present state, reusing the memory of the last one.
    ///
    /// # Errors
    /// The network has another architecture or other classes.
    pub fn refresh(&mut self, network: &Network) -> Result<()> {
        if !self.is_of(network) {
            return Err(Error::internal("folded: refreshed from another kind of network"));
        }
        let _guard = no_grad_guard();
        for ((to, unit), shape) in
            self.convolutions.iter_mut().zip(&network.units).zip(&self.shapes)
        {
            let scale = unit.gamma.f_mul(&unit.variance.f_add_scalar(NORM_EPS)?.f_rsqrt()?)?;
            let _ = unit.weight.f_mul_out(&to.weight, &scale.f_view([-1, 1, 1, 1])?)?;
            to.bias.f_copy_(&unit.beta.f_sub(&unit.mean.f_mul(&scale)?)?)?;
            // Freed before the next one is made, which then takes its memory.
            to.prepared = None;
            to.prepared = Some(Prepared::new(&to.weight, shape.stride, shape.padding())?);
        }
        self.head.0.f_copy_(&network.head.0)?;
        self.head.1.f_copy_(&network.head.1)?;
        Ok(())
    }

    /// The features after global average pooling, shape (N, features), of pixels `x` in [0,1].
    ///
    /// # Errors
    /// The images have the wrong shape.
    pub fn features(&self, x: &Tensor) -> Result<Tensor> {
        self.architecture.run(x, |index, x, then| {
            let unit = &self.convolutions[index];
            let weights = (&unit.weight, Some(&unit.bias));
            self.shapes[index].convolve(x, weights, unit.prepared.as_ref(), then)
        })
    }

    /// The logits, shape (N, classes), of pixels `x` in [0,1].
    ///
    /// # Errors
    /// The images have the wrong shape.
    pub fn logits(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.features(x)?.f_linear(&self.head.0, Some(&self.head.1))?)
    }

    /// The number of classes.
    pub fn classes(&self) -> i64 {
        self.head.1.size().first().copied().unwrap_or(0)
    }

    /// Channels, height and width of the images.
    pub fn input_shape(&self) -> [i64; 3] {
        self.architecture.input_shape()
    }
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::{images, small, trained};
    use super::*;

    #[test]
    fn folding_changes_logits_by_rounding_only() {
        let (network, (x, _)) = (trained(), images());
        let expected = network.eval_logits(&x).unwrap();
        let found = network.folded().unwrap().logits(&x).unwrap();
        let scale = expected.abs().max().double_value(&[]);
        assert!((found - expected).abs().max().double_value(&[]) < 2e-5 * scale);
    }

    #[test]
    fn a_refreshed_copy_equals_a_new_one() {
        let (network, (x, _)) = (trained(), images());
        let mut folded = small(0).folded().unwrap();
        let before = folded.logits(&x).unwrap();
        folded.refresh(&network).unwrap();
        let after = folded.logits(&x).unwrap();
        assert_ne!(before, after);
        assert_eq!(after, network.folded().unwrap().logits(&x).unwrap());
    }

    #[test]
    fn nothing_but_the_images_gets_a_gradient() {
        let (network, (x, _)) = (trained(), images());
        let folded = network.folded().unwrap();
        assert!(!folded.logits(&x).unwrap().requires_grad());
        let x = x.set_requires_grad(true);
        let loss = folded.logits(&x).unwrap().sum(tch::Kind::Float);
        let gradient = Tensor::run_backward(&[loss], &[&x], false, false).remove(0);
        let expected = network.eval_logits(&x).unwrap().sum(tch::Kind::Float);
        let expected = Tensor::run_backward(&[expected], &[&x], false, false).remove(0);
        let scale = expected.abs().max().double_value(&[]);
        assert!((gradient - expected).abs().max().double_value(&[]) < 2e-5 * scale);
    }

    #[test]
    fn logits_are_a_linear_function_of_the_features() {
        let (network, (x, _)) = (trained(), images());
        let folded = network.folded().unwrap();
        let features = folded.features(&x).unwrap();
        assert_eq!(features.size(), [6, 64]);
        let logits = features.linear(&network.head.0, Some(&network.head.1));
        assert!((folded.logits(&x).unwrap() - logits).abs().max().double_value(&[]) < 1e-6);
    }
}
