//! The sign-flip permutation test of a mean difference.

use super::interval::mean;
use super::statistic::{Finding, PAIRED, Statistic, differences, unreachable};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec, Value};
use crate::seed::Stream;

/// The most pairs whose sign patterns are all tried.
const ALL: usize = 20;

/// Two sums that differ by rounding only count as equal.
const ROUNDING: f64 = 1e-12;

/// The share of all 2^n sign patterns whose sum is at least as far from zero.
fn exact(differences: &[f64]) -> f64 {
    let sum: f64 = differences.iter().sum();
    let size: f64 = differences.iter().map(|difference| difference.abs()).sum();
    let least = sum.abs() - ROUNDING * size;
    let patterns = 1u64 << differences.len();
    let mut signs = differences.to_vec();
    let mut total = sum;
    let mut far = 0u64;
    for pattern in 1..=patterns {
        far += u64::from(total.abs() >= least);
        // A Gray code: each pattern differs from the one before in one sign.
        let flip = pattern.trailing_zeros() as usize;
        if let Some(value) = signs.get_mut(flip) {
            total -= 2.0 * *value;
            *value = -*value;
        }
    }
    far as f64 / patterns as f64
}

/// The same share of random patterns; the observed one counts, so that p is never zero (Phipson and
/// Smyth 2010).
fn sampled(differences: &[f64], resamples: usize, stream: Stream) -> f64 {
    let sum: f64 = differences.iter().sum();
    let size: f64 = differences.iter().map(|difference| difference.abs()).sum();
    let least = sum.abs() - ROUNDING * size;
    let mut draw = stream.generator();
    let mut far = 1usize;
    for _ in 0..resamples {
        let total: f64 =
            differences.iter().map(|value| if draw.below(2) == 0 { *value } else { -value }).sum();
        far += usize::from(total.abs() >= least);
    }
    far as f64 / (resamples + 1) as f64
}

fn build(args: &Args) -> Result<Value> {
    let differences = differences(args)?;
    let pairs = differences.len();
    // A difference of zero stays zero under either sign.
    let signed = differences.iter().filter(|difference| **difference != 0.0).count();
    let resamples = args.int("resamples")? as usize;
    let (p, smallest) = match pairs <= ALL {
        true => (exact(&differences), (2.0 / 2f64.powi(signed as i32)).min(1.0)),
        false => {
            let stream = Stream::new(args.int("seed")?, "sign flips");
            (sampled(&differences, resamples, stream), 1.0 / (resamples + 1) as f64)
        }
    };
    Ok(Finding::new()
        .number("mean", mean(&differences))
        .count("n", pairs)
        .number("p", p)
        .number("smallest_p", smallest)
        .truth("exact", pairs <= ALL)
        .text("note", unreachable(pairs, smallest))
        .into())
}

/// `stats::sign_flip`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "sign_flip",
        home: Home::Namespace("stats"),
        doc: "The permutation test of a mean difference: its sign may be flipped in every pair.\n\n\
            It assumes that differences are symmetric about zero if there is no effect, and no \
            normal errors. Gives #{mean, n, p, smallest_p, exact, note}: the two-sided \
            p-value and the smallest that so many pairs can reach, whether all patterns of signs \
            were tried (up to 20 pairs, else `resamples` random ones), and a note where p < 0.05 \
            cannot be reached.",
        inputs: &PAIRED,
        params: &[
            Param::int("resamples", 99_999, 99, "Random patterns, beyond 20 pairs.").up_to(1e7),
            Param::seed(),
        ],
        returns: "map",
        example: Example {
            code: "let t = stats::sign_flip([0.82, 0.84, 0.85], [0.80, 0.81, 0.84]);\n\
                   [t.p, t.smallest_p, t.note]",
            shows: "[0.25, 0.25, \"p < 0.05 is unreachable with 3 pairs (smallest possible 0.25)\"]",
        },
        cite: "Fisher 1935, The Design of Experiments",
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
    fn exact_p_values_agree_with_scipys_permutation_test() {
        for case in Fixture::read().paired {
            let found = call(&ENTRY, &[&case.values], &[]).unwrap();
            assert_near(number(&found, "p"), case.flip_p, 1e-12, "p");
        }
    }

    #[test]
    fn pairs_without_a_difference_cannot_lower_p() {
        let found = call(&ENTRY, &[&[0.0, 1.0, 2.0]], &[]).unwrap();
        assert_eq!((number(&found, "p"), number(&found, "smallest_p")), (0.5, 0.5));
    }

    #[test]
    fn sampling_comes_near_the_exact_share() {
        let values: Vec<f64> =
            (0..14).map(|i| [0.9, -0.3, 0.4, 0.2, -0.1, 0.6, 0.1][i % 7]).collect();
        let (exact, sampled) = (exact(&values), sampled(&values, 20_000, Stream::new(0, "test")));
        assert!((exact - sampled).abs() < 4.0 * (exact / 20_000.0).sqrt(), "{exact} {sampled}");
    }

    #[test]
    fn many_pairs_are_sampled_and_p_is_never_zero() {
        let values = [1.0; 30];
        let options = [("resamples", Value::from(999i64))];
        let found = call(&ENTRY, &[&values], &options).unwrap();
        assert_near(number(&found, "p"), 0.001, 1e-12, "p");
        assert!(matches!(found["exact"], Value::Bool(false)));
    }
}
