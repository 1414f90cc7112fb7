//! What ImageNet networks are tested on.

use super::{Build, Pipeline, pipeline};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// `transform::imagenet_test`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "imagenet_test",
        home: Home::Namespace("transform"),
        doc: "The test images of ImageNet networks: the shorter side at 256 pixels, the middle 224.",
        inputs: &[],
        params: &[],
        returns: "transform",
        example: Example {
            code: "transform::imagenet_test()",
            shows: "resize(256) > center_crop(224)",
        },
        cite: "Engstrom et al. 2019; MadryLab/robustness data_augmentation.py",
        version: 1,
    },
    build,
};

fn build(_: &Args) -> Result<Pipeline> {
    pipeline(&[("resize", &[]), ("center_crop", &[])])
}
