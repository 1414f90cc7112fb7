//! WRN-28-10: a wide residual network for small images.

use super::{
    Build, CLASSES, MEAN, ModelSpec, Parts, RGB, SMALL_SIZE, STD, described, preactivation,
};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};

/// `model::wide_resnet28_10`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "wide_resnet28_10",
        home: Home::Namespace("model"),
        doc: "A wide residual network of 28 layers for small images. Its three stages of four \
              blocks have 16, 32 and 64 times `widen` channels; blocks normalise and rectify \
              first.",
        inputs: &[],
        params: &[
            Param::int("widen", 10, 1, "Factor of the channels.").up_to(256.0),
            CLASSES,
            RGB,
            SMALL_SIZE,
            MEAN,
            STD,
            Param::seed(),
        ],
        returns: "model",
        example: Example {
            code: "model::wide_resnet28_10(#{ widen: 1 })",
            shows: "wide_resnet28_10: widen 1, 10 classes, images of 3x32x32",
        },
        cite: "Zagoruyko and Komodakis 2016, arXiv 1605.07146, table 1",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<ModelSpec> {
    let widen = args.int("widen")?;
    let stages = [16, 32, 64].map(|channels| (channels * widen, 4));
    let graph = preactivation::graph(args.int("channels")?, 16, &stages);
    let parts = Parts { variant: format!("widen {widen}"), ..Parts::residual(graph) };
    described(args, "wide_resnet28_10", parts)
}
