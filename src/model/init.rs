//! How parameters are drawn.

use super::architecture::Architecture;
use super::graph::{Convolution, LayerKind};
use super::network::Network;
use crate::error::Result;
use crate::seed::{Generator, Stream};
use std::rc::Rc;
use tch::{Device, Tensor, no_grad_guard};

/// How an architecture of torchvision draws its parameters. Norms start as the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Init {
    /// Its convolutions.
    pub convolution: ConvolutionInit,
    /// Its linear layers.
    pub linear: LinearInit,
}

/// How a convolution is drawn; its bias is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConvolutionInit {
    /// Normal with variance 2 / (out * kernel^2).
    FanOut,
    /// Normal with variance 2 / (in per group * kernel^2).
    FanIn,
    /// Uniform within 1 / sqrt(in per group * kernel^2): PyTorch's default.
    Uniform,
}

/// How a linear layer is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinearInit {
    /// Weight and bias uniform within 1 / sqrt(in): PyTorch's default.
    Uniform,
    /// The weight so, the bias 0.
    UniformNoBias,
    /// The weight normal with deviation 0.01, the bias 0.
    Normal,
    /// The weight uniform within sqrt(3 / out), the bias 0.
    FanOut,
}

impl Init {
    /// What residual networks use.
    pub const RESIDUAL: Self =
        Self { convolution: ConvolutionInit::FanOut, linear: LinearInit::Uniform };
}

impl Network {
    /// A network with its architecture's initialisation. Each layer that is drawn has its own
    /// child of `stream`.
    ///
    /// # Errors
    /// `classes` is below 1; memory is short.
    pub fn new(
        architecture: &Rc<Architecture>,
        classes: i64,
        stream: Stream,
        device: Device,
    ) -> Result<Self> {
        let network = Self::zeros(architecture, classes, device)?;
        let _guard = no_grad_guard();
        let mut drawn = 0;
        for (kind, layer) in network.kinds().zip(&network.layers) {
            let mut generator = stream.at(drawn).generator();
            let init = architecture.init;
            match kind {
                LayerKind::Norm(_) => {
                    fill(&layer.weight, || 1.0)?;
                    continue;
                }
                LayerKind::Convolution(c) => {
                    draw_convolution(&layer.weight, c, init.convolution, &mut generator)?;
                }
                LayerKind::Linear { input, output } => {
                    let sizes = (input, output);
                    draw_linear(&layer.weight, layer.bias()?, sizes, init.linear, &mut generator)?;
                }
            }
            drawn += 1;
        }
        Ok(network)
    }

    /// Draws the linear layer on the features as PyTorch draws a new one.
    pub(super) fn draw_head(&self, stream: Stream) -> Result<()> {
        let _guard = no_grad_guard();
        let drawn = self.kinds().filter(|kind| !matches!(kind, LayerKind::Norm(_))).count();
        let mut generator = stream.at(drawn as u64 - 1).generator();
        let head = self.head()?;
        let sizes = (self.architecture().features(), self.classes());
        draw_linear(&head.weight, head.bias()?, sizes, LinearInit::Uniform, &mut generator)
    }
}

fn draw_convolution(
    weight: &Tensor,
    convolution: Convolution,
    init: ConvolutionInit,
    generator: &mut Generator,
) -> Result<()> {
    let Convolution { input, output, kernel, groups, .. } = convolution;
    let fan_in = (input / groups * kernel * kernel) as f32;
    let normal = match init {
        ConvolutionInit::FanOut => (2.0 / (output * kernel * kernel) as f32).sqrt(),
        ConvolutionInit::FanIn => (2.0 / fan_in).sqrt(),
        ConvolutionInit::Uniform => {
            return fill(weight, || uniform(generator, 1.0 / fan_in.sqrt()));
        }
    };
    fill(weight, || normal * generator.normal())
}

fn draw_linear(
    weight: &Tensor,
    bias: &Tensor,
    (input, output): (i64, i64),
    init: LinearInit,
    generator: &mut Generator,
) -> Result<()> {
    let bound = 1.0 / (input as f32).sqrt();
    match init {
        LinearInit::Uniform | LinearInit::UniformNoBias => {
            fill(weight, || uniform(generator, bound))?;
        }
        LinearInit::Normal => fill(weight, || 0.01 * generator.normal())?,
        LinearInit::FanOut => {
            fill(weight, || uniform(generator, (3.0 / output as f32).sqrt()))?;
        }
    }
    match init {
        LinearInit::Uniform => fill(bias, || uniform(generator, bound)),
        _ => fill(bias, || 0.0),
    }
}

fn uniform(generator: &mut Generator, bound: f32) -> f32 {
    bound * (2.0 * generator.uniform() - 1.0)
}

/// Overwrites a tensor with draws, in the order of its logical indices.
fn fill(tensor: &Tensor, mut draw: impl FnMut() -> f32) -> Result<()> {
    let values: Vec<f32> = (0..tensor.numel()).map(|_| draw()).collect();
    let values = Tensor::f_from_slice(&values)?.f_view(tensor.size().as_slice())?;
    tensor.shallow_clone().f_copy_(&values)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::small;
    use super::super::tests::spec;
    use super::*;
    use tch::Kind;

    /// The variance of a convolution's weights that an architecture promises.
    type Variance<'a> = &'a dyn Fn(Convolution) -> f64;

    /// The root mean square of a layer's weight over what its architecture promises, and the
    /// largest deviation that chance explains.
    fn spread(weight: &Tensor, variance: f64) -> (f64, f64) {
        let found = weight.pow_tensor_scalar(2).mean(Kind::Double).double_value(&[]);
        ((found / variance - 1.0).abs(), 6.0 / (weight.numel() as f64).sqrt())
    }

    #[test]
    fn initial_parameters_have_torchvisions_distribution() {
        let fan_out = |c: Convolution| 2.0 / (c.output * c.kernel * c.kernel) as f64;
        let fan_in = |c: Convolution| (c.input / c.groups * c.kernel * c.kernel) as f64;
        let cases: [(&str, Variance, f64); 4] = [
            ("resnet8", &fan_out, 1.0 / (3.0 * 64.0)),
            ("mobilenet_v2", &fan_out, 1e-4),
            ("shufflenet_v2_x1_0", &|c| 1.0 / (3.0 * fan_in(c)), 1.0 / (3.0 * 1024.0)),
            ("mnasnet1_0", &fan_out, 1.0 / 10.0),
        ];
        for (name, variance, head) in cases {
            let spec = spec(name, &[("classes", 10.into())]);
            let stream = Stream::new(1, "init");
            let network = Network::new(&spec.architecture, 10, stream, Device::Cpu).unwrap();
            for (kind, layer) in network.kinds().zip(&network.layers) {
                if let LayerKind::Convolution(c) = kind {
                    let (off, allowed) = spread(&layer.weight, variance(c));
                    assert!(off < allowed, "{name}: {c:?}: {off}");
                }
            }
            let (off, allowed) = spread(&network.head().unwrap().weight, head);
            assert!(off < allowed, "{name}: head: {off}");
        }
    }

    #[test]
    fn initial_parameters_depend_on_the_seed_only() {
        assert_eq!(small(1).flat(), small(1).flat());
        assert_ne!(small(1).flat(), small(2).flat());
    }

    #[test]
    fn a_new_head_is_drawn_as_that_of_a_new_network() {
        let new = small(5);
        let replaced = small(1).replace_head(4, Stream::new(5, "init")).unwrap();
        let weight = |network: &Network| network.head().unwrap().weight.copy();
        assert_eq!(weight(&new), weight(&replaced));
    }
}
