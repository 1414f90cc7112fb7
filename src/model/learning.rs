//! Which parameters of a network learn, and what its batch norms go by while it trains.

use super::architecture::Architecture;
use super::graph::LayerKind;
use super::network::Network;
use crate::error::{Error, Result};
use crate::torch;
use tch::{Kind, Tensor, no_grad_guard};

/// Where in the flat parameters something lies: its start and its length.
pub(super) type Span = (i64, i64);

/// What learns; the head always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Learns {
    /// All parameters.
    #[default]
    All,
    /// The head alone.
    Head,
    /// The last so many blocks of [`super::graph::Graph::blocks`].
    Blocks(usize),
    /// Scale and shift of the batch norms.
    Norms,
}

/// What batch norms normalise by in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Statistics {
    /// By the statistics of the batch, which the running ones follow: those of frozen layers, too,
    /// as in the released code of Salman et al. 2020.
    #[default]
    Batch,
    /// By the running statistics, which stay as they are.
    Running,
}

/// How a network trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Learning {
    /// Which parameters do.
    pub learns: Learns,
    /// What batch norms go by.
    pub statistics: Statistics,
}

impl Learning {
    /// Whether running statistics follow the batches.
    pub(super) fn adapts(self) -> bool {
        self.statistics == Statistics::Batch
    }

    /// Layer by layer whether it learns, the head last.
    ///
    /// # Errors
    /// Usage: more blocks than there are.
    pub(super) fn layers(self, of: &Architecture) -> Result<Vec<bool>> {
        let (layers, blocks) = (of.graph.layers(), of.graph.blocks());
        let first = match self.learns {
            Learns::Blocks(count) => blocks.len().checked_sub(count).ok_or_else(|| {
                let (name, most) = (of.name, blocks.len());
                Error::usage(format!("{name} has {most} blocks, expected at least {count}"))
                    .hint("model.summary() lists them")
            })?,
            _ => 0,
        };
        let learns = |layer: &super::graph::Layer| match self.learns {
            Learns::All => true,
            Learns::Head => false,
            Learns::Blocks(_) => layer.block >= first,
            Learns::Norms => matches!(layer.kind, LayerKind::Norm(_)),
        };
        Ok(layers.iter().map(learns).chain([true]).collect())
    }
}

impl Network {
    /// The same network with what `learning` says learning in [`Self::train_logits`] and
    /// [`Self::gradients`].
    ///
    /// # Errors
    /// Usage: more blocks than it has.
    pub fn learning(mut self, learning: Learning) -> Result<Self> {
        let learns = learning.layers(self.architecture())?;
        let (mut spans, mut start): (Vec<Span>, i64) = (Vec::new(), 0);
        for (layer, learns) in self.layers.iter().zip(learns) {
            let parameters = || [&layer.weight].into_iter().chain(&layer.bias);
            for tensor in parameters() {
                let _ = tensor.f_set_requires_grad(learns)?;
            }
            let length = parameters().map(|tensor| tensor.numel() as i64).sum::<i64>();
            match spans.last_mut() {
                Some((from, long)) if learns && *from + *long == start => *long += length,
                _ if learns => spans.push((start, length)),
                _ => {}
            }
            start += length;
        }
        self.spans = spans;
        self.learning = learning;
        Ok(self)
    }

    /// The gradient of a scalar loss over the parameters that learn, as one flat f32 tensor in the
    /// order of [`Self::learned`]; parameters that the loss does not reach get zeros. Frees the
    /// graph. What learns nothing costs no pass back.
    ///
    /// # Errors
    /// `loss` has no graph.
    pub fn gradient(&self, loss: &Tensor) -> Result<Tensor> {
        Ok(self.gradients(loss, None)?.0)
    }

    /// The same, and the gradient in `leaf`, of its shape, from the same backward pass.
    ///
    /// # Errors
    /// `loss` has no graph, or `leaf` is no part of it.
    pub fn gradients(
        &self,
        loss: &Tensor,
        leaf: Option<&Tensor>,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let parameters: Vec<&Tensor> = self
            .layers
            .iter()
            .flat_map(|layer| [&layer.weight].into_iter().chain(&layer.bias))
            .filter(|parameter| parameter.requires_grad())
            .collect();
        let wanted: Vec<&Tensor> = parameters.iter().copied().chain(leaf).collect();
        let gradients = torch::gradients(loss, &wanted, false, false)?;
        let of_leaf = leaf.and(gradients.last()).filter(|gradient| gradient.defined());
        if leaf.is_some() && of_leaf.is_none() {
            return Err(Error::internal("model: the loss does not depend on the leaf"));
        }
        let _guard = no_grad_guard();
        let parts = gradients
            .iter()
            .zip(&parameters)
            .map(|(gradient, parameter)| {
                if !gradient.defined() {
                    let length: i64 = parameter.size().iter().product();
                    return Ok(Tensor::f_zeros([length], (Kind::Float, self.device()))?);
                }
                let stored = match gradient.dim() {
                    4 => gradient.f_permute([0, 2, 3, 1])?,
                    _ => gradient.shallow_clone(),
                };
                Ok(stored.f_reshape([-1])?)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok((Tensor::f_cat(&parts, 0)?, of_leaf.map(Tensor::shallow_clone)))
    }

    /// The parts of [`Self::flat`] that learn, in order; all of it unless [`Self::learning`] says
    /// otherwise.
    ///
    /// # Errors
    /// Internal: the parts lie outside of it.
    pub fn learned(&self) -> Result<Vec<Tensor>> {
        let part = |&(start, length): &Span| Ok(self.flat().f_narrow(0, start, length)?);
        self.spans.iter().map(part).collect()
    }

    /// The number of parameters that learn.
    pub fn learned_parameters(&self) -> i64 {
        self.spans.iter().map(|(_, length)| length).sum()
    }

    /// Those of one backward pass to the parameters that learn: as much as a forward pass takes to
    /// go back through each layer from the first that learns on, and as much again for the weights
    /// among them.
    ///
    /// # Errors
    /// As [`Self::multiplications`].
    pub fn backward_multiplications(&self) -> Result<i64> {
        let last = |blocks| self.architecture().multiplications_of_last(blocks, self.classes());
        Ok(match self.learning.learns {
            Learns::All => 2 * self.multiplications()?,
            Learns::Head => 2 * last(0)?,
            Learns::Blocks(blocks) => 2 * last(blocks)?,
            Learns::Norms => self.multiplications()? + last(0)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::{images, small, trained};
    use super::super::{Draws, MODELS, tests::spec};
    use super::*;
    use crate::seed::Stream;
    use crate::torch::optimizer::{Sgd, sgd_step};
    use tch::{Device, Reduction};

    const ALL: [Learns; 5] =
        [Learns::All, Learns::Head, Learns::Blocks(1), Learns::Blocks(3), Learns::Norms];

    fn loss(network: &Network) -> Tensor {
        let draws = Draws { stream: Stream::new(0, "train"), ids: &[0, 1, 2, 3, 4, 5] };
        let logits = network.train_logits(&images().0, draws).unwrap();
        logits.cross_entropy_loss::<Tensor>(&images().1, None, Reduction::Mean, -100, 0.0)
    }

    fn learns(name: &str, learns: Learns) -> bool {
        let norm = name.contains("bn") || name.contains("downsample.1");
        match learns {
            Learns::All => true,
            Learns::Head => name.starts_with("fc"),
            Learns::Blocks(1) => name.starts_with("fc") || name.starts_with("layer3"),
            Learns::Blocks(_) => name.starts_with("fc") || name.starts_with("layer"),
            Learns::Norms => name.starts_with("fc") || norm,
        }
    }

    #[test]
    fn one_update_moves_what_learns_and_nothing_else() {
        for which in ALL {
            for statistics in [Statistics::Batch, Statistics::Running] {
                let network = trained().learning(Learning { learns: which, statistics }).unwrap();
                let before = network.state().unwrap();
                let gradient = network.gradient(&loss(&network)).unwrap();
                assert_eq!(gradient.size(), [network.learned_parameters()]);
                let sgd = Sgd { lr: 0.1, momentum: 0.0, weight_decay: 0.1, nesterov: false };
                let mut start = 0;
                for part in network.learned().unwrap() {
                    let length = part.size()[0];
                    let gradient = gradient.narrow(0, start, length);
                    sgd_step(&part, &gradient, &part.zeros_like(), &sgd).unwrap();
                    start += length;
                }
                for ((name, before), (_, after)) in before.iter().zip(network.state().unwrap()) {
                    let moves = match name.contains("running") {
                        true => statistics == Statistics::Batch,
                        false => learns(name, which),
                    };
                    assert_eq!(*before != after, moves, "{name} of {which:?}, {statistics:?}");
                }
            }
        }
    }

    #[test]
    fn a_gradient_of_a_part_is_that_part_of_the_whole_gradient() {
        let whole = trained();
        let all = whole.gradient(&loss(&whole)).unwrap();
        for which in ALL {
            let learning = Learning { learns: which, ..Learning::default() };
            let network = trained().learning(learning).unwrap();
            let found = network.gradient(&loss(&network)).unwrap();
            let parts: Vec<Tensor> = network
                .spans
                .iter()
                .map(|(start, length)| all.narrow(0, *start, *length))
                .collect();
            let expected = Tensor::cat(&parts, 0);
            let off = (&found - &expected).abs().max().double_value(&[]);
            assert!(off <= 1e-6 * expected.abs().max().double_value(&[]), "{which:?}: {off}");
        }
    }

    #[test]
    fn a_frozen_prefix_leaves_no_graph_to_go_back_through() {
        let learning = Learning { learns: Learns::Head, ..Learning::default() };
        let network = trained().learning(learning).unwrap();
        let draws = Draws { stream: Stream::new(0, "train"), ids: &[0, 1, 2, 3, 4, 5] };
        assert!(!network.features(&images().0, Some(draws)).unwrap().requires_grad());
        assert!(trained().features(&images().0, Some(draws)).unwrap().requires_grad());
    }

    #[test]
    fn going_back_costs_what_learns() {
        let cost = |learns| {
            let learning = Learning { learns, ..Learning::default() };
            small(1).learning(learning).unwrap().backward_multiplications().unwrap()
        };
        let whole = small(1).multiplications().unwrap();
        assert_eq!((cost(Learns::All), cost(Learns::Blocks(4))), (2 * whole, 2 * whole));
        // 64 features of 4 classes.
        assert_eq!((cost(Learns::Head), cost(Learns::Norms)), (512, whole + 256));
        assert!(cost(Learns::Blocks(1)) < cost(Learns::Blocks(2)));
    }

    #[test]
    fn more_blocks_than_there_are_are_refused() {
        let learning = |count| Learning { learns: Learns::Blocks(count), ..Learning::default() };
        assert!(small(1).learning(learning(4)).is_ok());
        let error = small(1).learning(learning(5)).err().unwrap().to_string();
        assert_eq!(error, "resnet8 has 4 blocks, expected at least 5");
    }

    #[test]
    fn a_new_head_keeps_every_other_weight_of_every_architecture() {
        for entry in MODELS {
            let channels = [("channels", 1.into()), ("classes", 4.into())];
            let width = entry.spec.params.iter().any(|param| param.name == "width");
            let narrow =
                [channels.as_slice(), &[("width", 8.into()), ("size", 32.into())]].concat();
            let wide = [channels.as_slice(), &[("size", 64.into())]].concat();
            let spec = spec(entry.spec.name, if width { &narrow } else { &wide });
            let architecture = &spec.architecture;
            let stream = Stream::new(2, "init");
            let network = Network::new(architecture, 4, stream, Device::Cpu).unwrap();
            let other = network.replace_head(7, Stream::new(5, "head")).unwrap();
            let (head, bound) =
                (architecture.head, (architecture.features() as f64).sqrt().recip());
            for ((name, old), (_, new)) in
                network.state().unwrap().iter().zip(other.state().unwrap())
            {
                if !name.starts_with(&format!("{head}.")) {
                    assert_eq!(*old, new, "{}: {name}", entry.spec.name);
                    continue;
                }
                // Uniform within 1 / sqrt(in): its extremes and its mean square.
                assert_eq!(new.size()[0], 7);
                assert!(new.abs().max().double_value(&[]) <= bound, "{}: {name}", entry.spec.name);
                let square = (&new * &new).mean(tch::Kind::Double).double_value(&[]);
                let off = (3.0 * square / (bound * bound) - 1.0).abs();
                let allowed = 6.0 / (new.numel() as f64).sqrt();
                assert!(off < allowed, "{}: {name}: {off} of {allowed}", entry.spec.name);
            }
        }
    }
}
