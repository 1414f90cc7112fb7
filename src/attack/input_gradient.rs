//! Gradients in the pixels: what a model looks at.

use super::Victim;
use crate::context::Context;
use crate::dataset::Images;
use crate::error::{Error, Result};
use crate::loader;
use crate::model::Model;
use crate::registry::{Args, Example, Home, Kind, Param, Spec};
use crate::tensor::{Constant, expect_labels};
use crate::torch;
use tch::{Device, Reduction, Tensor};

/// `attack::input_gradient(model, images, #{...})`.
pub const INPUT_GRADIENT: Spec = Spec {
    name: "input_gradient",
    home: Home::Namespace("attack"),
    doc: "The gradient of each image's loss in its pixels. The loss is the cross-entropy of its \
          label or the label's logit; no image bears on the gradient of another. Tsipras et \
          al. 2019 find that those of robust networks look like the images. `plot::images` draws \
          gradients with `signed`.",
    inputs: &[
        Param::input("model", Kind::Handle("model"), "Whose loss it is; stays as it is."),
        Images::PARAM,
    ],
    params: &[
        LABELS,
        Param::choice("loss", &["cross_entropy", "logit"], "What is differentiated."),
        Param::int("batch_size", 64, 1, "Images per pass."),
    ],
    returns: "tensor",
    example: Example {
        code: "let test = dataset::digits().test;\n\
               let m = model::resnet8(#{ width: 4, size: 8 });\n\
               let labels = test.labels(0..3);\n\
               attack::input_gradient(m, test.images(0..3), #{ labels: labels }).shape",
        shows: "[3, 1, 8, 8]",
    },
    cite: "Tsipras et al. 2019, Robustness may be at odds with accuracy, section 3",
    version: 1,
};

/// The option that [`labels`] reads.
pub(super) const LABELS: Param = Param::optional(
    "labels",
    Kind::Ints,
    "Class of each image, or one class for all; the split's own if left out.",
);

/// What is differentiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    CrossEntropy,
    Logit,
}

/// The gradients, f32 of shape (N, C, H, W) on the CPU; see [`INPUT_GRADIENT`].
///
/// # Errors
/// Images or labels that do not fit the model; a gradient that is not finite; interrupted
/// between two batches.
pub fn input_gradient(context: &Context, args: &Args) -> Result<Constant> {
    let images = Images::from_args(args, context.device)?;
    let y = labels(args, &images)?.f_to_device(context.device)?;
    let loss = match args.text("loss")? {
        "logit" => Loss::Logit,
        _ => Loss::CrossEntropy,
    };
    let folded = args.handle::<Model>("model")?.network(context)?.folded()?;
    let mut parts = Vec::new();
    for indices in loader::batches(images.len(), args.int("batch_size")? as usize, None) {
        if context.interrupt.is_requested() {
            return Err(Error::interrupted("input_gradient: interrupted").hint("run it again"));
        }
        let (first, count) = (indices.first().map_or(0, |i| *i as i64), indices.len() as i64);
        let (x, y) = (images.x.f_narrow(0, first, count)?, y.f_narrow(0, first, count)?);
        parts.push(gradient(&folded, &x, &y, loss)?.f_to_device(Device::Cpu)?);
    }
    Ok(Constant::new(Tensor::f_cat(&parts, 0)?))
}

/// The classes of `images`, i64 of shape (N), by the option [`LABELS`] or their own.
///
/// # Errors
/// There are none, or another number than images.
pub(super) fn labels(args: &Args, images: &Images) -> Result<Tensor> {
    let (name, count) = (args.spec().name, images.len());
    let at = |message: String| Error::usage(format!("{name}: {message}")).at_key("labels");
    match (args.ints("labels")?, &images.y) {
        (None, Some(y)) => Ok(y.shallow_clone()),
        (None, None) => Err(at("labels are missing: a tensor has none of its own".to_owned())
            .hint("labels: data.test.labels(0..8), or one class for all: labels: [3]")),
        (Some([class]), _) => Ok(Tensor::f_from_slice(&vec![*class; count])?),
        (Some(labels), _) if labels.len() == count => Ok(Tensor::f_from_slice(labels)?),
        (Some(labels), _) => {
            let found = labels.len();
            Err(at(format!("expected {count} labels, one for each image, or one, found {found}")))
        }
    }
}

/// The gradient of each image's loss of class `y`, of the shape of `x`.
fn gradient(model: &dyn Victim, x: &Tensor, y: &Tensor, loss: Loss) -> Result<Tensor> {
    let leaf = x.f_detach()?.f_set_requires_grad(true)?;
    let logits = model.logits(&leaf)?;
    let classes = logits.size().last().copied().unwrap_or(0);
    expect_labels(y, x.size()[0], classes)
        .map_err(|error| error.within("input_gradient").at_key("labels"))?;
    let sum = match loss {
        Loss::CrossEntropy => {
            logits.f_cross_entropy_loss(y, None::<&Tensor>, Reduction::Sum, -100, 0.0)?
        }
        Loss::Logit => logits.f_gather(1, &y.f_unsqueeze(1)?, false)?.f_sum(tch::Kind::Float)?,
    };
    let gradient = torch::gradients(&sum, &[&leaf], false, false)?.pop();
    let gradient = gradient
        .filter(Tensor::defined)
        .ok_or_else(|| Error::internal("input_gradient: the loss does not depend on the image"))?;
    if gradient.f_isfinite()?.f_all()?.f_int64_value(&[])? != 1 {
        return Err(Error::diverged("input_gradient: the gradient is not finite")
            .hint("the model has diverged: lower its learning rate"));
    }
    Ok(gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MODELS, Network};
    use crate::registry::Value;
    use crate::seed::Stream;
    use tch::Kind as Type;

    /// Logits that are a linear function of the pixels.
    struct Linear(Tensor);

    impl Victim for Linear {
        fn logits(&self, x: &Tensor) -> Result<Tensor> {
            Ok(x.f_flatten(1, -1)?.f_matmul(&self.0.f_tr()?)?)
        }
    }

    fn drawn(shape: &[i64], seed: i64) -> Tensor {
        let mut generator = Stream::new(seed, "test").generator();
        let count: i64 = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| generator.uniform()).collect();
        Tensor::from_slice(&values).view(shape)
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    fn network() -> Network {
        let entry = MODELS.iter().find(|entry| entry.spec.name == "resnet8").unwrap();
        let options = vec![("size".to_owned(), Value::Int(12))];
        let spec = (entry.build)(&Args::resolve(&entry.spec, vec![], options).unwrap()).unwrap();
        Network::new(&spec.architecture, 10, Stream::new(1, "init"), Device::Cpu).unwrap()
    }

    #[test]
    fn a_linear_softmax_has_the_gradient_of_the_textbook() {
        let weights = drawn(&[3, 8], 1) * 4.0 - 2.0;
        let (x, y) = (drawn(&[2, 2, 2, 2], 2), Tensor::from_slice(&[2i64, 0]));
        let model = Linear(weights.copy());
        let logit = gradient(&model, &x, &y, Loss::Logit).unwrap();
        let rows = weights.index_select(0, &y).view([2, 2, 2, 2]);
        assert!(largest(&(logit - rows)) < 1e-6);
        // W^T (softmax(W x) - e_y), without libtorch's loss.
        let scores = x.flatten(1, -1).matmul(&weights.tr()).exp();
        let shares = &scores / scores.sum_dim_intlist([1i64].as_slice(), true, Type::Float);
        let expected = (shares - y.one_hot(3).to_kind(Type::Float)).matmul(&weights);
        let found = gradient(&model, &x, &y, Loss::CrossEntropy).unwrap();
        assert!(largest(&(found.flatten(1, -1) - expected)) < 1e-5);
    }

    /// The folded network in f32 against differences of its own loss along the gradient.
    #[test]
    fn the_slope_along_the_gradient_is_its_norm() {
        let folded = network().folded().unwrap();
        let (x, y) = (drawn(&[1, 1, 12, 12], 3), Tensor::from_slice(&[4i64]));
        for loss in [Loss::CrossEntropy, Loss::Logit] {
            let found = gradient(&folded, &x, &y, loss).unwrap();
            let norm = found.norm().double_value(&[]);
            let value = |step: f64| {
                let logits = folded.logits(&(&x + &found * (step / norm))).unwrap();
                let logits = logits.to_kind(Type::Double);
                match loss {
                    Loss::CrossEntropy => -logits.log_softmax(1, Type::Double),
                    Loss::Logit => logits,
                }
                .double_value(&[0, 4])
            };
            let step = 2e-3;
            let slope = (value(step) - value(-step)) / (2.0 * step);
            assert!((slope - norm).abs() < 0.02 * norm, "{loss:?}: {slope} is not {norm}");
        }
    }

    #[test]
    fn no_image_bears_on_another_and_the_model_stays() {
        let network = network();
        let folded = network.folded().unwrap();
        let (x, y) = (drawn(&[5, 1, 12, 12], 4), Tensor::from_slice(&[0i64, 1, 2, 3, 9]));
        let before = (network.state().unwrap(), folded.logits(&x).unwrap());
        let whole = gradient(&folded, &x, &y, Loss::CrossEntropy).unwrap();
        let part = |from, count| {
            let (x, y) = (x.narrow(0, from, count), y.narrow(0, from, count));
            gradient(&folded, &x, &y, Loss::CrossEntropy).unwrap()
        };
        let split = Tensor::cat(&[part(0, 1), part(1, 4)], 0);
        assert!(largest(&(&whole - split)) < 1e-5 * largest(&whole));
        assert!(!whole.requires_grad());
        assert_eq!(before.1, folded.logits(&x).unwrap());
        for ((name, before), (_, after)) in before.0.iter().zip(network.state().unwrap()) {
            assert_eq!(*before, after, "{name}");
        }
    }

    #[test]
    fn a_class_that_the_model_does_not_have_is_refused() {
        let model = Linear(drawn(&[3, 4], 1));
        let (x, y) = (drawn(&[1, 1, 2, 2], 2), Tensor::from_slice(&[3i64]));
        let error = gradient(&model, &x, &y, Loss::Logit).unwrap_err();
        assert_eq!(error.to_string(), "input_gradient: labels: expected 0 to 2, found 3");
    }
}
