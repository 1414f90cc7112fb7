//! Training against the steepness of the loss in the images.

use super::{Build, Moment, Objective, Passes, Step};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::Norm;
use crate::torch;
use std::rc::Rc;
use tch::{Kind, Reduction, Tensor};

struct GradNorm {
    lambda: f64,
    norm: Norm,
}

/// Under the root of the squared length, where a gradient of zero has a derivative then.
const FLOOR: f64 = 1e-12;

impl Objective for GradNorm {
    fn step(&self, moment: &Moment<'_>) -> Result<Step> {
        let x = moment.batch.x.f_detach()?.f_set_requires_grad(true)?;
        let logits = moment.logits(&x)?;
        let (y, weight) = (&moment.batch.y, None::<&Tensor>);
        let sum = logits.f_cross_entropy_loss(y, weight, Reduction::Sum, -100, 0.0)?;
        let penalty = steepness(&sum, &x, self.norm)?.f_mul_scalar(self.lambda)?;
        Ok(Step::plain(moment.cross_entropy(&logits)?.f_add(&penalty)?, logits))
    }

    fn passes(&self, _: i64) -> Passes {
        Passes { to_images: 1, to_weights: 2, ..Passes::CLEAN }
    }
}

/// The mean over the images `x` of the norm of the gradient of `sum`, with autograd.
fn steepness(sum: &Tensor, x: &Tensor, norm: Norm) -> Result<Tensor> {
    let gradient = torch::gradients(sum, &[x], true, true)?
        .pop()
        .filter(Tensor::defined)
        .ok_or_else(|| Error::internal("grad_norm: the loss does not depend on the images"))?;
    let lengths = match norm {
        Norm::L2 => {
            let squares = gradient.f_square()?;
            let sums = squares.f_sum_dim_intlist([1i64, 2, 3].as_slice(), false, None::<Kind>)?;
            sums.f_add_scalar(FLOOR)?.f_sqrt()?
        }
        norm => norm.of(&gradient)?,
    };
    Ok(lengths.f_mean(lengths.f_kind()?)?)
}

fn build(args: &Args) -> Result<(Rc<dyn Objective>, String)> {
    let norm = if args.text("norm")? == "l1" { Norm::L1 } else { Norm::L2 };
    Ok((Rc::new(GradNorm { lambda: args.float("lambda")?, norm }), "grad norm".to_owned()))
}

/// `train::grad_norm`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "grad_norm",
        home: Home::Namespace("train"),
        doc: "Trains on clean images, with a penalty on the gradient of the loss in their pixels. \
              The loss is the mean cross-entropy plus lambda times the mean norm of each image's \
              gradient, in pixels of [0,1], before the normalisation. To first order this is \
              training on attacks of eps lambda, without the samples that they make: in L2 with \
              norm \"l2\", in linf with \"l1\". The gradient is that of the batch's summed \
              cross-entropy, without label smoothing, in train mode: an image counts with what it \
              does to others through the batch norms. It is differentiated once more; l2 has \
              1e-12 under its root, so that a gradient of zero has a derivative.",
        inputs: &[],
        params: &[
            Param::float("lambda", 0.5, 0.0, "Weight of the penalty, in pixels of [0,1]."),
            Param::choice("norm", &["l2", "l1"], "How gradients are measured, per image."),
            Param::label("Name in tables and plots."),
        ],
        returns: "objective",
        example: Example { code: "train::grad_norm(#{ lambda: 0.1 }).name", shows: "grad norm" },
        cite: "Drucker and LeCun 1992, Improving generalization performance using double \
               backpropagation; Simon-Gabriel et al. 2019, arXiv 1802.01421",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::parity::hashed;
    use tch::Device;

    /// Cross-entropy of W x, summed, and the images.
    fn linear(weights: &Tensor) -> (Tensor, Tensor) {
        let x = hashed(1, &[3, 2, 2, 2]).to_kind(Kind::Double).set_requires_grad(true);
        let logits = x.flatten(1, -1).matmul(&weights.tr());
        let y = Tensor::from_slice(&[2i64, 0, 3]);
        let sum = logits.cross_entropy_loss::<Tensor>(&y, None, Reduction::Sum, -100, 0.0);
        (sum, x)
    }

    fn weights() -> Tensor {
        ((hashed(2, &[4, 8]) - 0.5) * 4.0).to_kind(Kind::Double).set_requires_grad(true)
    }

    #[test]
    fn a_linear_softmax_has_the_penalty_of_the_textbook() {
        let weights = weights();
        let (sum, x) = linear(&weights);
        let scores = x.flatten(1, -1).matmul(&weights.tr()).softmax(1, Kind::Double);
        let y = Tensor::from_slice(&[2i64, 0, 3]);
        let gradients = (scores - y.one_hot(4).to_kind(Kind::Double)).matmul(&weights);
        for (norm, power) in [(Norm::L2, 2.0), (Norm::L1, 1.0)] {
            let found = steepness(&sum, &x, norm).unwrap();
            let expected = gradients.norm_scalaropt_dim(power, [1i64].as_slice(), false);
            let expected = expected.mean(Kind::Double);
            assert!((&found - &expected).abs().double_value(&[]) < 1e-9, "{norm:?}");
            let slope =
                |of: &Tensor| Tensor::run_backward(&[of], &[&weights], true, false).remove(0);
            let apart = (slope(&found) - slope(&expected)).abs().max().double_value(&[]);
            assert!(apart < 1e-9, "{norm:?}: {apart:e}");
        }
    }

    #[test]
    fn a_gradient_of_zero_has_a_penalty_with_a_derivative() {
        let weights = Tensor::zeros([4, 8], (Kind::Double, Device::Cpu)).set_requires_grad(true);
        for norm in [Norm::L2, Norm::L1] {
            let (sum, x) = linear(&weights);
            let found = steepness(&sum, &x, norm).unwrap();
            assert!(found.double_value(&[]) <= 1e-6 + 1e-12, "{norm:?}");
            let slope = Tensor::run_backward(&[found], &[&weights], false, false).remove(0);
            assert_eq!(slope.isfinite().all().int64_value(&[]), 1, "{norm:?}");
        }
    }
}
