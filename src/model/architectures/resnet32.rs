//! ResNet-32 for small images.

use super::residual::BlockKind;
use super::{Build, CLASSES, MEAN, ModelSpec, RGB, SMALL_SIZE, STD, WIDTH, small_network};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::resnet32`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "resnet32",
        home: Home::Namespace("model"),
        doc: "A residual network of 32 layers for small images. It has a 3x3 stem, three \
              stages of five basic blocks with width, 2 width and 4 width channels, and \
              projection shortcuts.",
        inputs: &[],
        params: &[WIDTH, CLASSES, RGB, SMALL_SIZE, MEAN, STD, Param::seed()],
        returns: "model",
        example: Example {
            code: "model::resnet32()",
            shows: "resnet32: width 16, 10 classes, images of 3x32x32",
        },
        cite: "He et al. 2016, arXiv 1512.03385, section 4.2 (n = 5)",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    small_network(args, "resnet32", BlockKind::Basic, &[5, 5, 5])
}
