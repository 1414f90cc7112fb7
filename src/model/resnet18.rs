//! ResNet-18 as in torchvision, or with a stem for small images.

use super::{Build, CHANNELS, CLASSES, MEAN, ModelSpec, SIZE, STD, Stem, WIDTH, described};
use crate::error::Result;
use crate::registry::{Args, Default, Entry, Example, Home, Param, Spec};

/// `model::resnet18`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "resnet18",
        home: Home::Namespace("model"),
        doc: "A residual network of 18 layers: four stages of two basic blocks. With the stem \
              \"imagenet\" and width 64 it is torchvision's, parameter by parameter; the stem \
              \"cifar\" is a 3x3 convolution of stride 1 without pooling, for small images. The \
              normalisation (pixel - mean) / std is part of the network.",
        inputs: &[],
        params: &[
            Param { default: Default::Int(64), ..WIDTH },
            Param::choice("stem", &["imagenet", "cifar"], "The first layer: 7x7 and pool, or 3x3."),
            CLASSES,
            Param { default: Default::Int(3), ..CHANNELS },
            Param { default: Default::Int(224), ..SIZE },
            MEAN,
            STD,
            Param::seed(),
        ],
        returns: "model",
        example: Example {
            code: "model::resnet18(#{ stem: \"cifar\", size: 32 })",
            shows: "resnet18: width 64, 10 classes, images of 3x32x32",
        },
        cite: "He et al. 2016; torchvision.models.resnet18",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    let stem = match args.text("stem")? {
        "cifar" => Stem::Cifar,
        _ => Stem::Imagenet,
    };
    described(args, "resnet18", stem, &[2, 2, 2, 2])
}
