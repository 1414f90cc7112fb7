//! ResNet-8: the smallest of the residual networks for small images.

use super::residual::BlockKind;
use super::{Build, CHANNELS, CLASSES, MEAN, ModelSpec, SIZE, STD, WIDTH, small_network};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::resnet8`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "resnet8",
        home: Home::Namespace("model"),
        doc: "A residual network of 8 layers for small images. It has a 3x3 stem, three stages \
              of one basic block with width, 2 width and 4 width channels, and projection \
              shortcuts.",
        inputs: &[],
        params: &[WIDTH, CLASSES, CHANNELS, SIZE, MEAN, STD, Param::seed()],
        returns: "model",
        example: Example {
            code: "model::resnet8(#{ width: 8 })",
            shows: "resnet8: width 8, 10 classes, images of 1x28x28",
        },
        cite: "He et al. 2016, arXiv 1512.03385, section 4.2 (n = 1)",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    small_network(args, "resnet8", BlockKind::Basic, &[1, 1, 1])
}
