//! Transfer from a few images of each class, over many draws of which they are.

use super::factors::Factors;
use super::features::{Extraction, labels};
use super::fixed_feature::{Scale, most_accurate};
use super::logistic::{self, Options, Problem};
use super::{Build, Method, Transferred};
use crate::context::Context;
use crate::dataset::{Dataset, few_of};
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::metric::Answers;
use crate::model::{Model, Precision};
use crate::registry::{Args, Entry, Example, Home, Param, Spec};
use std::collections::BTreeMap;
use std::rc::Rc;
use tch::Tensor;

/// Draws that are fitted as one batch.
const AT_ONCE: usize = 32;

struct FewShot {
    per_class: i64,
    draws: i64,
    factors: Factors,
    precision: Precision,
}

impl Method for FewShot {
    fn apply(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        seed: i64,
        _: &Rc<Lineage>,
    ) -> Result<Transferred> {
        let _guard = tch::no_grad_guard();
        let extraction = Extraction::new(context, model, target, self.factors, self.precision);
        let (x, y) = (extraction.of(&target.train, None)?, labels(&target.train)?);
        let (x_val, y_val) = (extraction.of(&target.val, None)?, labels(&target.val)?);
        let (x_test, y_test) = (extraction.of(&target.test, None)?, labels(&target.test)?);
        let classes = target.classes();
        let lambdas = logistic::grid(self.per_class.saturating_mul(classes) as usize);
        let mut answers = Answers::new(target.test.metric());
        let (mut at_edge, mut stopped, mut magnitude) = (false, false, 0.0);
        for numbers in (0..self.draws).collect::<Vec<_>>().chunks(AT_ONCE) {
            let mut draws = Vec::new();
            for number in numbers {
                let places = few_of(&target.train, self.per_class, self.seed(seed, *number)?)?;
                let places: Vec<_> = places.into_iter().map(|place| place as i64).collect();
                let places = Tensor::f_from_slice(&places)?;
                let (x, y) = (x.f_index_select(0, &places)?, y.f_index_select(0, &places)?);
                let scale = Scale::of(&x)?;
                draws.push((scale.apply(&x)?, y, scale));
            }
            let problems: Vec<_> =
                draws.iter().map(|(x, y, _)| Problem { x, y, classes }).collect();
            let all =
                logistic::fit_all(&problems, &lambdas, Options::default(), &context.interrupt)
                    .map_err(|error| error.within("few_shot"))?;
            for (fits, (_, _, scale)) in all.iter().zip(&draws) {
                let best = most_accurate(fits, (&scale.apply(&x_val)?, &y_val))?;
                let fit = fits.get(best).ok_or_else(|| Error::internal("few_shot: no fit"))?;
                answers.extend(&logistic::logits(fit, &scale.apply(&x_test)?)?, &y_test)?;
                at_edge |= best == 0 || best + 1 == lambdas.len();
                stopped |= !fit.converged;
                magnitude += fit.lambda.ln();
            }
        }
        let mut notes = vec![format!(
            "over {} draws of {} images a class; a test image counts once for each draw",
            self.draws, self.per_class
        )];
        if at_edge {
            notes.push("lambda lies at the edge of its grid in some draws".to_owned());
        }
        if stopped {
            notes.push("the solver stopped before its gradient vanished in some draws".to_owned());
        }
        let lambda = (magnitude / self.draws as f64).exp();
        Ok(Transferred {
            answers,
            selected: BTreeMap::from([("lambda".to_owned(), lambda)]),
            notes,
        })
    }
}

impl FewShot {
    /// The seed of a draw: transfers with as many draws and other seeds share none.
    fn seed(&self, seed: i64, number: i64) -> Result<i64> {
        let first = seed.checked_mul(self.draws);
        first.and_then(|first| first.checked_add(number)).ok_or_else(|| {
            let most = i64::MAX / self.draws;
            Error::usage(format!("few_shot: expected a seed of at most {most}, found {seed}"))
                .at_key("seed")
                .hint("draw k of d takes seed * d + k")
        })
    }
}

fn build(args: &Args) -> Result<Rc<dyn Method>> {
    Ok(Rc::new(FewShot {
        per_class: args.int("per_class")?,
        draws: args.int("draws")?,
        factors: Factors::uncropped(args)?,
        precision: Precision::of(args)?,
    }))
}

/// `transfer::few_shot`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "few_shot",
        home: Home::Namespace("transfer"),
        doc: "The head of `fixed_feature` from a few images of each class, for several draws of them.\
              \n\nWhich few images a class has moves its accuracy by points; the mean over draws moves \
              less. Draw k is what `data.few_shot(#{ per_class: n, seed: seed * draws + k })` gives to \
              `fixed_feature`: z-scored on the few, lambda chosen on target.val, nothing learnt from \
              the latter. Answers are those of all draws, one after another, so that accuracy is their \
              mean and every test image counts once for each draw: intervals over images would take \
              these for so many images. Features are computed once, heads of all draws and lambdas are \
              fitted together. `lambda` is the geometric mean of those chosen. With batch_norm \"adapt\" \
              the network first gets the running statistics of target.train, all of it.",
        inputs: &[],
        params: &{
            let [batch_norm, _, normaliser] = Factors::EVAL;
            [
                Param::int("per_class", 5, 1, "Training images of each class in a draw."),
                Param::int("draws", 10, 1, "How often they are drawn anew.").up_to(1000.0),
                batch_norm,
                normaliser,
                Precision::PARAM,
            ]
        },
        returns: "protocol",
        example: Example {
            code: "let m = model::resnet8(#{ width: 4, size: 8 });\n\
                   let few = transfer::few_shot(#{ per_class: 5, draws: 4 });\n\
                   let t = m.transfer(dataset::digits(), #{ protocol: few });\n\
                   [t.correct.n, dataset::digits().test.len]",
            shows: "[2396, 599]",
        },
        cite: "Chen et al. 2019, arXiv 1904.04232",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use crate::dataset::laws::{built_named, context};
    use crate::dataset::{Dataset, FEW_SHOT, few_shot};
    use crate::model::Model;
    use crate::model::tests::spec;
    use crate::registry::{Args, Value};
    use crate::transfer::{PROTOCOLS, Protocol, TRANSFER, Transferred, transfer};
    use std::rc::Rc;

    fn named(options: &[(&str, Value)]) -> Vec<(String, Value)> {
        options.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    #[test]
    fn draws_answer_as_fixed_feature_does_on_each_of_them() {
        let (context, _folder) = context(None);
        let options = [("width", 4), ("size", 8), ("channels", 1)];
        let model =
            Model::new(spec("resnet8", &options.map(|(key, value)| (key, Value::Int(value)))));
        let data = built_named("digits", &[("test_limit", Value::Int(50))]).unwrap();
        let run = |protocol: &str, options: &[(&str, Value)], data: &Dataset| -> Transferred {
            let entry = PROTOCOLS.iter().find(|entry| entry.spec.name == protocol).unwrap();
            let args = Args::resolve(&entry.spec, Vec::new(), named(options)).unwrap();
            let protocol = Value::Handle(Rc::new(Protocol::build(entry, &args).unwrap()));
            let options = named(&[("protocol", protocol), ("seed", Value::Int(7))]);
            let data = vec![Value::Handle(Rc::new(data.clone()))];
            let args = Args::resolve(&TRANSFER, data, options).unwrap();
            transfer(&context, &model, &args).unwrap().value
        };
        let options = [("per_class", Value::Int(3)), ("draws", Value::Int(4))];
        let all = run("few_shot", &options, &data);
        let mut expected = Vec::new();
        let mut magnitude = 0.0;
        for seed in 28..32 {
            let options = named(&[("per_class", Value::Int(3)), ("seed", Value::Int(seed))]);
            let args = Args::resolve(&FEW_SHOT, Vec::new(), options).unwrap();
            let one = run("fixed_feature", &[], &few_shot(&data, &args).unwrap());
            expected.extend_from_slice(one.answers.correct().as_slice());
            magnitude += one.selected["lambda"].ln();
        }
        // Two solves within a tolerance may part at a tie of lambdas or of classes.
        let found = all.answers.correct();
        assert_eq!(found.as_slice().len(), expected.len());
        let parted = found.as_slice().iter().zip(&expected).filter(|(one, other)| one != other);
        assert!(parted.count() <= 2);
        let step = 10f64.ln() / 4.0;
        assert!((all.selected["lambda"].ln() - magnitude / 4.0).abs() <= step / 4.0 + 1e-9);
        let right = expected.iter().filter(|right| **right).count();
        assert!(right > 60 && right < 200, "{right} of 200: nothing is compared");
    }
}
