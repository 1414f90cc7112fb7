//! MobileNet-v2 as in torchvision.

use super::{
    Build, DROPOUT, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE,
    IMAGENET_STD, ModelSpec, Parts, described,
};
use crate::error::Result;
use crate::model::graph::build::{Activation, Kernel};
use crate::model::graph::{At, Graph};
use crate::model::init::{ConvolutionInit, Init, LinearInit};
use crate::registry::{Args, Default, Entry, Example, Home, Param, Spec};

/// `model::mobilenet_v2`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "mobilenet_v2",
        home: Home::Namespace("model"),
        doc: "A network of inverted residual blocks. Each has a 1x1 convolution to six times \
              the channels, a 3x3 convolution of each channel alone, and a 1x1 convolution \
              back. It is torchvision's, parameter by parameter.",
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
            code: "model::mobilenet_v2()",
            shows: "mobilenet_v2: 1000 classes, images of 3x224x224",
        },
        cite: "Sandler et al. 2018, arXiv 1801.04381; torchvision.models.mobilenet_v2",
        version: 1,
    },
    build,
};

/// Expansion, channels, blocks and first stride of each stage.
const STAGES: [(i64, i64, i64, i64); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

fn build(args: &Args) -> Result<ModelSpec> {
    let parts = Parts {
        head: "classifier.1",
        init: Init { convolution: ConvolutionInit::FanOut, linear: LinearInit::Normal },
        ..Parts::residual(graph(args.int("channels")?, args.float("dropout")?))
    };
    described(args, "mobilenet_v2", parts)
}

fn graph(channels: i64, dropout: f64) -> Graph {
    let mut graph = Graph::new(channels);
    graph.block("features.0", "features.0");
    let names = ("features.0.0", "features.0.1");
    let mut x = graph.unit(names, 0, Kernel::new(3, 32).stride(2), Activation::Relu6);
    let mut index = 1;
    for (expansion, output, blocks, stride) in STAGES {
        let stage = match blocks {
            1 => format!("features.{index}"),
            _ => format!("features.{index}-{}", index + blocks - 1),
        };
        for block in 0..blocks {
            let name = format!("features.{index}");
            graph.block(&stage, &name);
            let stride = if block == 0 { stride } else { 1 };
            x = inverted_residual(&mut graph, &name, x, (expansion, output, stride));
            index += 1;
        }
    }
    graph.block("features.18", "features.18");
    let names = ("features.18.0", "features.18.1");
    let x = graph.unit(names, x, Kernel::new(1, 1280), Activation::Relu6);
    let x = graph.global_pool(x);
    graph.dropout(x, dropout);
    graph
}

fn inverted_residual(
    graph: &mut Graph,
    name: &str,
    x: At,
    (expansion, output, stride): (i64, i64, i64),
) -> At {
    let input = graph.channels(x);
    let hidden = input * expansion;
    let mut y = x;
    let mut part = 0;
    if expansion != 1 {
        let names = (format!("{name}.conv.0.0"), format!("{name}.conv.0.1"));
        y = graph.unit(names, y, Kernel::new(1, hidden), Activation::Relu6);
        part = 1;
    }
    let names = (format!("{name}.conv.{part}.0"), format!("{name}.conv.{part}.1"));
    let alone = Kernel::new(3, hidden).stride(stride).groups(hidden);
    y = graph.unit(names, y, alone, Activation::Relu6);
    let names = (format!("{name}.conv.{}", part + 1), format!("{name}.conv.{}", part + 2));
    y = graph.unit(names, y, Kernel::new(1, output), Activation::None);
    if stride == 1 && input == output { graph.add(y, x) } else { y }
}
