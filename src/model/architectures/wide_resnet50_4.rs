//! Wide ResNet-50-4 as in the reference code.

use super::residual::BlockKind;
use super::{
    Build, IMAGENET_CHANNELS, IMAGENET_CLASSES, IMAGENET_MEAN, IMAGENET_SIZE, IMAGENET_STD,
    ModelSpec, STEM, residual_network,
};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::wide_resnet50_4`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "wide_resnet50_4",
        home: Home::Namespace("model"),
        doc: "A ResNet-50 with four times the channels in the 3x3 convolutions of its blocks. \
              It is the widest network of the paper; its parameters have torchvision's names.",
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
            code: "model::wide_resnet50_4()",
            shows: "wide_resnet50_4: 1000 classes, images of 3x224x224",
        },
        cite: "Zagoruyko and Komodakis 2016, arXiv 1605.07146; Salman et al. 2020, arXiv 2007.08489, section 4.2",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    residual_network(
        args,
        "wide_resnet50_4",
        BlockKind::Bottleneck { base_width: 256, groups: 1 },
        &[3, 4, 6, 3],
    )
}
