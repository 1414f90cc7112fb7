//! Residual networks whose blocks normalise and rectify first (He et al. 2016b), as the common
//! PyTorch implementations for CIFAR build them.

use crate::model::graph::build::{Activation, Kernel};
use crate::model::graph::{At, Graph};

/// The graph for images of `channels`: a 3x3 stem of `stem` channels, and per stage its channels
/// and number of blocks; every stage but the first halves the resolution.
pub fn graph(channels: i64, stem: i64, stages: &[(i64, i64)]) -> Graph {
    let mut graph = Graph::new(channels);
    graph.block("stem", "stem");
    let mut x = graph.convolution("conv1", 0, Kernel::new(3, stem));
    for (stage, &(planes, blocks)) in (1..).zip(stages) {
        for block in 0..blocks {
            let stride = if stage > 1 && block == 0 { 2 } else { 1 };
            let name = format!("layer{stage}.{block}");
            graph.block(format!("layer{stage}"), &name);
            x = add_block(&mut graph, &name, x, planes, stride);
        }
    }
    graph.block("bn", "bn");
    let x = graph.norm("bn", x);
    let x = graph.activation(x, Activation::Relu);
    graph.global_pool(x);
    graph
}

fn add_block(graph: &mut Graph, name: &str, x: At, planes: i64, stride: i64) -> At {
    let at = |part: &str| format!("{name}.{part}");
    let active = graph.norm(at("bn1"), x);
    let active = graph.activation(active, Activation::Relu);
    let first = Kernel::new(3, planes).stride(stride);
    let y = graph.unit((at("conv1"), at("bn2")), active, first, Activation::Relu);
    let y = graph.convolution(at("conv2"), y, Kernel::new(3, planes));
    // A projection reads the activated value, the identity the raw one.
    let shortcut = if stride != 1 || graph.channels(x) != planes {
        graph.convolution(at("shortcut.0"), active, Kernel::new(1, planes).stride(stride))
    } else {
        x
    };
    graph.add(y, shortcut)
}
