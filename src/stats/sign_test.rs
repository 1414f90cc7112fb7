//! The sign test: how many of the pairs rise.

use super::statistic::{Finding, PAIRED, Statistic, differences, tolerance, unreachable};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec, Value};
use statrs::distribution::{Binomial, DiscreteCDF};

/// Up to so many trials 2^-n is far from the smallest number there is.
const SUMMED: usize = 1000;

/// The two-sided p-value of `successes` among `trials` where each is as likely as not.
pub fn binomial_p(successes: usize, trials: usize) -> f64 {
    let fewer = successes.min(trials.saturating_sub(successes));
    let tail = match trials <= SUMMED {
        // Exact where the sum is: the incomplete beta function is off by some 1e-15.
        true => {
            let mut share = 0.5f64.powi(trials as i32);
            let mut sum = share;
            for k in 0..fewer {
                share *= (trials - k) as f64 / (k + 1) as f64;
                sum += share;
            }
            sum
        }
        false => Binomial::new(0.5, trials as u64).map_or(1.0, |found| found.cdf(fewer as u64)),
    };
    (2.0 * tail).min(1.0)
}

fn build(args: &Args) -> Result<Value> {
    let (differences, zero) = (differences(args)?, tolerance(args)?);
    let above = differences.iter().filter(|difference| **difference > zero).count();
    let below = differences.iter().filter(|difference| **difference < -zero).count();
    let pairs = above + below;
    let smallest = binomial_p(0, pairs);
    Ok(Finding::new()
        .count("above", above)
        .count("below", below)
        .count("n", pairs)
        .number("p", binomial_p(above, pairs))
        .number("smallest_p", smallest)
        .text("note", unreachable(pairs, smallest))
        .into())
}

/// `stats::sign_test`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "sign_test",
        home: Home::Namespace("stats"),
        doc: "The exact two-sided test that differences are as often positive as negative.\n\n\
            Gives #{above, below, n, p, smallest_p, note}: how many differences lie above and below \
            zero and both together (what lies within 1e-9 of the greatest number given from zero \
            is left out), the p-value, the smallest that so many pairs can reach, and a note where \
            that is not below 0.05.",
        inputs: &PAIRED,
        params: &[],
        returns: "map",
        example: Example {
            code: "let t = stats::sign_test([2.0, 1.0, 3.0, -1.0, 0.0, 4.0]);\n[t.above, t.n, t.p]",
            shows: "[4, 5, 0.375]",
        },
        cite: "",
        version: 2,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::{Fixture, assert_near};
    use crate::stats::statistic::tests::{call, number};

    #[test]
    fn p_values_agree_with_scipys_binomial_test() {
        for case in Fixture::read().paired {
            let found = call(&ENTRY, &[&case.values], &[]).unwrap();
            assert_near(number(&found, "p"), case.sign_p, 1e-12, "p");
        }
    }

    #[test]
    fn both_ways_of_summing_agree() {
        let beta = |k: u64, n: u64| 2.0 * Binomial::new(0.5, n).unwrap().cdf(k);
        for (k, n) in [(3, 10), (40, 100), (470, 1000)] {
            assert_near(binomial_p(k as usize, n as usize), beta(k, n), 1e-12, "p");
        }
    }

    #[test]
    fn too_few_pairs_are_said_to_be_too_few() {
        let note = |values: &[f64]| match &call(&ENTRY, &[values], &[]).unwrap()["note"] {
            Value::Text(note) => note.clone(),
            other => panic!("{other:?}"),
        };
        let said = "p < 0.05 is unreachable with 5 pairs (smallest possible 0.0625)";
        assert_eq!(note(&[1.0; 5]), said);
        assert_eq!(note(&[1.0; 6]), "");
    }
}
