//! A network that can be trained: parameters that alias one flat tensor, and BatchNorm buffers.

use super::architecture::{Architecture, Then, Unit};
use super::folded::Folded;
use crate::error::{Error, Result};
use crate::seed::Stream;
use std::rc::Rc;
use tch::{Device, Kind, Tensor, no_grad_guard};

/// BatchNorm's epsilon and momentum, PyTorch's defaults.
pub(super) const NORM_EPS: f64 = 1e-5;
const NORM_MOMENTUM: f64 = 0.1;

/// The tensors of one unit.
pub(super) struct UnitState {
    pub weight: Tensor,
    pub gamma: Tensor,
    pub beta: Tensor,
    pub mean: Tensor,
    pub variance: Tensor,
}

/// A network: an architecture, its parameters and its BatchNorm buffers, on one device.
pub struct Network {
    architecture: Rc<Architecture>,
    classes: i64,
    device: Device,
    shapes: Vec<Unit>,
    flat: Tensor,
    pub(super) units: Vec<UnitState>,
    pub(super) head: (Tensor, Tensor),
}

impl Network {
    /// The architecture with all parameters and means 0 and all variances 1.
    pub(super) fn zeros(
        architecture: &Rc<Architecture>,
        classes: i64,
        device: Device,
    ) -> Result<Self> {
        if classes < 1 {
            let name = architecture.name;
            return Err(Error::usage(format!("{name}: classes must be >= 1, found {classes}")));
        }
        let _guard = no_grad_guard();
        let shapes = architecture.units();
        let features = architecture.features();
        let convolutions: i64 = shapes.iter().map(|s| weights(s) + 2 * s.output).sum();
        let total = convolutions + classes * (features + 1);
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
        let mut units = Vec::with_capacity(shapes.len());
        for s in &shapes {
            // Stored output, row, column, input: the order in which channels-last kernels read.
            let weight = take(&[s.output, s.kernel, s.kernel, s.input])?;
            units.push(UnitState {
                weight: leaf(weight.f_permute([0, 3, 1, 2])?)?,
                gamma: leaf(take(&[s.output])?)?,
                beta: leaf(take(&[s.output])?)?,
                mean: Tensor::f_zeros([s.output], (Kind::Float, device))?,
                variance: Tensor::f_ones([s.output], (Kind::Float, device))?,
            });
        }
        let head = (leaf(take(&[classes, features])?)?, leaf(take(&[classes])?)?);
        Ok(Self { architecture: architecture.clone(), classes, device, shapes, flat, units, head })
    }

    /// The logits in training mode, shape (N, classes), of pixels `x` in [0,1]: BatchNorm uses
    /// the statistics of the batch and updates the running ones. Differentiable in `x` and in
    /// the parameters.
    ///
    /// # Errors
    /// The images have the wrong shape; a batch of one 1x1 feature map has no variance.
    pub fn train_logits(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, true)
    }

    /// The logits in evaluation mode, without folding: the reference for [`Folded::logits`].
    ///
    /// # Errors
    /// The images have the wrong shape.
    pub fn eval_logits(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, false)
    }

    fn run(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        let features = self.architecture.run(x, |index, x, then| {
            let (shape, unit) = (&self.shapes[index], &self.units[index]);
            let x = shape.convolve(x, (&unit.weight, None), None, Then::Nothing)?;
            let mut x = x.f_batch_norm(
                Some(&unit.gamma),
                Some(&unit.beta),
                Some(&unit.mean),
                Some(&unit.variance),
                training,
                NORM_MOMENTUM,
                NORM_EPS,
                true,
            )?;
            Ok(match then {
                Then::Relu => x.f_relu_()?,
                Then::AddRelu(shortcut) => x.f_add_(shortcut)?.f_relu_()?,
                Then::Nothing => x,
            })
        })?;
        Ok(features.f_linear(&self.head.0, Some(&self.head.1))?)
    }

    /// The gradient of a scalar loss over all parameters, as one flat f32 tensor in the order of
    /// [`Self::flat`]; parameters that the loss does not reach get zeros. Frees the graph.
    ///
    /// # Errors
    /// `loss` has no graph.
    pub fn gradient(&self, loss: &Tensor) -> Result<Tensor> {
        let parameters = self.parameters();
        let gradients = Tensor::f_run_backward(&[loss], &parameters, false, false)?;
        let _guard = no_grad_guard();
        let parts = gradients
            .iter()
            .zip(&parameters)
            .map(|(gradient, parameter)| {
                if !gradient.defined() {
                    let length: i64 = parameter.size().iter().product();
                    return Ok(Tensor::f_zeros([length], (Kind::Float, self.device))?);
                }
                let stored = match gradient.dim() {
                    4 => gradient.f_permute([0, 2, 3, 1])?,
                    _ => gradient.shallow_clone(),
                };
                Ok(stored.f_reshape([-1])?)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Tensor::f_cat(&parts, 0)?)
    }

    /// All parameters in the order of [`Self::flat`].
    fn parameters(&self) -> Vec<&Tensor> {
        let units = self.units.iter().flat_map(|unit| [&unit.weight, &unit.gamma, &unit.beta]);
        units.chain([&self.head.0, &self.head.1]).collect()
    }

    /// One flat f32 tensor that all parameters alias: an update in place reaches them all. The
    /// order is this program's own (weights channels-last); use [`Self::state`] to look inside.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// A copy for evaluation and attacks, with BatchNorm folded into the convolutions.
    ///
    /// # Errors
    /// Memory is short.
    pub fn folded(&self) -> Result<Folded> {
        Folded::new(self)
    }

    /// A copy with a new linear layer for `classes` classes, drawn as in [`Self::new`].
    ///
    /// # Errors
    /// `classes` is below 1; memory is short.
    pub fn replace_head(&self, classes: i64, stream: Stream) -> Result<Self> {
        let copy = Self::zeros(&self.architecture, classes, self.device)?;
        let _guard = no_grad_guard();
        for (to, from) in copy.units.iter().zip(&self.units) {
            for (to, from) in to.tensors().into_iter().zip(from.tensors()) {
                to.shallow_clone().f_copy_(from)?;
            }
        }
        copy.draw_head(stream)?;
        Ok(copy)
    }

    /// A copy of everything, which trains on its own.
    ///
    /// # Errors
    /// Memory is short.
    pub fn copy(&self) -> Result<Self> {
        let copy = Self::zeros(&self.architecture, self.classes, self.device)?;
        copy.load_state(&self.state()?)?;
        Ok(copy)
    }

    /// The bytes of its parameters and buffers.
    pub fn bytes(&self) -> usize {
        let buffers = self.units.iter().flat_map(|unit| [&unit.mean, &unit.variance]);
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

    /// The units' shapes.
    pub(super) fn shapes(&self) -> &[Unit] {
        &self.shapes
    }
}

impl UnitState {
    /// All tensors, in torchvision's order.
    pub(super) fn tensors(&self) -> [&Tensor; 5] {
        [&self.weight, &self.gamma, &self.beta, &self.mean, &self.variance]
    }
}

fn weights(shape: &Unit) -> i64 {
    shape.output * shape.input * shape.kernel * shape.kernel
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::Stem;
    use crate::torch::optimizer::{Sgd, sgd_step};
    use tch::Reduction;

    pub fn small(seed: i64) -> Network {
        let architecture = Architecture {
            name: "resnet8",
            channels: 3,
            size: 12,
            mean: 0.4,
            std: 0.3,
            stem: Stem::Cifar,
            width: 16,
            blocks: vec![1, 1, 1],
        };
        Network::new(&Rc::new(architecture), 4, Stream::new(seed, "init"), Device::Cpu).unwrap()
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
        let logits = network.train_logits(&x).unwrap();
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
        let only_bias = network.head.1.sum(Kind::Float);
        let gradient = network.gradient(&only_bias).unwrap();
        assert_eq!(gradient.size(), network.flat().size());
        assert_eq!(gradient.sum(Kind::Float).double_value(&[]), 4.0);
    }

    #[test]
    fn training_mode_moves_the_running_statistics_and_evaluation_does_not() {
        let network = small(1);
        let mean = |network: &Network| network.units[0].mean.copy();
        let before = mean(&network);
        let _ = network.eval_logits(&images().0).unwrap();
        assert_eq!(before, mean(&network));
        let _ = network.train_logits(&images().0).unwrap();
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
