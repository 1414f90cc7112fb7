//! Corrections for many tests, as functions of lists: Holm's, and that of Benjamini and Hochberg.

use super::holm::holm;
use super::statistic::Statistic;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};

/// Adjusts p-values so that among those rejected below alpha the expected share of errors is at
/// most alpha, for tests that are independent or positively dependent (Benjamini and Hochberg
/// 1995). The order of the values is kept.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut ceiling: f64 = 1.0;
    for (place, index) in order.into_iter().enumerate() {
        let rank = (p_values.len() - place) as f64;
        ceiling = ceiling.min(p_values[index] * p_values.len() as f64 / rank);
        adjusted[index] = ceiling;
    }
    adjusted
}

const P_VALUES: [Param; 1] =
    [Param::input("p_values", Kind::Floats { min: 0.0, max: 1.0 }, "One p-value per test.")];

fn adjusted(args: &Args, correct: fn(&[f64]) -> Vec<f64>) -> Result<Value> {
    Ok(Value::Floats(correct(&args.floats("p_values")?)))
}

/// `stats::holm`.
pub const HOLM: Entry<Statistic> = Entry {
    spec: Spec {
        name: "holm",
        home: Home::Namespace("stats"),
        doc: "Holm's correction of p-values for their number, in their order. Rejecting those below \
            alpha errs anywhere with probability at most alpha, whatever their dependence.",
        inputs: &P_VALUES,
        params: &[],
        returns: "list",
        example: Example { code: "stats::holm([0.01, 0.5, 0.02])", shows: "[0.03, 0.5, 0.04]" },
        cite: "Holm 1979, A simple sequentially rejective multiple test procedure",
        version: 1,
    },
    build: |args| adjusted(args, holm),
};

/// `stats::benjamini_hochberg`.
pub const BENJAMINI_HOCHBERG: Entry<Statistic> = Entry {
    spec: Spec {
        name: "benjamini_hochberg",
        home: Home::Namespace("stats"),
        doc: "P-values corrected so that few of the rejected are wrong, in their order. Of those \
            rejected below alpha at most the share alpha is expected to be wrong, for tests that \
            are independent or rise together.",
        inputs: &P_VALUES,
        params: &[],
        returns: "list",
        example: Example {
            code: "stats::benjamini_hochberg([0.01, 0.5, 0.02])",
            shows: "[0.03, 0.5, 0.03]",
        },
        cite: "Benjamini and Hochberg 1995, Controlling the false discovery rate",
        version: 1,
    },
    build: |args| adjusted(args, benjamini_hochberg),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::{Fixture, assert_near};

    #[test]
    fn the_false_discovery_rate_agrees_with_statsmodels() {
        for case in Fixture::read().holm {
            for (found, expected) in benjamini_hochberg(&case.p).into_iter().zip(case.fdr) {
                assert_near(found, expected, 1e-12, "adjusted p");
            }
        }
    }

    #[test]
    fn it_lies_between_no_correction_and_holms() {
        let p = [0.03, 0.001, 0.2, 0.012, 0.012];
        for ((raw, fdr), holm) in p.into_iter().zip(benjamini_hochberg(&p)).zip(holm(&p)) {
            assert!(raw <= fdr && fdr <= holm, "{raw} {fdr} {holm}");
        }
        assert!(benjamini_hochberg(&[]).is_empty());
    }
}
