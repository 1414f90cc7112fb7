//! Wide ResNet-50-2 as in torchvision.

use super::residual::BlockKind;
use super::{
    Build, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE, IMAGENET_STD,
    ModelSpec, STEM, residual_network,
};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::wide_resnet50_2`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "wide_resnet50_2",
        home: Home::Namespace("model"),
        doc: "A ResNet-50 with twice the channels in the 3x3 convolutions of its blocks. With \
              the stem \"imagenet\" it is torchvision's, parameter by parameter.",
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
            code: "model::wide_resnet50_2()",
            shows: "wide_resnet50_2: 1000 classes, images of 3x224x224",
        },
        cite: "Zagoruyko and Komodakis 2016, arXiv 1605.07146; torchvision.models.wide_resnet50_2",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    residual_network(
        args,
        "wide_resnet50_2",
        BlockKind::Bottleneck { base_width: 128, groups: 1 },
        &[3, 4, 6, 3],
    )
}
