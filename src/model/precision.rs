//! The numbers that a network computes with.

use crate::error::Result;
use crate::registry::{Args, Param};
use tch::Kind;

/// The type of the values between layers.
///
/// Parameters, running statistics, pixels, their normalisation, the first convolution and the head
/// are f32 always: bf16 has 8 bits, too few for a perturbation of 1/255. Where the gradient in the
/// pixels is computed by tiles, that convolution's weights count with 16 bits in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Exact.
    F32,
    /// Half as large and, on CPUs and GPUs with bf16 arithmetic, faster.
    Bf16,
}

impl Precision {
    /// The option of verbs that run networks.
    pub const PARAM: Param = Param::choice(
        "precision",
        &["f32", "bf16"],
        "Numbers between layers; with bf16, pixels, the first convolution, norms, the head and \
         the parameters stay f32.",
    );

    /// What [`Self::PARAM`] was given.
    ///
    /// # Errors
    /// Internal: the entry has no such option.
    pub fn of(args: &Args) -> Result<Self> {
        Ok(if args.text(Self::PARAM.name)? == "bf16" { Self::Bf16 } else { Self::F32 })
    }

    /// The type of a tensor.
    pub fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }

    /// The name in options and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Folded;
    use super::super::forward::{Draws, Pass};
    use super::super::graph::plan::{self, Fused, Layers};
    use super::super::network::Network;
    use super::super::tests::spec;
    use super::*;
    use crate::seed::Stream;
    use std::cell::RefCell;
    use tch::{Device, Tensor};

    /// Layers that keep what the first of them reads and gives.
    struct Watched<'a, L> {
        layers: &'a L,
        first: RefCell<Vec<Tensor>>,
    }

    impl<L: Layers> Layers for Watched<'_, L> {
        fn layer(
            &self,
            fused: &Fused,
            x: &mut Tensor,
            shortcut: Option<&Tensor>,
        ) -> Result<Tensor> {
            let y = self.layers.layer(fused, x, shortcut)?;
            if fused.input == 0 {
                *self.first.borrow_mut() = vec![x.copy(), y.copy()];
            }
            Ok(y)
        }

        fn dropout(&self, index: usize, p: f64, x: &Tensor) -> Result<Tensor> {
            self.layers.dropout(index, p, x)
        }
    }

    /// What the first layer reads and gives for pixels `x`.
    fn first(network: &Network, layers: &impl Layers, x: &Tensor) -> (Tensor, Tensor) {
        let watched = Watched { layers, first: RefCell::default() };
        let pixels = network.architecture().normalised(x).unwrap();
        let _ = plan::run(network.steps(), pixels, &watched).unwrap();
        let mut seen = watched.first.into_inner();
        let y = seen.pop().unwrap();
        (seen.pop().unwrap(), y)
    }

    fn cosine(a: &Tensor, b: &Tensor) -> f64 {
        let [a, b] = [a, b].map(|tensor| tensor.to_kind(Kind::Double));
        ((&a * &b).sum(Kind::Double) / (a.norm() * b.norm())).double_value(&[])
    }

    /// What three L2 steps of 2/3 eps add to `x`, projected each time, up the loss of class 0.
    fn pgd(folded: &Folded, x: &Tensor, eps: f64) -> Tensor {
        let mut delta = x.zeros_like();
        for _ in 0..3 {
            let leaf = (x + &delta).set_requires_grad(true);
            let y = Tensor::zeros([1], (Kind::Int64, Device::Cpu));
            let loss = folded.logits(&leaf).unwrap().cross_entropy_loss::<Tensor>(
                &y,
                None,
                tch::Reduction::Mean,
                -100,
                0.0,
            );
            let gradient = Tensor::run_backward(&[&loss], &[&leaf], false, false).remove(0);
            delta += &gradient / gradient.norm() * (2.0 / 3.0 * eps);
            delta = delta.renorm(2.0, 0, eps);
        }
        delta
    }

    /// What PGD adds, computed in either precision.
    #[test]
    fn a_small_perturbation_of_a_large_image_reaches_the_first_layer_whole() {
        let (size, eps) = (224, 0.05);
        let options = [("width", 16.into()), ("size", size.into()), ("std", 0.25.into())];
        let architecture = spec("resnet18", &options).architecture;
        let stream = Stream::new(0, "init");
        let network = Network::new(&architecture, 10, stream, Device::Cpu).unwrap();
        let half = network.copy().unwrap().at(Precision::Bf16);
        let mut generator = Stream::new(0, "pixels").generator();
        let pixels: Vec<f32> =
            (0..3 * size * size).map(|_| 0.1 + 0.8 * generator.uniform()).collect();
        let x = Tensor::from_slice(&pixels).view([1, 3, size, size]);
        let folded = |precision| network.folded_at(precision).unwrap();
        let [exact, rounded] = [Precision::F32, Precision::Bf16].map(folded);
        let (momentum, draws) = (Some(0.1), Some(Draws { stream, ids: &[0] }));
        let passes = |x: &Tensor| {
            [
                (first(&network, &exact, x), first(&network, &rounded, x)),
                (
                    first(&network, &Pass { network: &network, momentum, draws }, x),
                    first(&half, &Pass { network: &half, momentum, draws }, x),
                ),
            ]
        };
        let before = passes(&x);
        for delta in [pgd(&exact, &x, eps), pgd(&rounded, &x, eps)] {
            assert!((delta.norm().double_value(&[]) - eps).abs() < 1e-3 * eps);
            for ((at, at_half), (to, to_half)) in before.iter().zip(passes(&(&x + delta))) {
                let seen = &to_half.0 - &at_half.0;
                assert!(cosine(&seen, &(&to.0 - &at.0)) > 0.999);
                // What is read is computed with in f32, and rounded once: to 8 bits, by half of the last.
                let off = (to_half.1.to_kind(Kind::Float) - &to.1).abs() - to.1.abs() / 256.0;
                assert!(off.max().double_value(&[]) < 1e-5, "{off}");
                let short = |x: &Tensor| x.to_kind(Kind::BFloat16).to_kind(Kind::Float);
                assert!(
                    cosine(&(short(&to.0) - short(&at.0)), &seen) < 0.5,
                    "pixels of bf16 lose it"
                );
            }
        }
    }
}
