//! ShuffleNet-v2 x1.0 as in torchvision.

use super::{
    Build, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE, IMAGENET_STD,
    ModelSpec, Parts, described,
};
use crate::error::Result;
use crate::model::graph::build::{Activation, Kernel};
use crate::model::graph::{At, Graph, Op};
use crate::model::init::{ConvolutionInit, Init, LinearInit};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::shufflenet_v2_x1_0`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "shufflenet_v2_x1_0",
        home: Home::Namespace("model"),
        doc: "A network whose blocks change one half of the channels and then shuffle both \
              halves. It is torchvision's, parameter by parameter.",
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
            code: "model::shufflenet_v2_x1_0()",
            shows: "shufflenet_v2_x1_0: 1000 classes, images of 3x224x224",
        },
        cite: "Ma et al. 2018, arXiv 1807.11164; torchvision.models.shufflenet_v2_x1_0",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    let parts = Parts {
        init: Init { convolution: ConvolutionInit::Uniform, linear: LinearInit::Uniform },
        ..Parts::residual(graph(args.int("channels")?))
    };
    described(args, "shufflenet_v2_x1_0", parts)
}

fn graph(channels: i64) -> Graph {
    let mut graph = Graph::new(channels);
    graph.block("stem", "stem");
    let names = ("conv1.0", "conv1.1");
    let x = graph.unit(names, 0, Kernel::new(3, 24).stride(2), Activation::Relu);
    let mut x = graph.stem_pool(x);
    for (stage, blocks, output) in [(2, 4, 116), (3, 8, 232), (4, 4, 464)] {
        for block in 0..blocks {
            let name = format!("stage{stage}.{block}");
            graph.block(format!("stage{stage}"), &name);
            let stride = if block == 0 { 2 } else { 1 };
            x = shuffled_block(&mut graph, &name, x, output / 2, stride);
        }
    }
    graph.block("conv5", "conv5");
    let x = graph.unit(("conv5.0", "conv5.1"), x, Kernel::new(1, 1024), Activation::Relu);
    graph.global_pool(x);
    graph
}

fn shuffled_block(graph: &mut Graph, name: &str, x: At, half: i64, stride: i64) -> At {
    let names = |branch: i64, conv: i64| {
        (format!("{name}.branch{branch}.{conv}"), format!("{name}.branch{branch}.{}", conv + 1))
    };
    let alone = |channels: i64| Kernel::new(3, channels).stride(stride).groups(channels);
    let (kept, changed) = if stride == 1 {
        graph.halves(x)
    } else {
        let kernel = alone(graph.channels(x));
        let y = graph.unit(names(1, 0), x, kernel, Activation::None);
        (graph.unit(names(1, 2), y, Kernel::new(1, half), Activation::Relu), x)
    };
    let y = graph.unit(names(2, 0), changed, Kernel::new(1, half), Activation::Relu);
    let y = graph.unit(names(2, 3), y, alone(half), Activation::None);
    let y = graph.unit(names(2, 5), y, Kernel::new(1, half), Activation::Relu);
    let both = graph.concat(kept, y);
    graph.apply(Op::Shuffle(2), both)
}
