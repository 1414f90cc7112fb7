//! Networks as data: the layers, and how values flow through them up to the features.
//!
//! An architecture writes plain operations in forward order with [`Graph`]'s methods; [`plan`]
//! fuses them for execution, [`shape`] says what each gives and costs.

pub mod build;
pub mod plan;
pub mod shape;

/// The place of a value in a graph: value i is what node i gives.
pub type At = usize;

/// A part of a network, from the pixels to the features: what partial transfer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its name, the start of its layers' names where torchvision has such a part.
    pub name: String,
    /// The name of the blocks of one kind and resolution that it belongs to.
    pub stage: String,
}

/// A layer with parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name in torchvision's `state_dict`.
    pub name: String,
    /// What it computes.
    pub kind: LayerKind,
    /// The index of its block in [`Graph::blocks`].
    pub block: usize,
}

/// What a layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// A convolution.
    Convolution(Convolution),
    /// A batch normalisation of so many channels.
    Norm(i64),
    /// A linear layer with bias.
    Linear {
        /// Length of its input.
        input: i64,
        /// Length of its output.
        output: i64,
    },
}

/// A square convolution with `kernel / 2` zeros on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Channels in.
    pub input: i64,
    /// Channels out.
    pub output: i64,
    /// Height and width of the kernel.
    pub kernel: i64,
    /// Step in pixels.
    pub stride: i64,
    /// Into how many independent parts the channels fall.
    pub groups: i64,
    /// Whether a bias is added.
    pub bias: bool,
}

/// What a node computes of its inputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// The normalised pixels.
    Pixels,
    /// The layer of this index.
    Layer(usize),
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// The sum of both inputs.
    Add,
    /// The channels of both inputs, one after the other.
    Concat,
    /// The first or second half of the channels.
    Half(i64),
    /// Channel c of group g goes to place c * groups + g.
    Shuffle(i64),
    /// The maximum over windows.
    MaxPool {
        /// Height and width of the windows.
        kernel: i64,
        /// Step in pixels.
        stride: i64,
        /// Pixels of minus infinity on each side.
        padding: i64,
    },
    /// The mean over adjacent windows of this height and width.
    AveragePool(i64),
    /// The mean over as many windows as make this height and width.
    PoolTo(i64),
    /// All values of an image as one vector.
    Flatten,
    /// In training, each value is 0 with this probability and else 1 / (1 - p) times as large;
    /// the index counts a network's dropouts.
    Dropout(usize, f64),
}

/// An operation and the values that it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// Of what.
    pub from: Vec<At>,
    /// The index of its block.
    pub block: usize,
}

/// The operations of a network up to its features, in forward order; the last value is the
/// features, of shape (N, length).
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    layers: Vec<Layer>,
    blocks: Vec<Block>,
    /// Channels, or length, of each value.
    channels: Vec<i64>,
    dropouts: usize,
}

impl Graph {
    /// The operations.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The layers with parameters, in the order of torchvision's `state_dict`.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The stride of the first layer, 1 unless it is a convolution.
    pub fn stem_stride(&self) -> i64 {
        match self.layers.first().map(|layer| layer.kind) {
            Some(LayerKind::Convolution(convolution)) => convolution.stride,
            _ => 1,
        }
    }

    /// The blocks.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The length of the features.
    pub fn features(&self) -> i64 {
        self.channels.last().copied().unwrap_or(0)
    }

    /// The highest probability of dropout; 0 where there is none.
    pub fn dropout_probability(&self) -> f64 {
        let p = |node: &Node| if let Op::Dropout(_, p) = node.op { p } else { 0.0 };
        self.nodes.iter().map(p).fold(0.0, f64::max)
    }
}

impl LayerKind {
    /// The shape of its weight, and the length of its bias if it has one.
    pub fn shapes(&self) -> (Vec<i64>, Option<i64>) {
        match *self {
            Self::Convolution(c) => {
                (vec![c.output, c.input / c.groups, c.kernel, c.kernel], c.bias.then_some(c.output))
            }
            Self::Norm(channels) => (vec![channels], Some(channels)),
            Self::Linear { input, output } => (vec![output, input], Some(output)),
        }
    }

    /// The number of its parameters, as far as it fits.
    pub fn parameters(&self) -> i64 {
        let (weight, bias) = self.shapes();
        weight.into_iter().fold(1, i64::saturating_mul).saturating_add(bias.unwrap_or(0))
    }
}
