//! Transfer without a solver: the nearest neighbours of frozen features vote.

use super::factors::Factors;
use super::features::{Extraction, labels};
use super::{Build, Method, Transferred};
use crate::context::Context;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use crate::metric::{Answers, Correctness};
use crate::model::{Model, Precision};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use std::collections::BTreeMap;
use std::rc::Rc;
use tch::{Kind as Type, Tensor};

struct Knn {
    /// The numbers of neighbours to choose from, ascending.
    counts: Vec<i64>,
    /// Votes weigh exp(similarity / temperature); alike where there is none.
    temperature: Option<f64>,
    factors: Factors,
    precision: Precision,
}

/// Query images whose similarities are held at once.
const AT_ONCE: i64 = 256;

impl Method for Knn {
    fn apply(
        &self,
        context: &Context,
        model: &Model,
        target: &Dataset,
        _: i64,
        _: &Rc<Lineage>,
    ) -> Result<Transferred> {
        let _guard = tch::no_grad_guard();
        let extraction = Extraction::new(context, model, target, self.factors, self.precision);
        let classes = target.classes();
        let (x, y) = (unit(&extraction.of(&target.train, None)?)?, labels(&target.train)?);
        let (x_val, y_val) = (unit(&extraction.of(&target.val, None)?)?, labels(&target.val)?);
        let (x_test, y_test) = (unit(&extraction.of(&target.test, None)?)?, labels(&target.test)?);
        let most = self.counts.last().copied().unwrap_or(1);
        if most > y.numel() as i64 {
            return Err(Error::usage(format!(
                "knn: expected k of at most {} training images, found {most}",
                y.numel()
            ))
            .at_key("k"));
        }
        let count = match self.counts.as_slice() {
            &[only] => only,
            several => {
                let votes = self.votes((&x, &y), &x_val, several, classes)?;
                let (mut best, mut highest) = (several[0], -1.0);
                for (count, votes) in several.iter().zip(votes) {
                    let mut correct = Correctness::default();
                    correct.extend(&votes, &y_val)?;
                    if correct.accuracy() > highest {
                        (best, highest) = (*count, correct.accuracy());
                    }
                }
                best
            }
        };
        let (x, y) = match target.refits_on_val() {
            true => (Tensor::f_cat(&[&x, &x_val], 0)?, Tensor::f_cat(&[&y, &y_val], 0)?),
            false => (x, y),
        };
        let votes = self.votes((&x, &y), &x_test, &[count], classes)?;
        let mut answers = Answers::new(target.test.metric());
        for votes in votes {
            // A softmax of these gives the shares of the votes; a class without any has one of 1e-12.
            let shares =
                votes.f_div(&votes.f_sum_dim_intlist([1i64].as_slice(), true, Type::Double)?)?;
            answers.extend(&shares.f_clamp_min(1e-12)?.f_log()?, &y_test)?;
        }
        let edge = [self.counts.first(), self.counts.last()].contains(&Some(&count));
        let mut notes = Vec::new();
        if edge && self.counts.len() > 1 {
            notes.push("k lies at the edge of its list".to_owned());
        }
        Ok(Transferred {
            answers,
            selected: BTreeMap::from([("k".to_owned(), count as f64)]),
            notes,
        })
    }
}

impl Knn {
    /// For each of `counts` the votes `[Q, C]` of so many nearest of `x` for each of `queries`; all
    /// features have length 1. Of classes with as many votes the first wins.
    fn votes(
        &self,
        (x, y): (&Tensor, &Tensor),
        queries: &Tensor,
        counts: &[i64],
        classes: i64,
    ) -> Result<Vec<Tensor>> {
        let most = counts.iter().copied().max().unwrap_or(1);
        let mut all: Vec<Vec<Tensor>> = counts.iter().map(|_| Vec::new()).collect();
        for queries in queries.f_split(AT_ONCE, 0)? {
            let similar = queries.f_mm(&x.f_tr()?)?;
            let (similar, nearest) = similar.f_topk(most, 1, true, true)?;
            let voters = y.f_index_select(0, &nearest.f_view([-1])?)?.f_view_as(&nearest)?;
            let weights = match self.temperature {
                Some(temperature) => similar.f_div_scalar(temperature)?.f_exp()?,
                None => similar.f_ones_like()?,
            };
            for (count, votes) in counts.iter().zip(&mut all) {
                let (voters, weights) =
                    (voters.f_narrow(1, 0, *count)?, weights.f_narrow(1, 0, *count)?);
                let none =
                    Tensor::f_zeros([voters.size()[0], classes], (Type::Double, x.device()))?;
                votes.push(none.f_scatter_add(1, &voters, &weights)?);
            }
        }
        all.iter().map(|votes| Ok(Tensor::f_cat(votes, 0)?)).collect()
    }
}

/// Features of length 1, double.
fn unit(x: &Tensor) -> Result<Tensor> {
    let x = x.f_to_kind(Type::Double)?;
    let lengths = x.f_norm_scalaropt_dim(2.0, [1], true)?;
    Ok(x.f_div(&lengths.f_clamp_min(1e-12)?)?)
}

fn build(args: &Args) -> Result<Rc<dyn Method>> {
    let given = args.floats("k")?;
    if given.is_empty() || given.iter().any(|k| k.fract() != 0.0) {
        let found = args.value("k")?.found();
        return Err(
            Error::usage(format!("knn: k expected whole numbers, found {found}")).at_key("k")
        );
    }
    let mut counts: Vec<i64> = given.into_iter().map(|k| k as i64).collect();
    counts.sort_unstable();
    counts.dedup();
    let temperature = match args.text("weights")? {
        "uniform" => None,
        _ => Some(args.float("temperature")?),
    };
    if temperature.is_none() && !args.is_defaulted("temperature") {
        return Err(Error::usage("knn: temperature belongs to weights \"softmax\"")
            .at_key("temperature")
            .hint("weights: \"softmax\", or leave temperature out"));
    }
    let (factors, precision) = (Factors::uncropped(args)?, Precision::of(args)?);
    Ok(Rc::new(Knn { counts, temperature, factors, precision }))
}

/// `transfer::knn`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "knn",
        home: Home::Namespace("transfer"),
        doc: "The k nearest neighbours of an image in the features of the frozen network vote.\n\n\
              Near is what has a large cosine. Neighbours are the images of target.train and \
              target.val (of few-shot data target.train alone) as everything but training sees them. Of several numbers k that which \
              does best on target.val, with neighbours of target.train, is taken, the smallest of \
              equals. Nothing is fitted, so that no solver and no penalty can favour a network. \
              With batch_norm \"adapt\" the network first gets the running statistics of \
              target.train.",
        inputs: &[],
        params: &{
            let [batch_norm, _, normaliser] = Factors::EVAL;
            [
                Param {
                    name: "k",
                    kind: Kind::Floats { min: 1.0, max: 100_000.0 },
                    default: Default::Float(20.0),
                    doc: "Neighbours that vote: a number, or a list to choose from on target.val.",
                    label: false,
                },
                Param::choice(
                    "weights",
                    &["softmax", "uniform"],
                    "Whether a vote weighs exp(cosine / temperature), or as much as any other.",
                ),
                Param::float("temperature", 0.07, 1e-3, "That of weights \"softmax\"."),
                Param::choice("metric", &["cosine"], "What near means."),
                batch_norm,
                normaliser,
                Precision::PARAM,
            ]
        },
        returns: "protocol",
        example: Example { code: "transfer::knn(#{ k: [5, 20] }).name", shows: "knn" },
        cite: "Wu et al. 2018, arXiv 1805.01978; Caron et al. 2021, arXiv 2104.14294",
        version: 2,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::super::factors::Behind;
    use super::*;
    use crate::model::Statistics;

    #[derive(serde::Deserialize)]
    struct Fixture {
        x: Vec<Vec<f64>>,
        y: Vec<i64>,
        queries: Vec<Vec<f64>>,
        fits: Vec<Expected>,
    }

    #[derive(serde::Deserialize)]
    struct Expected {
        k: i64,
        temperature: Option<f64>,
        predictions: Vec<i64>,
        probabilities: Vec<Vec<f64>>,
    }

    #[test]
    fn votes_equal_scikit_learns() {
        let text = include_str!("../../tests/parity/knn.json");
        let fixture: Fixture = serde_json::from_str(text).unwrap();
        let x = unit(&Tensor::from_slice2(&fixture.x)).unwrap();
        let queries = unit(&Tensor::from_slice2(&fixture.queries)).unwrap();
        let y = Tensor::from_slice(&fixture.y);
        for Expected { k, temperature, predictions, probabilities } in fixture.fits {
            let factors = Factors {
                statistics: Statistics::Running,
                random_crops: false,
                normaliser: Behind::Source,
            };
            let precision = Precision::F32;
            let knn = Knn { counts: vec![k], temperature, factors, precision };
            let votes = knn.votes((&x, &y), &queries, &[k], 4).unwrap().remove(0);
            let found = Vec::<i64>::try_from(votes.argmax(1, false)).unwrap();
            assert_eq!(found, predictions, "k {k}");
            let shares = &votes / votes.sum_dim_intlist([1].as_slice(), true, None);
            let off = (shares - Tensor::from_slice2(&probabilities)).abs().max().double_value(&[]);
            assert!(off < 1e-9, "k {k}: {off}");
        }
    }
}
