//! VGG-16 with batch normalisation as in torchvision.

use super::{
    Build, DROPOUT, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE,
    IMAGENET_STD, ModelSpec, Parts, described,
};
use crate::error::Result;
use crate::model::graph::build::{Activation, Kernel};
use crate::model::graph::{Graph, Op};
use crate::model::init::{ConvolutionInit, Init, LinearInit};
use crate::registry::{Args, Default, Entry, Example, Home, Param, Spec};

/// `model::vgg16_bn`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "vgg16_bn",
        home: Home::Namespace("model"),
        doc: "A network of 13 convolutions of 3x3 and two hidden linear layers of 4096. It is \
              torchvision's, parameter by parameter; the features are those of the second \
              hidden layer.",
        inputs: &[],
        params: &[
            Param { default: Default::Float(0.5), ..DROPOUT },
            IMAGENET_CLASSES,
            IMAGENET_CHANNELS,
            IMAGENET_SIZE,
            IMAGENET_MEAN,
            IMAGENET_STD,
            Param::seed(),
        ],
        returns: "model",
        example: Example {
            code: "model::vgg16_bn()",
            shows: "vgg16_bn: 1000 classes, images of 3x224x224",
        },
        cite: "Simonyan and Zisserman 2015, arXiv 1409.1556; torchvision.models.vgg16_bn",
        version: 1,
    },
    build,
};

/// Channels of the convolutions between two max pools.
const STAGES: [&[i64]; 5] =
    [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];

fn build(args: &Args) -> Result<ModelSpec> {
    let parts = Parts {
        head: "classifier.6",
        init: Init { convolution: ConvolutionInit::FanOut, linear: LinearInit::Normal },
        ..Parts::residual(graph(args.int("channels")?, args.float("dropout")?))
    };
    described(args, "vgg16_bn", parts)
}

fn graph(channels: i64, dropout: f64) -> Graph {
    let mut graph = Graph::new(channels);
    let (mut x, mut index) = (0, 0);
    for widths in STAGES {
        let stage = format!("features.{index}-{}", index + 3 * widths.len());
        for &width in widths {
            graph.block(&stage, format!("features.{index}"));
            let names = (format!("features.{index}"), format!("features.{}", index + 1));
            x = graph.unit(names, x, Kernel::new(3, width).biased(), Activation::Relu);
            index += 3;
        }
        x = graph.apply(Op::MaxPool { kernel: 2, stride: 2, padding: 0 }, x);
        index += 1;
    }
    x = graph.apply(Op::PoolTo(7), x);
    x = graph.flatten(x, 7);
    for name in ["classifier.0", "classifier.3"] {
        graph.block("classifier", name);
        x = graph.linear(name, x, 4096);
        x = graph.activation(x, Activation::Relu);
        x = graph.dropout(x, dropout);
    }
    graph
}
