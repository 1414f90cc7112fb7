//! Virtual adversarial perturbations: adversarial without labels.

use super::{Attack, Build, Cost, Perturbation, Target, slope};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use crate::threat_model::{Norm, NormBall, ThreatModel, normals};
use std::rc::Rc;
use tch::{Tensor, no_grad_guard};

/// `attack::vat`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "vat",
        home: Home::Namespace("attack"),
        doc: "The perturbation that changes the network's own prediction most; needs no labels. \
              From a random direction, `iterations` times the gradient of the divergence KL(p(x) \
              || p(x + xi d)) in the unit direction d is normalised: the power method for the \
              first eigenvector of its curvature. The last one is scaled to eps (linf: its sign) \
              and clamped to [0,1].",
        inputs: &[],
        params: &[
            Param::choice("norm", &["l2", "linf"], NormBall::NORM.doc),
            NormBall::EPS,
            ThreatModel::PARAM,
            Param::int("iterations", 1, 1, "Steps of the power method."),
            Param::float(
                "xi",
                0.1,
                0.0,
                "L2 distance at which the divergence is taken, in pixels of [0,1]; the paper's \
                 1e-6 is lost in f32.",
            ),
            Param::label("Name in tables and plots."),
        ],
        returns: "attack",
        example: Example { code: "attack::vat(#{ eps: 0.5 })", shows: "vat: l2 eps 0.5" },
        cite: "Miyato et al. 2018, arXiv 1704.03976, algorithm 1",
        version: 1,
    },
    build,
};

struct Vat {
    ball: NormBall,
    iterations: i64,
    xi: f64,
}

fn build(args: &Args) -> Result<Rc<dyn Attack>> {
    Ok(Rc::new(Vat {
        ball: NormBall::from_args(args)?,
        iterations: args.int("iterations")?,
        xi: args.float("xi")?,
    }))
}

fn unit(direction: &Tensor) -> Result<Tensor> {
    Ok(direction.f_div(&Norm::L2.of(direction)?.f_clamp_min(1e-30)?)?)
}

impl Attack for Vat {
    fn perturb(&self, target: &Target<'_>) -> Result<Perturbation> {
        let centre = target.x.f_detach()?;
        let kind = centre.f_kind()?;
        let own = {
            let _guard = no_grad_guard();
            target.logits("vat", &centre)?.f_softmax(1, kind)?
        };
        let mut direction = unit(&normals(&centre, target.ids, target.stream)?)?;
        for _ in 0..self.iterations {
            let leaf = direction.f_detach()?.f_set_requires_grad(true)?;
            let logits = target.logits("vat", &centre.f_add(&leaf.f_mul_scalar(self.xi)?)?)?;
            // KL up to the entropy of p(x), which is constant.
            let divergence = own.f_mul(&logits.f_log_softmax(1, kind)?)?.f_sum(kind)?.f_neg()?;
            let gradient = slope("vat", &divergence, &leaf, false)?;
            let _guard = no_grad_guard();
            direction = unit(&gradient)?;
        }
        let _guard = no_grad_guard();
        let balls = self.ball.around(target.eps.as_ref())?;
        let x = balls.project(&balls.step(&centre, &direction, &balls.eps)?, &centre)?;
        Perturbation::between(&centre, x, &self.ball)
    }

    fn cost(&self, _: i64) -> Cost {
        Cost::of(1 + self.iterations, self.iterations)
    }

    fn ball(&self) -> NormBall {
        self.ball
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Victim;
    use crate::attack::laws::{attacker, run};
    use crate::registry::Value;
    use crate::seed::Stream;
    use tch::{Device, Kind};

    /// Logits W x in f64, of shapes (C, d) and (N, 1, 3, 4).
    struct Softmax(Tensor);

    impl Victim for Softmax {
        fn logits(&self, x: &Tensor) -> Result<Tensor> {
            Ok(x.f_flatten(1, -1)?.f_matmul(&self.0.f_tr()?)?)
        }
    }

    fn drawn(shape: &[i64], seed: i64) -> Tensor {
        let like = Tensor::zeros([shape[0], 1, shape[1], 1], (Kind::Double, Device::Cpu));
        let ids: Vec<u64> = (0..shape[0] as u64).collect();
        normals(&like, &ids, Stream::new(seed, "softmax")).unwrap().view(shape)
    }

    /// The model, three images, and the Hessian of KL(p(x) || p(x + d)) at d = 0 of each of them:
    /// W^T (diag(p) - p p^T) W, of shape (N, d, d).
    fn softmax() -> (Softmax, (Tensor, Tensor), Tensor) {
        let weights = drawn(&[5, 12], 0);
        let x = drawn(&[3, 12], 1) * 0.05 + 0.5;
        let p = x.matmul(&weights.tr()).softmax(1, Kind::Double);
        let fisher = p.diag_embed(0, -2, -1) - p.unsqueeze(2) * p.unsqueeze(1);
        let hessian = weights.tr().matmul(&fisher).matmul(&weights);
        let y = Tensor::from_slice(&[0i64, 1, 2]);
        (Softmax(weights), (x.view([3, 1, 3, 4]), y), hessian)
    }

    fn delta(model: &Softmax, batch: &(Tensor, Tensor), iterations: i64) -> Tensor {
        let options = [
            ("eps", Value::Float(0.1)),
            ("iterations", Value::Int(iterations)),
            ("xi", Value::Float(1e-5)),
        ];
        run(&attacker("vat", &options), model, batch, 0).delta.view([3, 12])
    }

    fn cosines(a: &Tensor, b: &Tensor) -> Tensor {
        let along = |x: &Tensor| x.sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
        along(&(a * b)) / (along(&(a * a)) * along(&(b * b))).sqrt()
    }

    #[test]
    fn one_iteration_multiplies_the_draw_by_the_curvature() {
        let (model, batch, hessian) = softmax();
        let ids: Vec<u64> = (0..3).map(|id| 100 + 7 * id).collect();
        let noise = normals(&batch.0, &ids, Stream::new(0, "attack")).unwrap().view([3, 12, 1]);
        let expected = hessian.matmul(&noise).squeeze_dim(2);
        let found = cosines(&delta(&model, &batch, 1), &expected);
        assert!(found.min().double_value(&[]) > 1.0 - 1e-6, "{found}");
    }

    #[test]
    fn iterations_end_at_the_first_eigenvector_of_the_curvature_whatever_the_labels() {
        let (model, batch, hessian) = softmax();
        let (values, vectors) = hessian.linalg_eigh("L");
        let (first, gap) = (vectors.select(2, 11), values.select(1, 10) / values.select(1, 11));
        assert!(gap.max().double_value(&[]) < 0.9, "{gap}");
        let found = delta(&model, &batch, 200);
        let cosine = cosines(&found, &first).abs();
        assert!(cosine.min().double_value(&[]) > 1.0 - 1e-6, "{cosine}");
        let lengths = found.norm_scalaropt_dim(2.0, [1i64].as_slice(), false);
        assert!((lengths - 0.1).abs().max().double_value(&[]) < 1e-6);
        let other = (batch.0.copy(), Tensor::from_slice(&[4i64, 4, 0]));
        assert_eq!(delta(&model, &other, 200), found);
    }
}
