//! ResNet-50 as in torchvision.

use super::residual::BlockKind;
use super::{
    Build, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE, IMAGENET_STD,
    ModelSpec, STEM, residual_network,
};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::resnet50`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "resnet50",
        home: Home::Namespace("model"),
        doc: "A residual network of 50 layers. It has four stages of 3, 4, 6 and 3 bottleneck \
              blocks, with the stride in their 3x3 convolutions. With the stem \"imagenet\" it \
              is torchvision's, parameter by parameter.",
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
            code: "model::resnet50()",
            shows: "resnet50: 1000 classes, images of 3x224x224",
        },
        cite: "He et al. 2016, arXiv 1512.03385; torchvision.models.resnet50",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    residual_network(
        args,
        "resnet50",
        BlockKind::Bottleneck { base_width: 64, groups: 1 },
        &[3, 4, 6, 3],
    )
}
