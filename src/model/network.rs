//! A network that can be trained: parameters that alias one flat tensor, and BatchNorm buffers.

use super::architecture::{Architecture, Normaliser};
use super::folded::Folded;
use super::forward::{Draws, Pass};
use super::graph::LayerKind;
use super::graph::plan::{self, Step};
use super::learning::{Learning, Span};
use super::precision::Precision;
use crate::error::{Error, Result};
use crate::seed::Stream;
use std::rc::Rc;
use tch::{Device, Kind, Tensor, no_grad_guard};

/// The tensors of one layer.
pub(super) struct LayerState {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    /// Running mean and variance of a batch normalisation.
    pub running: Option<(Tensor, Tensor)>,
}

/// A network: an architecture, its parameters and its BatchNorm buffers, on one device.
pub struct Network {
    architecture: Rc<Architecture>,
    steps: Rc<[Step]>,
    classes: i64,
    device: Device,
    precision: Precision,
    pub(super) learning: Learning,
    flat: Tensor,
    /// The parts of `flat` that learn, in order, none next to another.
    pub(super) spans: Vec<Span>,
    /// Those of the graph in its order, then the linear layer on the features.
    pub(super) layers: Vec<LayerState>,
}

impl Network {
    /// The architecture with all parameters and means 0 and all variances 1.
    ///
    /// # Errors
    /// `classes` is below 1; memory is short.
    pub fn zeros(architecture: &Rc<Architecture>, classes: i64, device: Device) -> Result<Self> {
        if classes < 1 {
            let name = architecture.name;
            return Err(Error::usage(format!("{name}: classes must be >= 1, found {classes}")));
        }
        let _guard = no_grad_guard();
        let total = architecture.parameters(classes);
        let flat = Tensor::f_zeros([total], (Kind::Float, device))?;
        let mut start = 0;
        let mut take = |sizes: &[i64]| -> Result<Tensor> {
            let length = sizes.iter().product();
            let part = flat.f_narrow(0, start, length)?.f_view(sizes)?;
            start += length;
            Ok(part)
        };
        let leaf =
            |part: Tensor| -> Result<Tensor> { Ok(part.f_detach()?.f_set_requires_grad(true)?) };
        let mut layers = Vec::new();
        for kind in kinds(architecture, classes) {
            let (shape, bias) = kind.shapes();
            let weight = match shape.as_slice() {
                // Stored output, row, column, input: the order in which channels-last kernels read.
                &[output, input, height, width] => {
                    take(&[output, height, width, input])?.f_permute([0, 3, 1, 2])?
                }
                shape => take(shape)?,
            };
            let running = match kind {
                LayerKind::Norm(channels) => Some((
                    Tensor::f_zeros([channels], (Kind::Float, device))?,
                    Tensor::f_ones([channels], (Kind::Float, device))?,
                )),
                _ => None,
            };
            let bias = bias.map(|length| leaf(take(&[length])?)).transpose()?;
            layers.push(LayerState { weight: leaf(weight)?, bias, running });
        }
        Ok(Self {
            steps: plan::steps(&architecture.graph).into(),
            architecture: architecture.clone(),
            classes,
            device,
            precision: Precision::F32,
            learning: Learning::default(),
            spans: vec![(0, total)],
            flat,
            layers,
        })
    }

    /// The same network behind another normaliser.
    #[must_use]
    pub fn normalised_by(mut self, normaliser: Normaliser) -> Self {
        self.architecture = Rc::new(Architecture { normaliser, ..(*self.architecture).clone() });
        self
    }

    /// The same network, computing with these numbers.
    #[must_use]
    pub fn at(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The logits in training mode, f32 of shape (N, classes), of pixels `x` in [0,1], also twice
    /// differentiable: BatchNorm uses the statistics of the batch and updates the running ones,
    /// unless [`Self::learning`] says otherwise.
    ///
    /// # Errors
    /// The images have the wrong shape; a batch of one 1x1 feature map has no variance.
    pub fn train_logits(&self, x: &Tensor, draws: Draws<'_>) -> Result<Tensor> {
        self.logits(x, Some(draws))
    }

    /// The logits in evaluation mode, without folding: the reference for [`Folded::logits`].
    ///
    /// # Errors
    /// The images have the wrong shape.
    pub fn eval_logits(&self, x: &Tensor) -> Result<Tensor> {
        self.logits(x, None)
    }

    fn logits(&self, x: &Tensor, training: Option<Draws<'_>>) -> Result<Tensor> {
        let head = self.head()?;
        let features = self.features(x, training)?;
        Ok(features.f_linear(&head.weight, head.bias.as_ref())?)
    }

    /// The input of the last linear layer, f32 of shape (N, features): in training mode with a
    /// draws, else in evaluation mode.
    ///
    /// # Errors
    /// As for [`Self::train_logits`].
    pub fn features(&self, x: &Tensor, training: Option<Draws<'_>>) -> Result<Tensor> {
        let pixels = self.architecture.normalised(x)?;
        let momentum = (training.is_some() && self.learning.adapts())
            .then_some(self.architecture.norm_momentum);
        let pass = Pass { network: self, momentum, draws: training };
        Ok(plan::run(&self.steps, pixels, &pass)?.f_to_kind(Kind::Float)?)
    }

    /// Multiplications with their additions of one image.
    ///
    /// # Errors
    /// Internal: as [`Architecture::multiplications`].
    pub fn multiplications(&self) -> Result<i64> {
        self.architecture.multiplications(self.classes)
    }

    /// One flat f32 tensor that all parameters alias: an update in place reaches them all. The
    /// order is this program's own (weights channels-last); use [`Self::state`] to look inside.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// A copy for evaluation and attacks, with BatchNorm folded into the convolutions, that
    /// computes with the network's own numbers.
    ///
    /// # Errors
    /// Memory is short.
    pub fn folded(&self) -> Result<Folded> {
        self.folded_at(self.precision)
    }

    /// The same, computing with numbers of `precision`.
    ///
    /// # Errors
    /// Memory is short.
    pub fn folded_at(&self, precision: Precision) -> Result<Folded> {
        Folded::new(self, precision)
    }

    /// A copy with a new linear layer for `classes` classes, drawn as PyTorch draws one: what the
    /// reference code replaces in each of these architectures.
    ///
    /// # Errors
    /// `classes` is below 1; memory is short.
    pub fn replace_head(&self, classes: i64, stream: Stream) -> Result<Self> {
        let copy = Self::zeros(&self.architecture, classes, self.device)?.at(self.precision);
        let _guard = no_grad_guard();
        for (to, from) in copy.layers.iter().zip(&self.layers[..self.layers.len() - 1]) {
            for (to, from) in to.tensors().zip(from.tensors()) {
                to.shallow_clone().f_copy_(from)?;
            }
        }
        copy.draw_head(stream)?;
        Ok(copy)
    }

    /// A copy of everything, which trains on its own and in which everything learns.
    ///
    /// # Errors
    /// Memory is short.
    pub fn copy(&self) -> Result<Self> {
        let copy = Self::zeros(&self.architecture, self.classes, self.device)?.at(self.precision);
        copy.load_state(&self.state()?)?;
        Ok(copy)
    }

    /// The bytes of its parameters and buffers.
    pub fn bytes(&self) -> usize {
        let running = self.layers.iter().filter_map(|layer| layer.running.as_ref());
        let buffers = running.flat_map(|(mean, variance)| [mean, variance]);
        crate::tensor::bytes(&self.flat) + buffers.map(crate::tensor::bytes).sum::<usize>()
    }

    /// The number of classes.
    pub fn classes(&self) -> i64 {
        self.classes
    }

    /// Channels, height and width of the images.
    pub fn input_shape(&self) -> [i64; 3] {
        self.architecture.input_shape()
    }

    /// What the network is built of.
    pub fn architecture(&self) -> &Rc<Architecture> {
        &self.architecture
    }

    /// The device that holds it.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The numbers it computes with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    pub(super) fn steps(&self) -> &Rc<[Step]> {
        &self.steps
    }

    /// What each of the layers computes.
    pub(super) fn kinds(&self) -> impl Iterator<Item = LayerKind> {
        kinds(&self.architecture, self.classes)
    }

    /// The linear layer on the features.
    pub(super) fn head(&self) -> Result<&LayerState> {
        self.layers.last().ok_or_else(|| Error::internal("model: a network without a head"))
    }
}

fn kinds(architecture: &Architecture, classes: i64) -> impl Iterator<Item = LayerKind> {
    let head = architecture.head(classes);
    architecture.graph.layers().iter().map(|layer| layer.kind).chain([head])
}

impl LayerState {
    /// All tensors, in torchvision's order.
    pub(super) fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let running = self.running.iter().flat_map(|(mean, variance)| [mean, variance]);
        [&self.weight].into_iter().chain(&self.bias).chain(running)
    }

    /// The bias of a layer that must have one.
    pub(super) fn bias(&self) -> Result<&Tensor> {
        self.bias.as_ref().ok_or_else(|| Error::internal("model: a layer without its bias"))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::tests::spec;
    use crate::torch::optimizer::{Sgd, sgd_step};
    use tch::Reduction;

    fn draws() -> Draws<'static> {
        Draws { stream: Stream::new(0, "train"), ids: &[0, 1, 2, 3, 4, 5] }
    }

    pub fn small(seed: i64) -> Network {
        let options = [("channels", 3.into()), ("size", 12.into()), ("mean", 0.4.into())];
        let architecture = spec("resnet8", &options).architecture;
        Network::new(&architecture, 4, Stream::new(seed, "init"), Device::Cpu).unwrap()
    }

    pub fn images() -> (Tensor, Tensor) {
        let mut generator = Stream::new(9, "images").generator();
        let pixels: Vec<f32> = (0..6 * 3 * 144).map(|_| generator.uniform()).collect();
        (
            Tensor::from_slice(&pixels).view([6, 3, 12, 12]),
            Tensor::from_slice(&[0i64, 1, 2, 3, 0, 1]),
        )
    }

    fn loss(network: &Network) -> Tensor {
        let (x, y) = images();
        let logits = network.train_logits(&x, draws()).unwrap();
        logits.cross_entropy_loss::<Tensor>(&y, None, Reduction::Mean, -100, 0.0)
    }

    /// A network after two updates, with running statistics of its own.
    pub fn trained() -> Network {
        let network = small(1);
        let buffer = network.flat().zeros_like();
        let settings = Sgd { lr: 0.05, momentum: 0.9, weight_decay: 0.0, nesterov: false };
        for _ in 0..2 {
            let gradient = network.gradient(&loss(&network)).unwrap();
            sgd_step(network.flat(), &gradient, &buffer, &settings).unwrap();
        }
        network
    }

    #[test]
    fn the_gradient_predicts_how_the_loss_moves_with_the_flat_parameters() {
        let network = small(1);
        let before = loss(&network);
        let gradient = network.gradient(&before).unwrap();
        let steepness = gradient.pow_tensor_scalar(2).sum(Kind::Float).double_value(&[]);
        let buffer = network.flat().zeros_like();
        let lr = 1e-3 / steepness;
        let settings = Sgd { lr, momentum: 0.0, weight_decay: 0.0, nesterov: false };
        sgd_step(network.flat(), &gradient, &buffer, &settings).unwrap();
        let fall = (before - loss(&network)).double_value(&[]);
        assert!((fall / 1e-3 - 1.0).abs() < 0.05, "the loss fell by {fall}, expected 0.001");
    }

    #[test]
    fn parameters_that_the_loss_does_not_reach_have_gradient_zero() {
        let network = small(1);
        let only_bias = network.head().unwrap().bias().unwrap().sum(Kind::Float);
        let gradient = network.gradient(&only_bias).unwrap();
        assert_eq!(gradient.size(), network.flat().size());
        assert_eq!(gradient.sum(Kind::Float).double_value(&[]), 4.0);
    }

    #[test]
    fn training_mode_moves_the_running_statistics_and_evaluation_does_not() {
        let network = small(1);
        let mean = |network: &Network| network.layers[1].running.as_ref().unwrap().0.copy();
        let before = mean(&network);
        let _ = network.eval_logits(&images().0).unwrap();
        assert_eq!(before, mean(&network));
        let _ = network.train_logits(&images().0, draws()).unwrap();
        assert_ne!(before, mean(&network));
    }

    #[test]
    fn a_new_head_keeps_the_features() {
        let network = trained();
        let other = network.replace_head(9, Stream::new(5, "head")).unwrap();
        let features = |network: &Network| network.folded().unwrap().features(&images().0).unwrap();
        assert_eq!(features(&network), features(&other));
        assert_eq!(other.eval_logits(&images().0).unwrap().size(), [6, 9]);
    }

    #[test]
    fn a_copy_is_equal_and_independent() {
        let network = trained();
        let copy = network.copy().unwrap();
        assert_eq!(network.flat(), copy.flat());
        let _ = copy.flat().shallow_clone().zero_();
        assert_ne!(network.flat(), copy.flat());
    }

    #[test]
    fn a_network_without_classes_is_refused() {
        assert!(small(1).replace_head(0, Stream::new(0, "head")).is_err());
    }
}
