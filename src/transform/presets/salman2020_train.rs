//! What Salman et al. train transfers on.

use super::{Build, Pipeline, pipeline};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};

/// `transform::salman2020_train`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "salman2020_train",
        home: Home::Namespace("transform"),
        doc: "The training images of Salman et al.'s transfers: a random resized crop of 224 pixels \
              and a flip. With `downscale` the shorter side is first resized to that many pixels, \
              as in their study of resolution.",
        inputs: &[],
        params: &[DOWNSCALE],
        returns: "transform",
        example: Example {
            code: "transform::salman2020_train()",
            shows: "random_resized_crop(224) > random_flip(0.5)",
        },
        cite: "Salman et al. 2020; robust-models-transfer constants.py",
        version: 1,
    },
    build,
};

/// The option of both presets.
pub(super) const DOWNSCALE: Param = Param::optional(
    "downscale",
    Kind::Int { min: 1, max: 4096 },
    "The shorter side in pixels before anything else; as it is if left out.",
);

fn build(args: &Args) -> Result<Pipeline> {
    let first = args.optional_int("downscale")?.map(|size| [("size", Value::Int(size))]);
    let mut calls = Vec::new();
    calls.extend(first.as_ref().map(|options| ("resize", &options[..])));
    calls.extend([("random_resized_crop", &[][..]), ("random_flip", &[])]);
    pipeline(&calls)
}
