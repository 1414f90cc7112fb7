//! ResNet-34 as in torchvision.

use super::residual::BlockKind;
use super::{
    Build, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE, IMAGENET_STD,
    ModelSpec, STEM, WIDTH, residual_network,
};
use crate::error::Result;
use crate::registry::{Args, Default, Entry, Example, Home, Param, Spec};

/// `model::resnet34`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "resnet34",
        home: Home::Namespace("model"),
        doc: "A residual network of 34 layers: four stages of 3, 4, 6 and 3 basic blocks. With \
              the stem \"imagenet\" it is torchvision's, parameter by parameter.",
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
            code: "model::resnet34()",
            shows: "resnet34: width 64, 1000 classes, images of 3x224x224",
        },
        cite: "He et al. 2016, arXiv 1512.03385; torchvision.models.resnet34",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    residual_network(args, "resnet34", BlockKind::Basic, &[3, 4, 6, 3])
}
