//! Wilcoxon's signed-rank test.

use super::rank::midranks;
use super::sign_test::binomial_p;
use super::statistic::{Finding, PAIRED, Statistic, differences, unreachable};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Spec, Value};

/// The most pairs of the exact distribution: its table grows with their cube.
const MOST: usize = 300;

/// The sum of the ranks of positive differences, and the two-sided p-value of it over all patterns
/// of signs; zeros are left out.
fn signed_ranks(differences: &[f64]) -> (f64, f64) {
    let moved: Vec<f64> = differences.iter().copied().filter(|value| *value != 0.0).collect();
    let sizes: Vec<f64> = moved.iter().map(|value| value.abs()).collect();
    // Doubled, ranks of ties are whole numbers too.
    let ranks: Vec<usize> = midranks(&sizes).iter().map(|rank| (2.0 * rank) as usize).collect();
    let total: usize = ranks.iter().sum();
    let above: usize =
        ranks.iter().zip(&moved).filter(|(_, value)| **value > 0.0).map(|(rank, _)| rank).sum();
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
    let differences = differences(args)?;
    let pairs = differences.iter().filter(|value| **value != 0.0).count();
    if pairs > MOST {
        return Err(Error::usage(format!(
            "wilcoxon: expected at most {MOST} pairs, found {pairs}"
        ))
        .at_key("values")
        .hint("stats::sign_flip takes any number"));
    }
    let (above, p) = signed_ranks(&differences);
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
            reach, and a note where that is not below 0.05.",
        inputs: &PAIRED,
        params: &[],
        returns: "map",
        example: Example {
            code: "let t = stats::wilcoxon([2.0, 1.5, 3.0, -1.0, 0.5, 4.0, 2.5]);\n\
                   [t.rank_sum, t.n, t.p]",
            shows: "[26.0, 7, 0.046875]",
        },
        cite: "Wilcoxon 1945, Individual comparisons by ranking methods",
        version: 1,
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
