//! One forward pass through the layers of a network, without folding.

use super::graph::build::Activation;
use super::graph::plan::{Fused, Layers};
use super::graph::{Convolution, LayerKind};
use super::network::{LayerState, Network};
use crate::error::{Error, Result};
use crate::seed::Stream;
use crate::torch::{Kernel, Norm, Prepared, batch_norm, convolution, passing_convolution};
use tch::{Kind, Tensor};

/// BatchNorm's epsilon, PyTorch's default.
pub(super) const NORM_EPS: f64 = 1e-5;

/// Where the random draws of a batch in training come from, image by image.
#[derive(Debug, Clone, Copy)]
pub struct Draws<'a> {
    /// The stream of this seed, purpose and epoch.
    pub stream: Stream,
    /// The images' numbers in their data set, as many as the batch has: image i draws from
    /// `stream.at(ids[i])`.
    pub ids: &'a [u64],
}

/// One forward pass without folding.
pub(super) struct Pass<'a> {
    pub network: &'a Network,
    /// How fast running statistics follow those of the batch, which then normalise; none where the
    /// running ones do.
    pub momentum: Option<f64>,
    /// Where dropout draws from; none where nothing is dropped.
    pub draws: Option<Draws<'a>>,
}

impl Layers for Pass<'_> {
    fn layer(&self, fused: &Fused, x: &mut Tensor, shortcut: Option<&Tensor>) -> Result<Tensor> {
        let network = self.network;
        let (architecture, layers) = (network.architecture(), &network.layers);
        let state = &layers[fused.layer];
        let kind = x.f_kind()?;
        let like = |parameter: &Tensor| parameter.f_to_kind(kind);
        let (y, norm) = match architecture.graph.layers()[fused.layer].kind {
            LayerKind::Convolution(c) => {
                let weights = (&like(&state.weight)?, None);
                let mut y = convolve(x, fused.kept, &c, weights, None, (None, false), false)?;
                if let Some(bias) = &state.bias {
                    y = y.f_add(&like(bias)?.f_view([1, -1, 1, 1])?)?;
                }
                (y, fused.norm)
            }
            LayerKind::Norm(_) => (x.shallow_clone(), Some(fused.layer)),
            LayerKind::Linear { .. } => {
                let bias = state.bias.as_ref().map(like).transpose()?;
                (x.f_linear(&like(&state.weight)?, bias.as_ref())?, None)
            }
        };
        let norm = norm.map(|norm| &layers[norm]);
        // The first convolution reads f32; from there on values have the network's own type.
        let own = network.precision().kind();
        if let (Some(norm), Some(momentum)) = (norm, self.momentum) {
            let relu = fused.activation == Activation::Relu;
            let y = batch_norm(&y, &norm.batch(momentum)?, shortcut, relu, own == Kind::BFloat16)?;
            return if relu { Ok(y) } else { activate(y, fused.activation) };
        }
        let y = match norm {
            Some(norm) => norm.normalise(&y)?,
            None => y,
        };
        let mut y = y.f_to_kind(own)?;
        if let Some(shortcut) = shortcut {
            y = y.f_add_(shortcut)?;
        }
        activate(y, fused.activation)
    }

    fn dropout(&self, index: usize, p: f64, x: &Tensor) -> Result<Tensor> {
        let Some(Draws { stream, ids }) = self.draws else { return Ok(x.shallow_clone()) };
        let (p, kept) = (p as f32, 1.0 / (1.0 - p as f32));
        let each = x.numel() / ids.len().max(1);
        let mut mask: Vec<f32> = Vec::with_capacity(x.numel());
        for &id in ids {
            // An image's attack counts its own draws upwards.
            let mut generator = stream.at(id).at(u64::MAX - index as u64).generator();
            mask.extend((0..each).map(|_| if generator.uniform() < p { 0.0 } else { kept }));
        }
        let mask = Tensor::f_from_slice(&mask)?.f_view(x.size().as_slice())?;
        Ok(x.f_mul(&mask.f_to_device(x.device())?.f_to_kind(x.f_kind()?)?)?)
    }
}

/// The rectified `x`, in its memory.
pub(super) fn activate(mut x: Tensor, activation: Activation) -> Result<Tensor> {
    Ok(match activation {
        Activation::None => x,
        Activation::Relu => x.f_relu_()?,
        Activation::Relu6 => x.f_relu6_()?,
    })
}

/// The convolution of `x`, then its sum with a shortcut and the rectifier if they are asked for, of
/// f32 `rounded` to bf16 if that is. `x` becomes what later readers of it shall take, if it is `kept`
/// for them.
///
/// A strided 1x1 convolution picks its pixels first: in libtorch 2.13 the weight gradient of
/// oneDNN's own striding writes out of bounds where channels are no multiple of 16, the batch
/// is odd and there are two threads.
///
/// # Errors
/// The channels of `x` do not fit.
pub(super) fn convolve(
    x: &mut Tensor,
    kept: bool,
    shape: &Convolution,
    (weight, bias): (&Tensor, Option<&Tensor>),
    prepared: Option<&Prepared>,
    (shortcut, relu): (Option<&Tensor>, bool),
    rounded: bool,
) -> Result<Tensor> {
    let Convolution { kernel, stride, groups, .. } = *shape;
    let padding = kernel / 2;
    let at = |stride| Kernel { weight, bias, prepared, stride, padding, groups, rounded };
    if kernel == 1 && stride > 1 {
        let rows = x.f_slice(2, None, None, stride)?;
        let picked = rows.f_slice(3, None, None, stride)?;
        return convolution(&picked, &at(1), shortcut, relu);
    }
    if !kept {
        return convolution(x, &at(stride), shortcut, relu);
    }
    let (y, passed) = passing_convolution(x, &at(stride), shortcut, relu)?;
    *x = passed;
    Ok(y)
}

impl LayerState {
    /// The batch normalisation of `x` by the running statistics of this layer.
    pub(super) fn normalise(&self, x: &Tensor) -> Result<Tensor> {
        let (mean, variance) = self.running()?;
        let (weight, bias) = (Some(&self.weight), self.bias.as_ref());
        Ok(x.f_batch_norm(weight, bias, Some(mean), Some(variance), false, 0.0, NORM_EPS, true)?)
    }

    /// This layer as a batch normalisation by the statistics of the batch.
    fn batch(&self, momentum: f64) -> Result<Norm<'_>> {
        let (weight, bias) = (&self.weight, self.bias()?);
        Ok(Norm { weight, bias, running: self.running()?, momentum, eps: NORM_EPS })
    }

    fn running(&self) -> Result<(&Tensor, &Tensor)> {
        let running = self.running.as_ref().map(|(mean, variance)| (mean, variance));
        running.ok_or_else(|| Error::internal("model: a batch norm without statistics"))
    }
}
