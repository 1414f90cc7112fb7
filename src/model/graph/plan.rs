//! The order of execution: a convolution with its batch normalisation, its shortcut and its
//! rectifier is one step.

use super::build::Activation;
use super::{At, Graph, LayerKind, Op};
use crate::error::{Error, Result};
use crate::torch::max_pool;
use tch::Tensor;

/// One step of a forward pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is computed.
    pub work: Work,
    /// The value that it gives.
    pub output: At,
    /// The values that no later step reads.
    last: Vec<At>,
}

/// What a step computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// A layer and what was fused to it.
    Layer(Fused),
    /// Any other operation, of these values.
    Apply(Op, Vec<At>),
}

/// A layer and what follows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fused {
    /// The index of the layer.
    pub layer: usize,
    /// The index of the batch normalisation after a convolution.
    pub norm: Option<usize>,
    /// The value that the layer reads.
    pub input: At,
    /// Whether a later step reads it too.
    pub kept: bool,
    /// The value that is then added.
    pub shortcut: Option<At>,
    /// What follows.
    pub activation: Activation,
}

/// What computes the layers of a forward pass.
pub trait Layers {
    /// The fused layer of `x`. Where later steps read `x` too, it may put an equal one in its place
    /// whose gradient comes cheaper.
    ///
    /// # Errors
    /// Shapes or types do not fit.
    fn layer(&self, fused: &Fused, x: &mut Tensor, shortcut: Option<&Tensor>) -> Result<Tensor>;

    /// Dropout number `index` of `x` with probability `p`.
    ///
    /// # Errors
    /// Memory is short.
    fn dropout(&self, index: usize, p: f64, x: &Tensor) -> Result<Tensor>;
}

/// The steps of `graph`.
pub fn steps(graph: &Graph) -> Vec<Step> {
    let nodes = graph.nodes();
    let mut readers: Vec<Vec<At>> = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        for &from in &node.from {
            readers[from].push(at);
        }
    }
    // The only reader of a value, if it does what is asked.
    let only = |at: At, asked: &dyn Fn(At) -> bool| match readers[at].as_slice() {
        &[reader] if asked(reader) => Some(reader),
        _ => None,
    };
    let norm_of = |at: At| match nodes[at].op {
        Op::Layer(layer) if matches!(graph.layers()[layer].kind, LayerKind::Norm(_)) => Some(layer),
        _ => None,
    };
    let mut fused = vec![false; nodes.len()];
    let mut steps: Vec<Step> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        if fused[at] || node.op == Op::Pixels {
            continue;
        }
        let Op::Layer(layer) = node.op else {
            let work = Work::Apply(node.op, node.from.clone());
            steps.push(Step { work, output: at, last: Vec::new() });
            continue;
        };
        let mut end = at;
        let mut step = Fused {
            layer,
            norm: None,
            input: node.from[0],
            kept: false,
            shortcut: None,
            activation: Activation::None,
        };
        if matches!(graph.layers()[layer].kind, LayerKind::Convolution(_)) {
            if let Some(norm) = only(end, &|reader| norm_of(reader).is_some()) {
                (step.norm, end) = (norm_of(norm), norm);
            }
            let begins = |reader: At| nodes[reader].op == Op::Add && nodes[reader].from[0] == end;
            if let Some(add) = only(end, &begins) {
                (step.shortcut, end) = (Some(nodes[add].from[1]), add);
            }
        }
        for (op, activation) in [(Op::Relu, Activation::Relu), (Op::Relu6, Activation::Relu6)] {
            if let Some(rectifier) = only(end, &|reader| nodes[reader].op == op) {
                (step.activation, end) = (activation, rectifier);
                break;
            }
        }
        let mut member = at;
        while member != end {
            member = readers[member][0];
            fused[member] = true;
        }
        steps.push(Step { work: Work::Layer(step), output: end, last: Vec::new() });
    }
    // A fused step runs where its last part stands: by then its shortcut is there.
    steps.sort_by_key(|step| step.output);
    let mut last_reader = vec![None; nodes.len()];
    for (index, step) in steps.iter().enumerate() {
        for from in step.reads() {
            last_reader[from] = Some(index);
        }
    }
    for (value, reader) in last_reader.into_iter().enumerate() {
        if let Some(step) = reader.and_then(|reader: usize| steps.get_mut(reader)) {
            step.last.push(value);
        }
    }
    for step in &mut steps {
        if let Work::Layer(fused) = &mut step.work {
            fused.kept = !step.last.contains(&fused.input);
        }
    }
    steps
}

impl Step {
    fn reads(&self) -> Vec<At> {
        match &self.work {
            Work::Layer(fused) => [fused.input].into_iter().chain(fused.shortcut).collect(),
            Work::Apply(_, from) => from.clone(),
        }
    }
}

/// The features of normalised `pixels`, each value kept only while a later step reads it.
///
/// # Errors
/// A layer fails.
pub fn run(steps: &[Step], pixels: Tensor, layers: &impl Layers) -> Result<Tensor> {
    let count = steps.last().map_or(1, |step| step.output + 1);
    let mut values: Vec<Option<Tensor>> = Vec::new();
    values.resize_with(count, || None);
    values[0] = Some(pixels);
    let missing = || Error::internal("model: a value is read before it is computed");
    for step in steps {
        let value = |at: At| values.get(at).and_then(Option::as_ref).ok_or_else(missing);
        let output = match &step.work {
            Work::Layer(fused) => {
                let shortcut = fused.shortcut.map(value).transpose()?;
                let mut x = value(fused.input)?.shallow_clone();
                let output = layers.layer(fused, &mut x, shortcut)?;
                values[fused.input] = Some(x);
                output
            }
            Work::Apply(op, from) => {
                let inputs = from.iter().map(|&at| value(at)).collect::<Result<Vec<_>>>()?;
                apply(*op, &inputs, layers)?
            }
        };
        for &at in &step.last {
            values[at] = None;
        }
        values[step.output] = Some(output);
    }
    values.pop().flatten().ok_or_else(missing)
}

fn apply(op: Op, inputs: &[&Tensor], layers: &impl Layers) -> Result<Tensor> {
    let &[x, ..] = inputs else {
        return Err(Error::internal("model: an operation of nothing"));
    };
    Ok(match op {
        Op::Pixels | Op::Layer(_) => {
            return Err(Error::internal("model: a layer without its step"));
        }
        Op::Relu => x.f_relu()?,
        Op::Relu6 => x.f_relu6()?,
        Op::Add => x.f_add(inputs[1])?,
        Op::Concat => Tensor::f_cat(inputs, 1)?,
        Op::Half(part) => {
            let half = x.size().get(1).copied().unwrap_or(0) / 2;
            x.f_narrow(1, part * half, half)?
        }
        Op::Shuffle(groups) => {
            // On channels-last values the shuffle is a transposition of the innermost axis.
            let x = x.f_permute([0, 2, 3, 1])?;
            let whole = x.size();
            let &[n, h, w, c] = whole.as_slice() else {
                return Err(Error::internal("model: a shuffle of vectors"));
            };
            let parts = x.f_reshape([n, h, w, groups, c / groups])?.f_transpose(3, 4)?;
            parts.f_reshape(whole)?.f_permute([0, 3, 1, 2])?
        }
        Op::MaxPool { kernel, stride, padding } => max_pool(x, kernel, stride, padding)?,
        Op::AveragePool(size) => {
            x.f_avg_pool2d([size; 2], [size; 2], [0, 0], false, true, None::<i64>)?
        }
        Op::PoolTo(size) => x.f_adaptive_avg_pool2d([size; 2])?,
        Op::Flatten => x.f_flatten(1, -1)?,
        Op::Dropout(index, p) => layers.dropout(index, p, x)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::build::Kernel;
    use super::*;

    /// A residual block with a projection, as architectures write it.
    fn block() -> Graph {
        let mut graph = Graph::new(3);
        graph.block("block", "block");
        let y = graph.unit(("conv1", "bn1"), 0, Kernel::new(3, 8), Activation::Relu);
        let y = graph.unit(("conv2", "bn2"), y, Kernel::new(3, 8), Activation::None);
        let shortcut = graph.unit(("down.0", "down.1"), 0, Kernel::new(1, 8), Activation::None);
        let y = graph.add(y, shortcut);
        let y = graph.activation(y, Activation::Relu);
        graph.global_pool(y);
        graph
    }

    #[test]
    fn a_residual_block_is_three_steps_and_the_sum_comes_after_its_shortcut() {
        let graph = block();
        let layers = |step: &Step| match step.work {
            Work::Layer(fused) => Some((fused.layer, fused.norm, fused.shortcut.is_some())),
            Work::Apply(..) => None,
        };
        let found: Vec<_> = steps(&graph).iter().filter_map(layers).collect();
        let expected = [(0, Some(1), false), (4, Some(5), false), (2, Some(3), true)];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_value_with_two_readers_is_not_fused_away() {
        let mut graph = Graph::new(3);
        let x = graph.unit(("conv", "bn"), 0, Kernel::new(1, 4), Activation::None);
        let y = graph.activation(x, Activation::Relu);
        graph.add(y, x);
        let steps = steps(&graph);
        assert!(matches!(steps[0].work, Work::Layer(Fused { activation: Activation::None, .. })));
        assert!(matches!(steps[1].work, Work::Apply(Op::Relu, _)));
    }
}
