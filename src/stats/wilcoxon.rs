//! Wilcoxon's signed-rank test.

use super::rank::midranks_within;
use super::sign_test::binomial_p;
use super::statistic::{Finding, PAIRED, Statistic, differences, tolerance, unreachable};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Spec, Value};

/// The most pairs of the exact distribution: its table grows with their cube.
const MOST: usize = 300;

/// The sum of the ranks of positive differences, and the two-sided p-value of it over all patterns
/// of signs; sizes that are no further apart than `tolerance` tie.
fn signed_ranks(moved: &[f64], tolerance: f64) -> (f64, f64) {
    let sizes: Vec<f64> = moved.iter().map(|value| value.abs()).collect();
    // Doubled, ranks of ties are whole numbers too.
    let ranks: Vec<usize> =
        midranks_within(&sizes, tolerance).iter().map(|rank| (2.0 * rank) as usize).collect();
    let total: usize = ranks.iter().sum();
    let above: usize =
        ranks.iter().zip(moved).filter(|(_, value)| **value > 0.0).map(|(rank, _)| rank).sum();
    let mut shares = vec![0.0; total + 1];
    shares[0] = 1.0;
    for rank in &ranks {
        for sum in (0..=total).rev() {
            let with = if sum >= *rank { shares[sum - rank] } else { 0.0 };
            shares[sum] = (shares[sum] + with) / 2.0;
        }
    }
    let tail: f64 = shares.iter().take(above.min(total - above) + 1).sum();
    (above as f64 / 2.0, (2.0 * tail).min(1.0))
}

fn build(args: &Args) -> Result<Value> {
    let tolerance = tolerance(args)?;
    let mut moved = differences(args)?;
    moved.retain(|value| value.abs() > tolerance);
    let pairs = moved.len();
    if pairs > MOST {
        return Err(Error::usage(format!(
            "wilcoxon: expected at most {MOST} pairs, found {pairs}"
        ))
        .at_key("values")
        .hint("stats::sign_flip takes any number"));
    }
    let (above, p) = signed_ranks(&moved, tolerance);
    let smallest = binomial_p(0, pairs);
    Ok(Finding::new()
        .number("rank_sum", above)
        .count("n", pairs)
        .number("p", p)
        .number("smallest_p", smallest)
        .text("note", unreachable(pairs, smallest))
        .into())
}

/// `stats::wilcoxon`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "wilcoxon",
        home: Home::Namespace("stats"),
        doc: "Wilcoxon's exact signed-rank test that differences are symmetric about zero.\n\n\
            Gives #{rank_sum, n, p, smallest_p, note}: the sum of the ranks of positive \
            differences, the count of those that are not zero, the two-sided p-value over all \
            patterns of signs (ties share their mean rank), the smallest that so many pairs can \
            reach, and a note where that is not below 0.05. Differences tie, and are zero, within \
            1e-9 of the greatest number given: 0.3 - 0.2 and 0.2 - 0.1 are equal here, though not as \
            binary fractions.",
        inputs: &PAIRED,
        params: &[],
        returns: "map",
        example: Example {
            code: "let t = stats::wilcoxon([2.0, 1.5, 3.0, -1.0, 0.5, 4.0, 2.5]);\n\
                   [t.rank_sum, t.n, t.p]",
            shows: "[26.0, 7, 0.046875]",
        },
        cite: "Wilcoxon 1945, Individual comparisons by ranking methods",
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
    fn exact_p_values_agree_with_scipy_with_ties_and_without() {
        for case in Fixture::read().paired {
            let found = call(&ENTRY, &[&case.values], &[]).unwrap();
            assert_near(number(&found, "p"), case.wilcoxon_p, 1e-12, "p");
        }
    }

    #[test]
    fn differences_of_decimals_tie_as_if_they_were_exact() {
        for case in Fixture::read().near_ties {
            let found = call(&ENTRY, &[&case.arm, &case.base], &[]).unwrap();
            assert_eq!(number(&found, "n"), case.n as f64);
            assert_near(number(&found, "p"), case.p, 1e-12, "p");
            let signs = call(&super::super::sign_test::ENTRY, &[&case.arm, &case.base], &[]);
            assert_eq!(number(&signs.unwrap(), "n"), case.n as f64);
        }
    }

    #[test]
    fn the_scale_of_the_numbers_changes_nothing() {
        let (arm, base) = ([79.61, 57.94, 70.6, 64.5], [79.31, 57.64, 70.3, 64.8]);
        let expected = number(&call(&ENTRY, &[&arm, &base], &[]).unwrap(), "p");
        for scale in [1e-6, 0.01, 1e6] {
            let [arm, base] = [arm, base].map(|list| list.map(|value| value * scale));
            assert_eq!(number(&call(&ENTRY, &[&arm, &base], &[]).unwrap(), "p"), expected);
        }
    }

    #[test]
    fn ten_rises_in_ten_pairs_have_the_smallest_p() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let found = call(&ENTRY, &[&values], &[]).unwrap();
        assert_eq!(number(&found, "p"), 2.0 / 1024.0);
        assert_eq!(number(&found, "p"), number(&found, "smallest_p"));
    }

    #[test]
    fn nothing_but_zeros_shows_nothing() {
        let found = call(&ENTRY, &[&[0.0, 0.0]], &[]).unwrap();
        assert_eq!((number(&found, "n"), number(&found, "p")), (0.0, 1.0));
    }
}
