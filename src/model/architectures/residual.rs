//! Residual networks with projection shortcuts ("option B") as torchvision builds them.

use crate::model::graph::build::{Activation, Kernel};
use crate::model::graph::{At, Graph};

/// How a network starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stem {
    /// A 3x3 convolution of stride 1, for images of 28 to 64 pixels.
    Cifar,
    /// A 3x3 convolution of stride 2, for images of 64 pixels.
    Strided,
    /// A 7x7 convolution of stride 2 and a max pool, for images of 224 pixels.
    Imagenet,
}

/// What a block consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Two 3x3 convolutions.
    Basic,
    /// A 1x1, a strided 3x3 and a 1x1 convolution with four times the channels; the 3x3 has
    /// `base_width / 64` times the channels of its stage in each of its groups.
    Bottleneck {
        /// torchvision's `width_per_group`.
        base_width: i64,
        /// Groups of the 3x3 convolution.
        groups: i64,
    },
}

/// A residual network: stage s has `width * 2^s` channels, every stage but the first halves the
/// resolution.
#[derive(Debug, Clone, Copy)]
pub struct Residual {
    /// The first layer.
    pub stem: Stem,
    /// What a block consists of.
    pub block: BlockKind,
    /// Channels of the first stage.
    pub width: i64,
    /// Blocks of each stage.
    pub blocks: &'static [i64],
}

impl Residual {
    /// The graph for images of `channels`.
    pub fn graph(&self, channels: i64) -> Graph {
        let mut graph = Graph::new(channels);
        graph.block("stem", "stem");
        let (kernel, pooled) = match self.stem {
            Stem::Cifar => (Kernel::new(3, self.width), false),
            Stem::Strided => (Kernel::new(3, self.width).stride(2), false),
            Stem::Imagenet => (Kernel::new(7, self.width).stride(2), true),
        };
        let mut x = graph.unit(("conv1", "bn1"), 0, kernel, Activation::Relu);
        if pooled {
            x = graph.stem_pool(x);
        }
        let mut planes = self.width;
        for (stage, &blocks) in (1..).zip(self.blocks) {
            for block in 0..blocks {
                let stride = if stage > 1 && block == 0 { 2 } else { 1 };
                let name = format!("layer{stage}.{block}");
                graph.block(format!("layer{stage}"), &name);
                x = self.block(&mut graph, &name, x, planes, stride);
            }
            planes *= 2;
        }
        graph.global_pool(x);
        graph
    }

    fn block(&self, graph: &mut Graph, name: &str, x: At, planes: i64, stride: i64) -> At {
        let at = |part: &str| format!("{name}.{part}");
        let unit = |graph: &mut Graph, index: i64, x, kernel, activation| {
            let names = (at(&format!("conv{index}")), at(&format!("bn{index}")));
            graph.unit(names, x, kernel, activation)
        };
        let (y, output) = match self.block {
            BlockKind::Basic => {
                let first = Kernel::new(3, planes).stride(stride);
                let y = unit(graph, 1, x, first, Activation::Relu);
                (unit(graph, 2, y, Kernel::new(3, planes), Activation::None), planes)
            }
            BlockKind::Bottleneck { base_width, groups } => {
                let inner = planes * base_width / 64 * groups;
                let y = unit(graph, 1, x, Kernel::new(1, inner), Activation::Relu);
                let second = Kernel::new(3, inner).stride(stride).groups(groups);
                let y = unit(graph, 2, y, second, Activation::Relu);
                (unit(graph, 3, y, Kernel::new(1, 4 * planes), Activation::None), 4 * planes)
            }
        };
        let shortcut = if stride != 1 || graph.channels(x) != output {
            let names = (at("downsample.0"), at("downsample.1"));
            graph.unit(names, x, Kernel::new(1, output).stride(stride), Activation::None)
        } else {
            x
        };
        let y = graph.add(y, shortcut);
        graph.activation(y, Activation::Relu)
    }
}
