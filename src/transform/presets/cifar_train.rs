//! What the robustness library trains CIFAR networks on.

use super::{Build, Pipeline, pipeline};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec, Value};

/// `transform::cifar_train`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "cifar_train",
        home: Home::Namespace("transform"),
        doc: "The training images of the robustness library's networks for images of 32 pixels.",
        inputs: &[],
        params: &[],
        returns: "transform",
        example: Example {
            code: "transform::cifar_train()",
            shows: "random_crop(32, padding: 4) > random_flip(0.5) > color_jitter(0.25, contrast: 0.25, \
                    saturation: 0.25) > random_rotation(2)",
        },
        cite: "Engstrom et al. 2019; MadryLab/robustness data_augmentation.py",
        version: 1,
    },
    build,
};

fn build(_: &Args) -> Result<Pipeline> {
    let strengths = ["brightness", "contrast", "saturation"].map(|key| (key, Value::Float(0.25)));
    pipeline(&[
        ("random_crop", &[("padding", Value::Int(4))]),
        ("random_flip", &[]),
        ("color_jitter", &strengths),
        ("random_rotation", &[]),
    ])
}
