//! Parity with scikit-learn and numpy, by the values of `tests/parity/metrics.py`.

use super::{Answers, FeatureDiagnostics};
use crate::dataset::Metric;
use serde::Deserialize;
use tch::Tensor;

const NEAR: f64 = 1e-9;

#[derive(Deserialize)]
struct Fixture {
    answers: Vec<Answered>,
    features: Vec<Described>,
}

#[derive(Deserialize)]
struct Answered {
    name: String,
    logits: Vec<Vec<f64>>,
    y: Vec<i64>,
    accuracy: f64,
    top5: f64,
    mean_per_class: f64,
    weighted: f64,
    nll: f64,
    ece: f64,
    confusion: Vec<Vec<i64>>,
    per_class: Vec<OfClass>,
}

#[derive(Deserialize)]
struct OfClass {
    class: usize,
    accuracy: f64,
}

#[derive(Deserialize)]
struct Described {
    x: Vec<Vec<f64>>,
    y: Vec<i64>,
    class_separation_r2: f64,
    nc1: f64,
    effective_rank: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../tests/parity/metrics.json")).unwrap()
}

fn rows(rows: &[Vec<f64>]) -> Tensor {
    Tensor::from_slice(&rows.concat()).view([rows.len() as i64, -1])
}

#[track_caller]
fn assert_near(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= NEAR, "{what}: expected {expected}, found {found}");
}

#[test]
fn metrics_equal_those_of_scikit_learn() {
    let cases = fixture().answers;
    assert_eq!(cases.len(), 8);
    for case in cases {
        let name = &case.name;
        let mut answers = Answers::new(Metric::MeanPerClass);
        let (logits, y) = (rows(&case.logits), Tensor::from_slice(&case.y));
        for (logits, y) in logits.split(16, 0).iter().zip(y.split(16, 0)) {
            answers.extend(logits, &y).unwrap();
        }
        assert_near(answers.accuracy(), case.accuracy, &format!("{name}: accuracy"));
        assert_near(answers.top5(), case.top5, &format!("{name}: top5"));
        assert_near(answers.mean_per_class(), case.mean_per_class, &format!("{name}: balanced"));
        assert_near(answers.score(), case.weighted, &format!("{name}: weighted"));
        assert_near(answers.nll(), case.nll, &format!("{name}: nll"));
        assert_near(answers.ece(), case.ece, &format!("{name}: ece"));
        assert_eq!(answers.confusion(), case.confusion.concat(), "{name}");
        let mut expected = vec![None; case.confusion.len()];
        for of in case.per_class {
            expected[of.class] = Some(of.accuracy);
        }
        assert_eq!(answers.per_class(), expected, "{name}");
    }
}

#[test]
fn numbers_of_features_equal_those_of_numpy() {
    let cases = fixture().features;
    assert_eq!(cases.len(), 3);
    for (place, case) in cases.into_iter().enumerate() {
        let found = FeatureDiagnostics::of(&rows(&case.x), &case.y).unwrap();
        let near = |found: Option<f64>, expected: f64, what: &str| {
            assert_near(found.unwrap(), expected, &format!("case {place}: {what}"));
        };
        near(found.class_separation_r2, case.class_separation_r2, "class separation");
        near(found.nc1, case.nc1, "NC1");
        near(found.effective_rank, case.effective_rank, "effective rank");
    }
}
