//! ResNeXt-50 32x4d as in torchvision.

use super::residual::BlockKind;
use super::{
    Build, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE, IMAGENET_STD,
    ModelSpec, STEM, residual_network,
};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::resnext50_32x4d`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "resnext50_32x4d",
        home: Home::Namespace("model"),
        doc: "A ResNet-50 whose 3x3 convolutions have 32 groups of 4 channels, doubling with \
              each stage. With the stem \"imagenet\" it is torchvision's, parameter by \
              parameter.",
        inputs: &[],
        params: &[
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
            code: "model::resnext50_32x4d()",
            shows: "resnext50_32x4d: 1000 classes, images of 3x224x224",
        },
        cite: "Xie et al. 2017, arXiv 1611.05431; torchvision.models.resnext50_32x4d",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    residual_network(
        args,
        "resnext50_32x4d",
        BlockKind::Bottleneck { base_width: 4, groups: 32 },
        &[3, 4, 6, 3],
    )
}
