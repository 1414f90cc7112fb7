//! DenseNet-161 as in torchvision.

use super::{
    Build, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE, IMAGENET_STD,
    ModelSpec, Parts, described,
};
use crate::error::Result;
use crate::model::graph::build::{Activation, Kernel};
use crate::model::graph::{At, Graph, Op};
use crate::model::init::{ConvolutionInit, Init, LinearInit};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::densenet161`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "densenet161",
        home: Home::Namespace("model"),
        doc: "A network whose layers each read all layers before them. It has four dense \
              blocks of 6, 12, 36 and 24 layers of 48 channels. It is torchvision's, parameter \
              by parameter.",
        inputs: &[],
        params: &[
            IMAGENET_CLASSES,
            IMAGENET_CHANNELS,
            IMAGENET_SIZE,
            IMAGENET_MEAN,
            IMAGENET_STD,
            Param::seed(),
        ],
        returns: "model",
        example: Example {
            code: "model::densenet161()",
            shows: "densenet161: 1000 classes, images of 3x224x224",
        },
        cite: "Huang et al. 2017, arXiv 1608.06993; torchvision.models.densenet161",
        version: 1,
    },
    build,
};

/// Channels that each layer adds.
const GROWTH: i64 = 48;

fn build(args: &Args) -> Result<ModelSpec> {
    let parts = Parts {
        head: "classifier",
        init: Init { convolution: ConvolutionInit::FanIn, linear: LinearInit::UniformNoBias },
        ..Parts::residual(graph(args.int("channels")?))
    };
    described(args, "densenet161", parts)
}

fn graph(channels: i64) -> Graph {
    let mut graph = Graph::new(channels);
    graph.block("stem", "stem");
    let names = ("features.conv0", "features.norm0");
    let x = graph.unit(names, 0, Kernel::new(7, 2 * GROWTH).stride(2), Activation::Relu);
    let mut x = graph.stem_pool(x);
    for (block, layers) in [(1, 6), (2, 12), (3, 36), (4, 24)] {
        let stage = format!("features.denseblock{block}");
        for layer in 1..=layers {
            let name = format!("{stage}.denselayer{layer}");
            graph.block(&stage, &name);
            x = dense_layer(&mut graph, &name, x);
        }
        if block < 4 {
            let name = format!("features.transition{block}");
            graph.block(&name, &name);
            let half = graph.channels(x) / 2;
            x = activated(&mut graph, format!("{name}.norm"), x);
            x = graph.convolution(format!("{name}.conv"), x, Kernel::new(1, half));
            x = graph.apply(Op::AveragePool(2), x);
        }
    }
    graph.block("features.norm5", "features.norm5");
    let x = activated(&mut graph, "features.norm5".to_owned(), x);
    graph.global_pool(x);
    graph
}

fn dense_layer(graph: &mut Graph, name: &str, x: At) -> At {
    let at = |part: &str| format!("{name}.{part}");
    let y = activated(graph, at("norm1"), x);
    let y = graph.unit((at("conv1"), at("norm2")), y, Kernel::new(1, 4 * GROWTH), Activation::Relu);
    let y = graph.convolution(at("conv2"), y, Kernel::new(3, GROWTH));
    graph.concat(x, y)
}

fn activated(graph: &mut Graph, norm: String, x: At) -> At {
    let x = graph.norm(norm, x);
    graph.activation(x, Activation::Relu)
}
