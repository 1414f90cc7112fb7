//! The same regression by stochastic gradient descent, for all penalties at once.

use super::{Fit, Problem, check, go_on};
use crate::context::Interrupt;
use crate::error::{Error, Result};
use crate::loader;
use crate::seed::Stream;
use tch::{Kind, Tensor};

const MOMENTUM: f64 = 0.9;
/// The largest coordinate of a gradient that counts as none.
const TOLERANCE: f64 = 1e-2;
/// Rounds of the power method for the largest curvature.
const ROUNDS: usize = 30;

/// How the descent goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descent {
    /// Passes over the samples.
    pub epochs: i64,
    /// Samples per update.
    pub batch_size: i64,
    /// The first step, in units of one over the largest curvature; later ones fall to 0 as a half
    /// cosine. Above about 4 the descent diverges.
    pub lr: f64,
    /// Seed of the order.
    pub seed: i64,
}

/// Approaches the minimum that [`super::fit`] finds, one classifier for each of `lambdas`, in their
/// order. Each has steps of its own: `lr / (c + lambda)`, where c bounds the curvature of the loss
/// without its penalty, so that the largest lambda is as stable as the smallest; `lr / c` for the
/// bias, which the penalty spares. [`Fit::iterations`] counts updates. After 200 epochs the loss lies
/// within 5e-4 of its minimum; a penalty on the bias would leave it up to 0.3 above.
///
/// # Errors
/// As [`super::fit`]. Diverged: a weight is not finite.
pub fn descend(
    problem: Problem<'_>,
    lambdas: &[f64],
    descent: Descent,
    interrupt: &Interrupt,
) -> Result<Vec<Fit>> {
    let _guard = tch::no_grad_guard();
    check(&problem, lambdas)?;
    let Problem { x, y, classes } = problem;
    let (samples, features) = x.size2()?;
    let (device, runs) = (x.device(), lambdas.len() as i64);
    let options = (Kind::Double, device);
    let ones = Tensor::f_ones([samples, 1], options)?;
    let x = Tensor::f_cat(&[x.f_to_kind(Kind::Double)?, ones], 1)?;
    let labels = y.f_to_device(device)?.f_one_hot(classes)?.f_to_kind(Kind::Double)?;

    // Columns are classes within lambdas; the last row is the bias.
    let columns = runs * classes;
    let each = |values: Vec<f64>| -> Result<Tensor> {
        let values = Tensor::f_from_slice(&values)?.f_to_device(device)?;
        Ok(values.f_repeat_interleave_self_int(classes, 0, columns)?.f_view([1, columns])?)
    };
    let penalties = each(lambdas.to_vec())?;
    let curvature = curvature(&x)?;
    let own = each(lambdas.iter().map(|lambda| (curvature + lambda).recip()).collect())?;
    let of_bias = each(vec![curvature.recip(); lambdas.len()])?;
    let steps = Tensor::f_cat(&[own.f_expand([features, columns], false)?, of_bias], 0)?;
    let mut weights = Tensor::f_zeros([features + 1, columns], options)?;
    let mut direction = weights.f_zeros_like()?;
    let gradient = |weights: &Tensor, x: &Tensor, labels: &Tensor| -> Result<Tensor> {
        let count = x.size2()?.0;
        let p = x.f_mm(weights)?.f_view([count, runs, classes])?.f_softmax(-1, Kind::Double)?;
        let residual = p.f_sub(&labels.f_unsqueeze(1)?)?.f_view([count, columns])?;
        let gradient = x.f_tr()?.f_mm(&residual)?.f_div_scalar(count)?;
        let penalised = weights.f_narrow(0, 0, features)?.f_mul(&penalties)?;
        let _ = gradient.f_narrow(0, 0, features)?.f_add_(&penalised)?;
        Ok(gradient)
    };

    let order = Stream::new(descent.seed, "descent");
    let batches = |epoch: i64| {
        let order = Some(order.at(epoch as u64));
        loader::batches(samples as usize, descent.batch_size as usize, order)
    };
    let total = descent.epochs as usize * batches(0).len();
    let mut done = 0;
    for epoch in 0..descent.epochs {
        go_on(interrupt)?;
        for batch in batches(epoch) {
            let batch: Vec<i64> = batch.into_iter().map(|index| index as i64).collect();
            let batch = Tensor::f_from_slice(&batch)?.f_to_device(device)?;
            let (x, labels) = (x.f_index_select(0, &batch)?, labels.f_index_select(0, &batch)?);
            let share = done as f64 / total as f64;
            let lr = descent.lr * 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
            let _ = direction.f_mul_scalar_(MOMENTUM)?.f_add_(&gradient(&weights, &x, &labels)?)?;
            let _ = weights.f_sub_(&direction.f_mul(&steps)?.f_mul_scalar(lr)?)?;
            done += 1;
        }
    }
    if weights.f_isfinite()?.f_all()?.f_int64_value(&[])? != 1 {
        return Err(Error::diverged("logistic: a weight is not finite").hint("a smaller lr"));
    }
    let left = gradient(&weights, &x, &labels)?.f_abs()?.f_amax([0].as_slice(), false)?;
    let most = left.f_view([runs, classes])?.f_amax([1].as_slice(), false)?;
    let most = Vec::<f64>::try_from(&most.f_to_device(tch::Device::Cpu)?)?;
    let mut fits = Vec::with_capacity(lambdas.len());
    for ((run, lambda), most) in (0..runs).zip(lambdas).zip(most) {
        let own = weights.f_narrow(1, run * classes, classes)?.f_contiguous()?;
        let fitted = own.f_narrow(0, 0, features)?;
        let log_p = x.f_mm(&own)?.f_log_softmax(-1, Kind::Double)?;
        let loss = log_p.f_mul(&labels)?.f_sum(Kind::Double)?.f_double_value(&[])?;
        let square = fitted.f_mul(&fitted)?.f_sum(Kind::Double)?.f_double_value(&[])?;
        fits.push(Fit {
            lambda: *lambda,
            weights: fitted,
            bias: own.f_select(0, features)?,
            loss: 0.5 * lambda * square - loss / samples as f64,
            iterations: done,
            converged: most <= TOLERANCE,
        });
    }
    Ok(fits)
}

/// Half the largest eigenvalue of the mean outer product of the rows of `x`: it bounds the
/// curvature of a cross-entropy (Boehning 1992).
fn curvature(x: &Tensor) -> Result<f64> {
    let (samples, columns) = x.size2()?;
    let mut axis = Tensor::f_ones([columns], (Kind::Double, x.device()))?;
    let mut length = 0.0;
    for _ in 0..ROUNDS {
        let next = x.f_tr()?.f_mv(&x.f_mv(&axis)?)?.f_div_scalar(samples)?;
        length = next.f_norm()?.f_double_value(&[])?;
        axis = next.f_div_scalar(length.max(f64::MIN_POSITIVE))?;
    }
    Ok(0.5 * length.max(f64::EPSILON))
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::super::tests::{clouds, fit};
    use super::*;

    const LAMBDAS: [f64; 4] = [1e-3, 1e-2, 1.0, 100.0];

    fn descent(epochs: i64, lr: f64) -> Descent {
        Descent { epochs, batch_size: 64, lr, seed: 0 }
    }

    fn descended(x: &Tensor, y: &Tensor, descent: Descent) -> Result<Vec<Fit>> {
        descend(Problem { x, y, classes: 4 }, &LAMBDAS, descent, &Interrupt::default())
    }

    /// By how much losses lie above the minimum.
    fn above(found: &[Fit], x: &Tensor, y: &Tensor) -> Vec<f64> {
        let best = fit(Problem { x, y, classes: 4 }, &LAMBDAS, Options::default()).unwrap();
        found.iter().zip(&best).map(|(found, best)| found.loss - best.loss).collect()
    }

    /// Features of mean 0 and deviation 1, and labels of unequal frequency.
    fn problem() -> (Tensor, Tensor) {
        let (x, y) = clouds(600, 12, 8, 0.6);
        let x =
            (&x - x.mean_dim([0].as_slice(), true, None)) / x.std_dim([0].as_slice(), true, true);
        // Half of the samples have class 0.
        (x, (y - 4).clamp_min(0))
    }

    #[test]
    fn the_descent_ends_at_the_minimum_that_lbfgs_finds() {
        let (x, y) = problem();
        let found = descended(&x, &y, descent(200, 0.5));
        let found = found.unwrap();
        assert!(found.iter().all(|fit| fit.converged), "{found:?}");
        for (above, lambda) in above(&found, &x, &y).iter().zip(LAMBDAS) {
            assert!((-1e-9..5e-4).contains(above), "{above:e} at {lambda}");
        }
    }

    #[test]
    fn a_penalty_on_the_bias_would_be_seen() {
        // With the largest lambda only the bias is left: the entropy of the labels. A penalised
        // bias would leave the logarithm of 4.
        let (x, y) = problem();
        let found = descended(&x, &y, descent(200, 0.5));
        let loss = found.unwrap()[3].loss;
        let share =
            |class: i64| y.eq(class).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
        let entropy: f64 = (0..4).map(|class| -share(class) * share(class).ln()).sum();
        assert!((loss - entropy).abs() < 2e-3, "{loss} {entropy}");
        assert!(4f64.ln() - entropy > 0.1);
    }

    #[test]
    fn a_short_descent_is_told_from_a_converged_one() {
        let (x, y) = problem();
        let found = descended(&x, &y, descent(1, 0.05));
        let found = found.unwrap();
        assert!(!found[0].converged);
        assert!(above(&found, &x, &y)[0] > 1e-2);
        let wild = descended(&x, &y, descent(400, 1e6));
        assert!(wild.is_err() || wild.unwrap().iter().any(|fit| !fit.converged));
    }
}
