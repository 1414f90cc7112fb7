//! ResNet-18 as in torchvision, or with a stem for small images.

use super::residual::BlockKind;
use super::{
    Build, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE, IMAGENET_STD,
    ModelSpec, STEM, WIDTH, residual_network,
};
use crate::error::Result;
use crate::registry::{Args, Default, Entry, Example, Home, Param, Spec};

/// `model::resnet18`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "resnet18",
        home: Home::Namespace("model"),
        doc: "A residual network of 18 layers: four stages of two basic blocks. With width 64 \
              and the stem \"imagenet\" it is torchvision's, parameter by parameter; the stem \
              \"cifar\" is a 3x3 convolution of stride 1 without pooling, for images of 32 pixels, \
              and \"strided\" the same of stride 2, for those of 64.",
        inputs: &[],
        params: &[
            Param { default: Default::Int(64), ..WIDTH },
            STEM,
            IMAGENET_CLASSES,
            IMAGENET_CHANNELS,
            IMAGENET_SIZE,
            IMAGENET_MEAN,
            IMAGENET_STD,
            Param::seed(),
        ],
        returns: "model",
        example: Example {
            code: "model::resnet18(#{ stem: \"cifar\", classes: 10, size: 32 })",
            shows: "resnet18: width 64, cifar stem, 10 classes, images of 3x32x32",
        },
        cite: "He et al. 2016, arXiv 1512.03385; torchvision.models.resnet18",
        version: 2,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    residual_network(args, "resnet18", BlockKind::Basic, &[2, 2, 2, 2])
}
