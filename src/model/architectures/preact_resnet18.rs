//! PreActResNet-18 for small images.

use super::{
    Build, CLASSES, MEAN, ModelSpec, Parts, RGB, SMALL_SIZE, STD, WIDTH, described, preactivation,
};
use crate::error::Result;
use crate::registry::{Args, Default, Entry, Example, Home, Param, Spec};

/// `model::preact_resnet18`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "preact_resnet18",
        home: Home::Namespace("model"),
        doc: "A residual network of 18 layers whose blocks normalise and rectify first. It has \
              a 3x3 stem for small images and four stages of two blocks.",
        inputs: &[],
        params: &[
            Param { default: Default::Int(64), ..WIDTH },
            CLASSES,
            RGB,
            SMALL_SIZE,
            MEAN,
            STD,
            Param::seed(),
        ],
        returns: "model",
        example: Example {
            code: "model::preact_resnet18()",
            shows: "preact_resnet18: width 64, 10 classes, images of 3x32x32",
        },
        cite: "He et al. 2016, Identity Mappings in Deep Residual Networks, arXiv 1603.05027",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    let width = args.int("width")?;
    let stages = [1, 2, 4, 8].map(|factor| (width * factor, 2));
    let graph = preactivation::graph(args.int("channels")?, width, &stages);
    let parts = Parts { variant: format!("width {width}"), ..Parts::residual(graph) };
    described(args, "preact_resnet18", parts)
}
