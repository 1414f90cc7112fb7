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

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;
    use crate::dataset::laws::context;
    use crate::registry::Value;

    fn resized(model: &Model, size: i64) -> Result<Model> {
        at_size(model, &Args::resolve(&AT_SIZE, vec![Value::Int(size)], Vec::new())?)
    }

    #[test]
    fn the_weights_stay_and_give_what_a_network_made_for_that_size_gives() {
        let (context, _folder) = context(None);
        let made = |size: i64| {
            let options = [("width", 4), ("size", size), ("channels", 1), ("seed", 3)];
            Model::new(spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value)))))
        };
        let large = made(16);
        let small = resized(&large, 8).unwrap();
        let (before, after) = (large.network(&context).unwrap(), small.network(&context).unwrap());
        assert_eq!(before.state().unwrap(), after.state().unwrap());
        assert_eq!((before.input_shape(), after.input_shape()), ([1, 16, 16], [1, 8, 8]));
        // Initial weights do not depend on the size, so that this network is another way to them.
        let other = made(8).network(&context).unwrap();
        let x = tch::Tensor::arange(2 * 64, tch::kind::FLOAT_CPU).view([2, 1, 8, 8]) / 128.0;
        let logits = |network: &Network| network.folded().unwrap().logits(&x).unwrap();
        assert_eq!(logits(&after), logits(&other));
        assert_ne!(small.lineage().address(), large.lineage().address());
        let back = resized(&small, 16).unwrap();
        assert_ne!(back.lineage().address(), small.lineage().address());
    }

    #[test]
    fn a_size_of_which_nothing_would_be_left_is_refused() {
        let model = Model::new(spec("vgg16_bn", &[("size", Value::Int(32))]));
        let message = resized(&model, 8).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("size must be >= 32, found 8"), "{message}");
    }
}
