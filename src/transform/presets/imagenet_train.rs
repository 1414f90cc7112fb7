//! What the robustness library trains ImageNet networks on.

use super::{Build, Pipeline, pipeline};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// `transform::imagenet_train`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "imagenet_train",
        home: Home::Namespace("transform"),
        doc: "The training images of the robustness library's ImageNet networks. `salman2020_train` \
              is the same without colours, which is what torchvision's own recipe does too.",
        inputs: &[],
        params: &[],
        returns: "transform",
        example: Example {
            code: "transform::imagenet_train()",
            shows: "random_resized_crop(224) > random_flip(0.5) > color_jitter(0.1) > lighting(0.05)",
        },
        cite: "Engstrom et al. 2019; MadryLab/robustness data_augmentation.py",
        version: 1,
    },
    build,
};

fn build(_: &Args) -> Result<Pipeline> {
    let names = ["random_resized_crop", "random_flip", "color_jitter", "lighting"];
    pipeline(&names.map(|name| (name, &[][..])))
}
