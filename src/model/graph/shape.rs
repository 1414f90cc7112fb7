//! What each node gives, and what it costs.

use super::{Graph, LayerKind, Node, Op};

/// Channels, height and width of a value; vectors have height and width 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels, or the length of a vector.
    pub channels: i64,
    /// Height and width in pixels.
    pub size: i64,
}

/// What a part of a network gives and costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// What it gives for one image, before the pooling of the features.
    pub shape: Shape,
    /// Its parameters.
    pub parameters: i64,
    /// Multiplications of its convolutions and linear layers for one image, each with an
    /// addition: what papers call FLOPs.
    pub multiplications: i64,
}

impl Cost {
    /// What this and then `next` give and cost.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        Self {
            shape: next.shape,
            parameters: self.parameters.saturating_add(next.parameters),
            multiplications: self.multiplications.saturating_add(next.multiplications),
        }
    }
}

/// The shapes of all values for square images of `size` pixels, or the index of the first value
/// that would have no pixels.
///
/// # Errors
/// The images are too small.
pub fn shapes(graph: &Graph, size: i64) -> Result<Vec<Shape>, usize> {
    let mut sizes: Vec<i64> = Vec::with_capacity(graph.nodes().len());
    for (at, node) in graph.nodes().iter().enumerate() {
        let input = node.from.first().and_then(|&from| sizes.get(from)).copied().unwrap_or(size);
        let output = output_size(graph, node, input);
        if output < 1 {
            return Err(at);
        }
        sizes.push(output);
    }
    let shape = |(at, size)| Shape { channels: graph.channels(at), size };
    Ok(sizes.into_iter().enumerate().map(shape).collect())
}

fn output_size(graph: &Graph, node: &Node, input: i64) -> i64 {
    let windows = |kernel: i64, stride: i64, padding: i64| match input + 2 * padding - kernel {
        room if room < 0 => 0,
        room => room / stride + 1,
    };
    match node.op {
        Op::Layer(layer) => match graph.layers()[layer].kind {
            LayerKind::Convolution(c) => windows(c.kernel, c.stride, c.kernel / 2),
            LayerKind::Norm(_) | LayerKind::Linear { .. } => input,
        },
        Op::MaxPool { kernel, stride, padding } => windows(kernel, stride, padding),
        Op::AveragePool(size) => windows(size, size, 0),
        Op::PoolTo(size) => size,
        Op::Flatten => 1,
        _ => input,
    }
}

/// What each block of `graph` costs for square images of `size` pixels, as far as the numbers fit.
///
/// # Errors
/// The images are too small; the index of the first value without pixels.
pub fn costs(graph: &Graph, size: i64) -> Result<Vec<Cost>, usize> {
    let start = Shape { channels: graph.channels(0), size };
    let nothing = Cost { shape: start, parameters: 0, multiplications: 0 };
    let mut costs = vec![nothing; graph.blocks().len()];
    for (node, shape) in graph.nodes().iter().zip(shapes(graph, size)?) {
        let Some(cost) = costs.get_mut(node.block) else { continue };
        if !matches!(node.op, Op::PoolTo(_) | Op::Flatten | Op::Dropout(..)) {
            cost.shape = shape;
        }
        if let Op::Layer(layer) = node.op {
            let kind = graph.layers()[layer].kind;
            cost.parameters = cost.parameters.saturating_add(kind.parameters());
            let more = kind.multiplications(shape.size);
            cost.multiplications = cost.multiplications.saturating_add(more);
        }
    }
    Ok(costs)
}

impl LayerKind {
    /// The multiplications for one image where it gives `size` x `size` pixels.
    pub fn multiplications(&self, size: i64) -> i64 {
        let places = match self {
            Self::Norm(_) => 0,
            Self::Convolution(_) | Self::Linear { .. } => size.saturating_mul(size),
        };
        self.shapes().0.into_iter().fold(places, i64::saturating_mul)
    }
}
