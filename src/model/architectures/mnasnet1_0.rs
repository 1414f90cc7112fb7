//! MNASNet 1.0 as in torchvision.

use super::{
    Build, DROPOUT, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE,
    IMAGENET_STD, ModelSpec, Parts, described,
};
use crate::error::Result;
use crate::model::graph::Graph;
use crate::model::graph::build::{Activation, Kernel};
use crate::model::init::{ConvolutionInit, Init, LinearInit};
use crate::registry::{Args, Default, Entry, Example, Home, Param, Spec};

/// `model::mnasnet1_0`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "mnasnet1_0",
        home: Home::Namespace("model"),
        doc: "A network of inverted residual blocks found by search. It is torchvision's, \
              parameter by parameter, with its slow running statistics: they move by 0.0003 of \
              the difference a batch, not 0.1.",
        inputs: &[],
        params: &[
            Param { default: Default::Float(0.2), ..DROPOUT },
            IMAGENET_CLASSES,
            IMAGENET_CHANNELS,
            IMAGENET_SIZE,
            IMAGENET_MEAN,
            IMAGENET_STD,
            Param::seed(),
        ],
        returns: "model",
        example: Example {
            code: "model::mnasnet1_0()",
            shows: "mnasnet1_0: 1000 classes, images of 3x224x224",
        },
        cite: "Tan et al. 2019, arXiv 1807.11626; torchvision.models.mnasnet1_0",
        version: 1,
    },
    build,
};

/// Kernel, first stride, expansion, blocks and channels of each stage.
const STAGES: [(i64, i64, i64, i64, i64); 6] = [
    (3, 2, 3, 3, 24),
    (5, 2, 3, 3, 40),
    (5, 2, 6, 3, 80),
    (3, 1, 6, 2, 96),
    (5, 2, 6, 4, 192),
    (3, 1, 6, 1, 320),
];

fn build(args: &Args) -> Result<ModelSpec> {
    let parts = Parts {
        head: "classifier.1",
        norm_momentum: 1.0 - 0.9997,
        init: Init { convolution: ConvolutionInit::FanOut, linear: LinearInit::FanOut },
        ..Parts::residual(graph(args.int("channels")?, args.float("dropout")?))
    };
    described(args, "mnasnet1_0", parts)
}

fn graph(channels: i64, dropout: f64) -> Graph {
    let mut graph = Graph::new(channels);
    let names = |index: i64| (format!("layers.{index}"), format!("layers.{}", index + 1));
    graph.block("layers.0-7", "layers.0-7");
    let x = graph.unit(names(0), 0, Kernel::new(3, 32).stride(2), Activation::Relu);
    let x = graph.unit(names(3), x, Kernel::new(3, 32).groups(32), Activation::Relu);
    let mut x = graph.unit(names(6), x, Kernel::new(1, 16), Activation::None);
    for (index, (kernel, stride, expansion, blocks, output)) in (8..).zip(STAGES) {
        for block in 0..blocks {
            let name = format!("layers.{index}.{block}");
            graph.block(format!("layers.{index}"), &name);
            let stride = if block == 0 { stride } else { 1 };
            let hidden = graph.channels(x) * expansion;
            let at = |part: i64| {
                (format!("{name}.layers.{part}"), format!("{name}.layers.{}", part + 1))
            };
            let y = graph.unit(at(0), x, Kernel::new(1, hidden), Activation::Relu);
            let alone = Kernel::new(kernel, hidden).stride(stride).groups(hidden);
            let y = graph.unit(at(3), y, alone, Activation::Relu);
            let y = graph.unit(at(6), y, Kernel::new(1, output), Activation::None);
            x = if block > 0 { graph.add(y, x) } else { y };
        }
    }
    graph.block("layers.14", "layers.14");
    let x = graph.unit(names(14), x, Kernel::new(1, 1280), Activation::Relu);
    let x = graph.global_pool(x);
    graph.dropout(x, dropout);
    graph
}
