//! Fixed-feature transfer: a linear classifier on frozen features.

use super::features::features;
use super::logistic::{self, Fit, Options, Problem};
use super::{Build, Method, Transferred};
use crate::context::Context;
use crate::dataset::{Dataset, Split};
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::metric::{Answers, Correctness};
use crate::model::Model;
use crate::registry::{Args, Entry, Example, Home, Spec};
use std::collections::BTreeMap;
use std::rc::Rc;
use tch::Tensor;

struct FixedFeature;

impl Method for FixedFeature {
    fn apply(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        _: i64,
        _: &Rc<Lineage>,
    ) -> Result<Transferred> {
        let _guard = tch::no_grad_guard();
        let (x, y) = (features(context, model, &target.train)?, labels(&target.train)?);
        let (x_val, y_val) = (features(context, model, &target.val)?, labels(&target.val)?);
        let (x_test, y_test) = (features(context, model, &target.test)?, labels(&target.test)?);
        let scale = Scale::of(&x)?;
        let (x, x_val, x_test) = (scale.apply(&x)?, scale.apply(&x_val)?, scale.apply(&x_test)?);
        let best = select(&x, &y, &x_val, &y_val, target.classes())?;

        let all_x = Tensor::f_cat(&[&x, &x_val], 0)?;
        let all_y = Tensor::f_cat(&[&y, &y_val], 0)?;
        let lambdas = logistic::grid(all_y.numel());
        let lambda = lambdas[best];
        let refit = fit(&all_x, &all_y, target.classes(), &[lambda])?;
        let refit = refit.first().ok_or_else(|| Error::internal("fixed_feature: no refit"))?;
        let mut answers = Answers::new(target.test.metric());
        answers.extend(&logistic::logits(refit, &x_test)?, &y_test)?;
        let mut notes = Vec::new();
        if best == 0 || best + 1 == lambdas.len() {
            notes.push(format!("lambda {lambda:.3e} lies at the edge of its grid"));
        }
        if !refit.converged {
            notes.push(format!("the solver stopped after {} iterations", refit.iterations));
        }
        let selected = BTreeMap::from([("lambda".to_owned(), lambda)]);
        Ok(Transferred { answers, selected, notes })
    }
}

/// The index of the lambda with the best validation accuracy; of equals the one that penalises
/// most.
fn select(x: &Tensor, y: &Tensor, x_val: &Tensor, y_val: &Tensor, classes: i64) -> Result<usize> {
    let (mut best, mut highest) = (0, -1.0);
    for (index, fit) in fit(x, y, classes, &logistic::grid(y.numel()))?.iter().enumerate() {
        let mut correct = Correctness::default();
        correct.extend(&logistic::logits(fit, x_val)?, y_val)?;
        if correct.accuracy() >= highest {
            (best, highest) = (index, correct.accuracy());
        }
    }
    Ok(best)
}

fn fit(x: &Tensor, y: &Tensor, classes: i64, lambdas: &[f64]) -> Result<Vec<Fit>> {
    logistic::fit(Problem { x, y, classes }, lambdas, Options::default())
        .map_err(|error| error.within("fixed_feature"))
}

fn labels(split: &Split) -> Result<Tensor> {
    Ok(Tensor::f_from_slice(&split.labels()?)?)
}

/// Mean and standard deviation of each feature over the target's training images.
struct Scale {
    mean: Tensor,
    deviation: Tensor,
}

impl Scale {
    fn of(x: &Tensor) -> Result<Self> {
        let mean = x.f_mean_dim(Some([0i64].as_slice()), true, tch::Kind::Float)?;
        let deviation = x.f_std_dim(Some([0i64].as_slice()), false, true)?.f_clamp_min(1e-6)?;
        Ok(Self { mean, deviation })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_sub(&self.mean)?.f_div(&self.deviation)?)
    }
}

fn build(_: &Args) -> Result<Rc<dyn Method>> {
    Ok(Rc::new(FixedFeature))
}

/// `transfer::fixed_feature`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "fixed_feature",
        home: Home::Namespace("transfer"),
        doc: "Multinomial logistic regression on the features of the frozen network. The network \
              is in eval mode with its batch norms folded; its features are z-scored on \
              target.train. The L2 penalty lambda is chosen on target.val from 45 values \
              (log-spaced from 1e-6 to 1e5 of the summed loss); the head is then refitted on train \
              and val together and measured once on target.test.",
        inputs: &[],
        params: &[],
        returns: "protocol",
        example: Example { code: "transfer::fixed_feature().name", shows: "fixed_feature" },
        cite: "Kornblith et al. 2019, arXiv 1805.08974, appendix A.1",
        version: 1,
    },
    build,
};
