//! The same weights for images of another size: `m.at_size(32)`.

use super::{Model, ModelSpec, Network, Origin};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec};
use crate::seed::Stream;
use std::rc::Rc;

/// `m.at_size(size)`.
pub const AT_SIZE: Spec = Spec {
    name: "at_size",
    home: Home::Method("model"),
    doc: "The model for images of another size, with the weights it has.\n\nConvolutions take \
          images of any size and the features are averaged over what is left of it, so that small \
          images can be fed as they are instead of being enlarged. Weights, running statistics and \
          the model it is asked of stay as they were.",
    inputs: &[Param::input(
        "size",
        Kind::Int { min: 1, max: 4096 },
        "Height and width of the images in pixels.",
    )],
    params: &[],
    returns: "model",
    example: Example {
        code: "let m = model::resnet8(#{ width: 4, size: 16 }).at_size(8);\n\
               m.logits(dataset::digits().test.images(0..5)).shape",
        shows: "[5, 10]",
    },
    cite: "",
    version: 1,
};

/// The model for images of another size; see [`AT_SIZE`].
///
/// # Errors
/// Usage: images that are too small for the network.
pub fn at_size(model: &Model, args: &Args) -> Result<Model> {
    let before = model.snapshot();
    let mut architecture = (*before.spec().architecture).clone();
    architecture.size = args.int("size")?;
    architecture.check_size()?;
    let spec = ModelSpec {
        architecture: Rc::new(architecture),
        lineage: args.lineage(&[], &[("model", before.lineage())]),
        ..before.spec().clone()
    };
    Ok(Model::of(spec.clone(), Rc::new(Resized { before, spec })))
}

/// Weights of one model under the description of another.
struct Resized {
    before: Model,
    spec: ModelSpec,
}

impl Origin for Resized {
    fn network(&self, context: &Context) -> Result<Network> {
        let ModelSpec { architecture, classes, seed, .. } = &self.spec;
        let stream = Stream::new(*seed, "init");
        let network = Network::new(architecture, *classes, stream, context.device)?;
        network.load_state(&self.before.network(context)?.state()?)?;
        Ok(network)
    }
}
