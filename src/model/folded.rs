//! The copy of a network that is attacked and evaluated: BatchNorm folded into the convolutions.

use super::architecture::Architecture;
use super::forward::{NORM_EPS, activate, convolve};
use super::graph::LayerKind;
use super::graph::build::Activation;
use super::graph::plan::{self, Fused, Layers, Step, Work};
use super::network::{LayerState, Network};
use super::precision::Precision;
use crate::error::{Error, Result};
use crate::torch::Prepared;
use std::rc::Rc;
use tch::{Kind, Tensor, no_grad_guard};

/// A network in evaluation mode whose convolutions contain their BatchNorm; equal to
/// [`Network::eval_logits`] up to rounding. Differentiable in the images only.
pub struct Folded {
    architecture: Rc<Architecture>,
    steps: Rc<[Step]>,
    precision: Precision,
    /// By the index of the layer; those of folded norms are empty.
    layers: Vec<Option<Ready>>,
    head: (Tensor, Tensor),
}

/// A layer ready for use.
struct Ready {
    state: LayerState,
    prepared: Option<Prepared>,
}

impl Folded {
    pub(super) fn new(network: &Network, precision: Precision) -> Result<Self> {
        let _guard = no_grad_guard();
        let graph = &network.architecture().graph;
        let mut layers: Vec<Option<Ready>> = Vec::new();
        layers.resize_with(graph.layers().len(), || None);
        for fused in fused(network.steps()) {
            // The first convolution reads f32 pixels.
            let kind = if fused.input == 0 { Kind::Float } else { precision.kind() };
            let from = &network.layers[fused.layer];
            let of = |tensor: &Tensor, kind| tensor.f_empty_like()?.f_to_kind(kind);
            let bias = match (fused.norm, &from.bias) {
                (Some(norm), _) => Some(of(&network.layers[norm].weight, kind)?),
                (None, Some(bias)) => Some(of(bias, kind)?),
                (None, None) => None,
            };
            let state = match &from.running {
                None => LayerState { weight: of(&from.weight, kind)?, bias, running: None },
                Some((mean, variance)) => LayerState {
                    weight: of(&from.weight, Kind::Float)?,
                    bias: Some(of(from.bias()?, Kind::Float)?),
                    running: Some((of(mean, Kind::Float)?, of(variance, Kind::Float)?)),
                },
            };
            layers[fused.layer] = Some(Ready { state, prepared: None });
        }
        let head = network.head()?;
        let head = (head.weight.f_empty_like()?, head.bias()?.f_empty_like()?);
        let mut folded = Self {
            architecture: network.architecture().clone(),
            steps: network.steps().clone(),
            precision,
            layers,
            head,
        };
        folded.refresh(network)?;
        Ok(folded)
    }

    /// Whether [`Folded::refresh`] can take this network over.
    pub fn is_of(&self, network: &Network) -> bool {
        let (ours, other) = (&self.architecture, network.architecture());
        self.head.0.device() == network.device()
            && (Rc::ptr_eq(ours, other) || ours == other)
            && self.classes() == network.classes()
    }

    /// The numbers it computes with.
    pub fn precision(&self) -> Precision {
        self.precision
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
        for fused in fused(&self.steps) {
            let Some(ready) = &mut self.layers[fused.layer] else { continue };
            let (to, from) = (&ready.state, &network.layers[fused.layer]);
            match fused.norm {
                Some(norm) => fold(to, from, &network.layers[norm])?,
                None => {
                    for (to, from) in to.tensors().zip(from.tensors()) {
                        to.shallow_clone().f_copy_(from)?;
                    }
                }
            }
            if let LayerKind::Convolution(c) = self.architecture.graph.layers()[fused.layer].kind
                && c.groups == 1
            {
                // Freed before the next one is made, which then takes its memory.
                ready.prepared = None;
                let rounded = fused.input == 0 && self.precision == Precision::Bf16;
                let weight = &ready.state.weight;
                let prepared = Prepared::new(weight, c.stride, c.kernel / 2, rounded)?;
                ready.prepared = Some(prepared);
            }
        }
        let head = network.head()?;
        self.head.0.f_copy_(&head.weight)?;
        self.head.1.f_copy_(head.bias()?)?;
        Ok(())
    }

    /// The features, f32 of shape (N, features), of pixels `x` in [0,1]: the input of the last
    /// linear layer.
    ///
    /// # Errors
    /// The images have the wrong shape.
    pub fn features(&self, x: &Tensor) -> Result<Tensor> {
        let pixels = self.architecture.normalised(x)?;
        Ok(plan::run(&self.steps, pixels, self)?.f_to_kind(Kind::Float)?)
    }

    /// The logits, f32 of shape (N, classes), of pixels `x` in [0,1].
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

/// The layers of a plan with what is fused to them.
fn fused(steps: &[Step]) -> impl Iterator<Item = &Fused> {
    steps.iter().filter_map(|step| match &step.work {
        Work::Layer(fused) => Some(fused),
        Work::Apply(..) => None,
    })
}

/// Writes the convolution `from` followed by `norm` in evaluation mode as one convolution.
fn fold(to: &LayerState, from: &LayerState, norm: &LayerState) -> Result<()> {
    let Some((mean, variance)) = &norm.running else {
        return Err(Error::internal("folded: a norm without statistics"));
    };
    let scale = norm.weight.f_mul(&variance.f_add_scalar(NORM_EPS)?.f_rsqrt()?)?;
    let scales = scale.f_view([-1, 1, 1, 1])?;
    if to.weight.f_kind()? == Kind::Float {
        let _ = from.weight.f_mul_out(&to.weight, &scales)?;
    } else {
        to.weight.shallow_clone().f_copy_(&from.weight.f_mul(&scales)?)?;
    }
    let mean = match &from.bias {
        Some(bias) => mean.f_sub(bias)?,
        None => mean.shallow_clone(),
    };
    to.bias()?.shallow_clone().f_copy_(&norm.bias()?.f_sub(&mean.f_mul(&scale)?)?)?;
    Ok(())
}

impl Layers for Folded {
    fn layer(&self, fused: &Fused, x: &mut Tensor, shortcut: Option<&Tensor>) -> Result<Tensor> {
        let Some(Ready { state, prepared }) = &self.layers[fused.layer] else {
            return Err(Error::internal("folded: a norm that was folded away"));
        };
        let first = fused.input == 0;
        let (x, activation) = match self.architecture.graph.layers()[fused.layer].kind {
            LayerKind::Convolution(c) => {
                let relu = fused.activation == Activation::Relu;
                let weights = (&state.weight, state.bias.as_ref());
                // Another activation than the rectifier comes before rounding.
                let rounded = first && relu && self.precision == Precision::Bf16;
                let and = (shortcut, relu);
                let y = convolve(x, fused.kept, &c, weights, prepared.as_ref(), and, rounded)?;
                (y, if relu { Activation::None } else { fused.activation })
            }
            LayerKind::Norm(_) => (state.normalise(x)?, fused.activation),
            LayerKind::Linear { .. } => {
                (x.f_linear(&state.weight, state.bias.as_ref())?, fused.activation)
            }
        };
        let x = activate(x, activation)?;
        Ok(if first { x.f_to_kind(self.precision.kind())? } else { x })
    }

    fn dropout(&self, _: usize, _: f64, x: &Tensor) -> Result<Tensor> {
        Ok(x.shallow_clone())
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
        let logits =
            features.linear(&network.head().unwrap().weight, network.head().unwrap().bias.as_ref());
        assert!((folded.logits(&x).unwrap() - logits).abs().max().double_value(&[]) < 1e-6);
    }
}
