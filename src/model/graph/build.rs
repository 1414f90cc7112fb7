//! How an architecture writes its graph.

use super::{At, Block, Convolution, Graph, Layer, LayerKind, Node, Op};

/// A rectifier, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The value as it is.
    None,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
}

/// The kernel of a convolution that an architecture writes.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    output: i64,
    size: i64,
    stride: i64,
    groups: i64,
    bias: bool,
}

impl Kernel {
    /// A kernel of `size` x `size` to `output` channels.
    pub fn new(size: i64, output: i64) -> Self {
        Self { output, size, stride: 1, groups: 1, bias: false }
    }

    /// With this step in pixels.
    #[must_use]
    pub fn stride(self, stride: i64) -> Self {
        Self { stride, ..self }
    }

    /// With the channels in so many independent parts.
    #[must_use]
    pub fn groups(self, groups: i64) -> Self {
        Self { groups, ..self }
    }

    /// With a bias.
    #[must_use]
    pub fn biased(self) -> Self {
        Self { bias: true, ..self }
    }
}

impl Graph {
    /// A graph that only has the normalised pixels, of `channels` channels, as value 0.
    pub fn new(channels: i64) -> Self {
        let pixels = Node { op: Op::Pixels, from: Vec::new(), block: 0 };
        Self {
            nodes: vec![pixels],
            layers: Vec::new(),
            blocks: Vec::new(),
            channels: vec![channels],
            dropouts: 0,
        }
    }

    /// Starts a block of a stage: what follows belongs to it.
    pub fn block(&mut self, stage: impl Into<String>, name: impl Into<String>) {
        self.blocks.push(Block { name: name.into(), stage: stage.into() });
    }

    /// The channels of a value.
    pub fn channels(&self, x: At) -> i64 {
        self.channels.get(x).copied().unwrap_or(0)
    }

    fn node(&mut self, op: Op, from: &[At], channels: i64) -> At {
        let block = self.blocks.len().saturating_sub(1);
        self.nodes.push(Node { op, from: from.to_vec(), block });
        self.channels.push(channels);
        self.nodes.len() - 1
    }

    fn layer(&mut self, name: String, kind: LayerKind, x: At, channels: i64) -> At {
        let block = self.blocks.len().saturating_sub(1);
        self.layers.push(Layer { name, kind, block });
        self.node(Op::Layer(self.layers.len() - 1), &[x], channels)
    }

    /// The convolution of `x`.
    pub fn convolution(&mut self, name: impl Into<String>, x: At, kernel: Kernel) -> At {
        let Kernel { output, size, stride, groups, bias } = kernel;
        let input = self.channels(x);
        let convolution = Convolution { input, output, kernel: size, stride, groups, bias };
        self.layer(name.into(), LayerKind::Convolution(convolution), x, output)
    }

    /// The batch normalisation of `x`.
    pub fn norm(&mut self, name: impl Into<String>, x: At) -> At {
        let channels = self.channels(x);
        self.layer(name.into(), LayerKind::Norm(channels), x, channels)
    }

    /// A convolution, its batch normalisation and what follows.
    pub fn unit(
        &mut self,
        (convolution, norm): (impl Into<String>, impl Into<String>),
        x: At,
        kernel: Kernel,
        activation: Activation,
    ) -> At {
        let x = self.convolution(convolution, x, kernel);
        let x = self.norm(norm, x);
        self.activation(x, activation)
    }

    /// The linear layer of vectors `x`.
    pub fn linear(&mut self, name: impl Into<String>, x: At, output: i64) -> At {
        let kind = LayerKind::Linear { input: self.channels(x), output };
        self.layer(name.into(), kind, x, output)
    }

    /// The rectified `x`.
    pub fn activation(&mut self, x: At, activation: Activation) -> At {
        match activation {
            Activation::None => x,
            Activation::Relu => self.apply(Op::Relu, x),
            Activation::Relu6 => self.apply(Op::Relu6, x),
        }
    }

    /// An operation of one value that keeps its channels.
    pub fn apply(&mut self, op: Op, x: At) -> At {
        self.node(op, &[x], self.channels(x))
    }

    /// `x` plus its `shortcut`.
    pub fn add(&mut self, x: At, shortcut: At) -> At {
        self.node(Op::Add, &[x, shortcut], self.channels(x))
    }

    /// The channels of `a`, then those of `b`.
    pub fn concat(&mut self, a: At, b: At) -> At {
        self.node(Op::Concat, &[a, b], self.channels(a) + self.channels(b))
    }

    /// Both halves of the channels.
    pub fn halves(&mut self, x: At) -> (At, At) {
        let half = self.channels(x) / 2;
        (self.node(Op::Half(0), &[x], half), self.node(Op::Half(1), &[x], half))
    }

    /// The maximum over windows of 3x3 at a distance of 2, as most networks for large images
    /// start.
    pub fn stem_pool(&mut self, x: At) -> At {
        self.apply(Op::MaxPool { kernel: 3, stride: 2, padding: 1 }, x)
    }

    /// The mean of each channel as one vector: the usual features.
    pub fn global_pool(&mut self, x: At) -> At {
        let x = self.apply(Op::PoolTo(1), x);
        self.apply(Op::Flatten, x)
    }

    /// The values of `size` x `size` pixels as one vector.
    pub fn flatten(&mut self, x: At, size: i64) -> At {
        self.node(Op::Flatten, &[x], self.channels(x) * size * size)
    }

    /// Dropout with probability `p`; nothing where that is 0.
    pub fn dropout(&mut self, x: At, p: f64) -> At {
        if p == 0.0 {
            return x;
        }
        self.dropouts += 1;
        self.apply(Op::Dropout(self.dropouts - 1, p), x)
    }
}
