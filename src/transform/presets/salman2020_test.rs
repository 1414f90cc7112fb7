//! What Salman et al. test transfers on.

use super::salman2020_train::DOWNSCALE;
use super::{Build, Pipeline, pipeline};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec, Value};

/// `transform::salman2020_test`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "salman2020_test",
        home: Home::Namespace("transform"),
        doc: "The test images of Salman et al.'s transfers: the shorter side at 256 pixels, the \
              middle 224. With `downscale` the shorter side is first resized to that many pixels.",
        inputs: &[],
        params: &[DOWNSCALE],
        returns: "transform",
        example: Example {
            code: "transform::salman2020_test(#{ downscale: 32 })",
            shows: "resize(32) > resize(256) > center_crop(224)",
        },
        cite: "Salman et al. 2020; robust-models-transfer constants.py",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<Pipeline> {
    let first = args.optional_int("downscale")?.map(|size| [("size", Value::Int(size))]);
    let mut calls = Vec::new();
    calls.extend(first.as_ref().map(|options| ("resize", &options[..])));
    calls.extend([("resize", &[][..]), ("center_crop", &[])]);
    pipeline(&calls)
}
