//! What a network makes of images: `model.logits(images)` and `model.features(images)`.

use super::{Folded, Model, Precision};
use crate::context::Context;
use crate::dataset::Images;
use crate::error::{Error, Result};
use crate::registry::{Args, Example, Home, Spec};
use tch::{Device, Tensor};

/// How many images go through the network at once; it bounds memory.
const AT_ONCE: i64 = 256;

/// `model.logits(images)`.
pub const LOGITS: Spec = Spec {
    name: "logits",
    home: Home::Method("model"),
    doc: "The logits (N, classes) of images. The network is in eval mode with its batch norms \
          folded.",
    inputs: &[Images::PARAM],
    params: &[Precision::PARAM],
    returns: "tensor",
    example: Example {
        code: "let m = model::resnet8(#{ width: 4, size: 8, classes: 3 });\n\
               m.logits(dataset::digits().test.images(0..5)).shape",
        shows: "[5, 3]",
    },
    cite: "",
    version: 1,
};

/// `model.features(images)`.
pub const FEATURES: Spec = Spec {
    name: "features",
    doc: "The features (N, length) of images: what the last linear layer reads. The network is in \
          eval mode with its batch norms folded.",
    example: Example {
        code: "let m = model::resnet8(#{ width: 4, size: 8, classes: 3 });\n\
               m.features(dataset::digits().test.images(0..5)).shape",
        shows: "[5, 16]",
    },
    ..LOGITS
};

/// The logits, f32 on the CPU; see [`LOGITS`].
///
/// # Errors
/// Images that do not fit the network; outputs that are not finite.
pub fn logits(context: &Context, model: &Model, args: &Args) -> Result<Tensor> {
    outputs(context, model, args, Folded::logits)
}

/// The features, f32 on the CPU; see [`FEATURES`].
///
/// # Errors
/// As [`logits`].
pub fn features(context: &Context, model: &Model, args: &Args) -> Result<Tensor> {
    outputs(context, model, args, Folded::features)
}

fn outputs(
    context: &Context,
    model: &Model,
    args: &Args,
    of: fn(&Folded, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let within = |error: Error| error.within(args.spec().name);
    let images = Images::from_args(args, context.device)?;
    let folded = model.network(context)?.folded_at(Precision::of(args)?)?;
    let mut parts = Vec::new();
    for x in images.x.f_split(AT_ONCE, 0)? {
        if context.interrupt.is_requested() {
            return Err(within(Error::interrupted("interrupted")));
        }
        parts.push(of(&folded, &x).map_err(within)?.f_to_device(Device::Cpu)?);
    }
    let outputs = Tensor::f_cat(&parts, 0)?;
    match outputs.f_isfinite()?.f_all()?.f_int64_value(&[])? {
        1 => Ok(outputs),
        _ => Err(within(Error::diverged("a number is not finite"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::laws::{built_named, context};
    use crate::error::Kind;
    use crate::model::tests::spec;
    use crate::registry::Value;
    use std::rc::Rc;

    fn run(asked: &'static Spec, size: i64) -> Result<(Tensor, Model, Context, tempfile::TempDir)> {
        let (context, folder) = context(None);
        let options = [("width", 4), ("size", size), ("classes", 3), ("channels", 1)];
        let options = options.map(|(key, value)| (key, Value::Int(value)));
        let model = Model::new(spec("resnet8", &options));
        let images = built_named("digits", &[("test_limit", Value::Int(300))]).unwrap().test;
        let args = Args::resolve(asked, vec![Value::Handle(Rc::new(images))], Vec::new())?;
        let of = if asked.name == "logits" { logits } else { features };
        let found = of(&context, &model, &args)?;
        Ok((found, model, context, folder))
    }

    #[test]
    fn logits_are_the_last_linear_layer_of_the_features() {
        let (features, model, context, _folder) = run(&FEATURES, 8).unwrap();
        assert_eq!(features.size(), [300, 16]);
        let [weight, bias] = ["fc.weight", "fc.bias"].map(|key| model.read(&context, key).unwrap());
        let expected = features.matmul(&weight.tr()) + bias;
        let (logits, ..) = run(&LOGITS, 8).unwrap();
        let off = (logits - expected).abs().max().double_value(&[]);
        assert!(off < 1e-5, "{off}");
    }

    #[test]
    fn images_of_another_size_are_refused() {
        let error = run(&LOGITS, 16).err().unwrap();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().contains("logits: resnet8: expected images of"), "{error}");
    }
}
