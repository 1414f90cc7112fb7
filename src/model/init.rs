//! How parameters are drawn.

use super::architecture::Architecture;
use super::network::Network;
use crate::error::Result;
use crate::seed::{Generator, Stream};
use std::rc::Rc;
use tch::{Device, Tensor, no_grad_guard};

impl Network {
    /// A network with torchvision's initialisation: convolutions normal with variance 2/fan_out,
    /// BatchNorm 1 and 0, the linear layer uniform within 1/sqrt(fan_in). Each layer has its own
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
        for (index, (shape, unit)) in network.shapes().iter().zip(&network.units).enumerate() {
            let mut generator = stream.at(index as u64).generator();
            let fan_out = shape.output * shape.kernel * shape.kernel;
            let deviation = (2.0 / fan_out as f32).sqrt();
            fill(&unit.weight, || deviation * generator.normal())?;
            fill(&unit.gamma, || 1.0)?;
        }
        network.draw_head(stream)?;
        Ok(network)
    }

    /// Draws the linear layer.
    pub(super) fn draw_head(&self, stream: Stream) -> Result<()> {
        let _guard = no_grad_guard();
        let mut generator = stream.at(self.shapes().len() as u64).generator();
        let bound = 1.0 / (self.architecture().features() as f32).sqrt();
        let mut draw = || uniform(&mut generator, bound);
        fill(&self.head.0, &mut draw)?;
        fill(&self.head.1, &mut draw)
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
    use tch::Kind;

    #[test]
    fn initial_parameters_have_torchvisions_distribution() {
        let network = small(1);
        for (shape, unit) in network.shapes().iter().zip(&network.units) {
            let expected = 2.0 / (shape.output * shape.kernel * shape.kernel) as f64;
            let found = unit.weight.pow_tensor_scalar(2).mean(Kind::Double).double_value(&[]);
            let tolerance = 6.0 / (unit.weight.numel() as f64).sqrt();
            assert!((found / expected - 1.0).abs() < tolerance, "{}", shape.convolution);
        }
        let bound = 1.0 / 8.0;
        for tensor in [&network.head.0, &network.head.1] {
            assert!(tensor.abs().max().double_value(&[]) <= bound);
        }
        assert!(network.head.0.abs().max().double_value(&[]) > 0.95 * bound);
    }

    #[test]
    fn initial_parameters_depend_on_the_seed_only() {
        assert_eq!(small(1).flat(), small(1).flat());
        assert_ne!(small(1).flat(), small(2).flat());
    }
}
