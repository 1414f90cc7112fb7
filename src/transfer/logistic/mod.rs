//! Multinomial logistic regression with an L2 penalty, solved for a whole grid of penalties and for
//! several draws of images as one batched problem: the classifier of `fixed_feature` and `few_shot`.
//!
//! For features x [N, D], labels y [N] and a penalty lambda it minimises
//!
//! ```text
//! mean over i of cross_entropy(x_i W + b, y_i)  +  lambda / 2 * ||W||^2
//! ```
//!
//! over W [D, C] and an unpenalised b [C]. In scikit-learn's terms lambda = 1 / (C N), C being its
//! `LogisticRegression` option.
//!
//! The solver works in centred features on their principal axes, which leaves the problem unchanged
//! and makes the Hessian nearly diagonal: about h s_j + lambda on an axis of variance s_j, where h is
//! the mean of p (1 - p) over samples and classes. L-BFGS starts from that diagonal.

mod lbfgs;
mod objective;
mod sgd;
#[cfg(test)]
mod tests;

pub use lbfgs::Options;
pub use sgd::{Descent, descend};

use crate::context::Interrupt;
use crate::error::{Error, Result};
use lbfgs::{Run, Status};
use objective::Objective;
use tch::{Kind, Tensor};

/// Memory for the runs that are solved together; more of them are solved in turns.
const BATCH_BYTES: usize = 1 << 30;

/// The training data.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// Features, floating [N, D]; any device.
    pub x: &'a Tensor,
    /// Labels, int64 [N], from 0 to `classes` - 1.
    pub y: &'a Tensor,
    /// The number of classes, C.
    pub classes: i64,
}

/// The classifier for one lambda.
#[derive(Debug)]
pub struct Fit {
    /// The penalty it was fitted with.
    pub lambda: f64,
    /// W, double [D, C], on the features' device.
    pub weights: Tensor,
    /// b, double [C], on the features' device.
    pub bias: Tensor,
    /// The objective, penalty included.
    pub loss: f64,
    /// The solver's steps.
    pub iterations: usize,
    /// Whether the gradient came within the solver's tolerance.
    pub converged: bool,
}

/// The penalties of Kornblith et al. (2019, <https://arxiv.org/abs/1805.08974>) for this many
/// samples: 45, log-spaced, from 1e-6 to 1e5 where the loss is the *sum* over samples, so divided by
/// `samples` for the mean loss that [`fit`] minimises.
pub fn grid(samples: usize) -> Vec<f64> {
    (0..45).map(|i| 10f64.powf(f64::from(i) / 4.0 - 6.0) / samples.max(1) as f64).collect()
}

/// Fits one classifier for each of `lambdas`, in their order; see [`fit_all`].
///
/// # Errors
/// As [`fit_all`].
pub fn fit(
    problem: Problem<'_>,
    lambdas: &[f64],
    options: Options,
    interrupt: &Interrupt,
) -> Result<Vec<Fit>> {
    Ok(fit_all(&[problem], lambdas, options, interrupt)?.pop().unwrap_or_default())
}

/// Fits, for each of several problems, one classifier for each of `lambdas`, in their order.
///
/// Neighbours with as many samples, classes and principal axes, such as draws of a few images, are
/// solved together: two batched products evaluate the objectives of all.
///
/// The tolerance bounds the gradient's coordinates on the principal axes and for the bias; where a
/// small lambda meets separable data the loss itself is smaller, and what is to gain, as a share of
/// it, decides.
///
/// A lambda of 0 is accepted; on separable data it has no minimum, and the fit ends where the
/// gradient vanishes within the tolerance.
///
/// # Errors
/// Usage: a negative or non-finite lambda, or none. Data: wrong shapes or dtypes, non-finite
/// features, labels out of range, fewer than two classes among the labels. Interrupted.
pub fn fit_all(
    problems: &[Problem<'_>],
    lambdas: &[f64],
    options: Options,
    interrupt: &Interrupt,
) -> Result<Vec<Vec<Fit>>> {
    fit_within(BATCH_BYTES, problems, lambdas, options, interrupt)
}

fn fit_within(
    bytes: usize,
    problems: &[Problem<'_>],
    lambdas: &[f64],
    options: Options,
    interrupt: &Interrupt,
) -> Result<Vec<Vec<Fit>>> {
    let _guard = tch::no_grad_guard();
    let mut posed = Vec::with_capacity(problems.len());
    for problem in problems {
        check(problem, lambdas)?;
        let objective = Objective::new(problem)?;
        let start = objective.start(problem, options.tolerance)?;
        posed.push((objective, start));
    }
    let mut fits = Vec::with_capacity(problems.len());
    for alike in posed.chunk_by(|(one, _), (other, _)| one.shape() == other.shape()) {
        let Some((objective, _)) = alike.first() else { continue };
        let runs = (bytes / objective.bytes_per_run()).max(1);
        for posed in alike.chunks((runs / lambdas.len()).max(1)) {
            let mut of_problems: Vec<Vec<Fit>> = posed.iter().map(|_| Vec::new()).collect();
            for lambdas in lambdas.chunks(runs) {
                let more = together(posed, lambdas, options, interrupt)?;
                for (fits, more) in of_problems.iter_mut().zip(more) {
                    fits.extend(more);
                }
            }
            fits.append(&mut of_problems);
        }
    }
    Ok(fits)
}

/// The fits of problems of one shape, all in one batch.
fn together(
    posed: &[(Objective, Vec<f64>)],
    lambdas: &[f64],
    options: Options,
    interrupt: &Interrupt,
) -> Result<Vec<Vec<Fit>>> {
    let begun = |(_, start): &(Objective, Vec<f64>)| -> Vec<_> {
        lambdas.iter().map(|&lambda| (lambda, Run::new(start.clone(), options))).collect()
    };
    let mut runs: Vec<_> = posed.iter().map(begun).collect();
    let objectives: Vec<_> = posed.iter().map(|(objective, _)| objective).collect();
    objective::minimise(&objectives, &mut runs, interrupt)?;
    let of_problem = |(runs, objective): (Vec<(f64, Run)>, &Objective)| {
        let ended = runs.iter().map(|(lambda, run)| {
            let (weights, bias) = objective.classifier(run.point())?;
            Ok(Fit {
                lambda: *lambda,
                weights,
                bias,
                loss: run.value(),
                iterations: run.iterations(),
                converged: run.status() == Status::Converged,
            })
        });
        ended.collect()
    };
    runs.into_iter().zip(objectives).map(of_problem).collect()
}

/// The logits of `fit` for features x [N, D] of any float dtype: double [N, C].
///
/// # Errors
/// Data: x has another number of features.
pub fn logits(fit: &Fit, x: &Tensor) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let features = fit.weights.size()[0];
    if x.dim() != 2 || x.size()[1] != features {
        return Err(Error::data(format!(
            "logistic: expected features [N, {features}], found {:?}",
            x.size()
        )));
    }
    Ok(x.f_to_kind(Kind::Double)?.f_matmul(&fit.weights)?.f_add(&fit.bias)?)
}

/// Fails where someone asked to stop.
fn go_on(interrupt: &Interrupt) -> Result<()> {
    match interrupt.is_requested() {
        true => Err(Error::interrupted("interrupted").hint("run it again")),
        false => Ok(()),
    }
}

fn check(problem: &Problem<'_>, lambdas: &[f64]) -> Result<()> {
    let Problem { x, y, classes } = *problem;
    if lambdas.is_empty() {
        return Err(Error::usage("logistic: expected at least one lambda, found none"));
    }
    if let Some(lambda) = lambdas.iter().find(|lambda| !(lambda.is_finite() && **lambda >= 0.0)) {
        return Err(Error::usage(format!("logistic: lambda must be >= 0, found {lambda}")));
    }
    let (shape, labels) = (x.size(), y.size());
    if shape.len() != 2 || shape.contains(&0) || labels != shape[..1] || !x.is_floating_point() {
        return Err(Error::data(format!(
            "logistic: expected float features [N, D] and labels [N], found {:?} {shape:?} and {labels:?}",
            x.f_kind()?
        )));
    }
    if y.f_kind()? != Kind::Int64 {
        return Err(Error::data(format!(
            "logistic: expected int64 labels, found {:?}",
            y.f_kind()?
        )));
    }
    if !truth(&x.f_isfinite()?.f_all()?)? {
        return Err(Error::data("logistic: the features are not all finite"));
    }
    let (least, most) = (number(&y.f_min()?)?, number(&y.f_max()?)?);
    if least < 0.0 || most >= classes as f64 {
        return Err(Error::data(format!(
            "logistic: expected labels from 0 to {}, found {least} to {most}",
            classes - 1
        )));
    }
    if least == most {
        return Err(Error::data(format!(
            "logistic: expected at least two classes among the labels, found only {least}"
        ))
        .hint("take more samples, or a split that keeps the proportions of the classes"));
    }
    Ok(())
}

fn number(scalar: &Tensor) -> Result<f64> {
    Ok(f64::try_from(scalar)?)
}

fn truth(scalar: &Tensor) -> Result<bool> {
    Ok(bool::try_from(scalar)?)
}
