//! How many times one mean is another.

use super::interval::{Interval, around, mean};
use super::statistic::{Finding, LEVEL, NUMBERS, Statistic, same_length, too_few};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec, Value};

/// What is known of two estimates: each with the square of its half-width, and the covariance in the
/// same unit.
pub(super) struct Pair {
    /// The estimate above the line, and its half-width squared.
    pub(super) numerator: (f64, f64),
    /// The estimate below the line, and its half-width squared.
    pub(super) denominator: (f64, f64),
    /// Their covariance, times what makes squared half-widths of variances.
    pub(super) both: f64,
}

/// Fieller's interval of a ratio; none where the denominator is not told from zero.
pub(super) fn fieller(pair: &Pair) -> Option<Interval> {
    let ((above, above_square), (below, below_square)) = (pair.numerator, pair.denominator);
    let square = below * below - below_square;
    if square <= 0.0 {
        return None;
    }
    let middle = above * below - pair.both;
    let root = (middle * middle - square * (above * above - above_square)).max(0.0).sqrt();
    Some(Interval { low: (middle - root) / square, high: (middle + root) / square })
}

fn build(args: &Args) -> Result<Value> {
    let (above, below) = (args.floats("numerators")?, args.floats("denominators")?);
    same_length(args, ("numerators", &above), ("denominators", &below))?;
    let (Some(top), Some(bottom)) = (mean(&above), mean(&below)) else {
        return Err(too_few(args, "numerators", 1, 0));
    };
    let n = above.len();
    let products = |a: (&[f64], f64), b: (&[f64], f64)| {
        a.0.iter().zip(b.0).map(|(x, y)| (x - a.1) * (y - b.1)).sum::<f64>()
    };
    let (a, b) = ((&above[..], top), (&below[..], bottom));
    let interval = around(0.0, 1.0, n - 1, args.float("level")?).and_then(|unit| {
        let scale = unit.high * unit.high / (n * (n - 1)) as f64;
        fieller(&Pair {
            numerator: (top, scale * products(a, a)),
            denominator: (bottom, scale * products(b, b)),
            both: scale * products(a, b),
        })
    });
    Ok(Finding::new()
        .number("ratio", top / bottom)
        .number("low", interval.map(|interval| interval.low))
        .number("high", interval.map(|interval| interval.high))
        .count("n", n)
        .into())
}

/// `stats::ratio`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "ratio",
        home: Home::Namespace("stats"),
        doc: "The ratio of two means of paired values and a confidence interval of it.\n\n\
            Gives #{ratio, low, high, n}. The interval is Fieller's with n - 1 degrees of freedom: \
            the ratios r for which numerator - r denominator is not told from zero. Where the \
            denominator itself is not, and of one pair, there is none.",
        inputs: &[
            Param::input("numerators", NUMBERS, "One value per replicate."),
            Param::input("denominators", NUMBERS, "The other value of each replicate."),
        ],
        params: &[LEVEL],
        returns: "map",
        example: Example {
            code: "let r = stats::ratio([10, 11, 12], [20, 22, 24]);\n\
                   [r.ratio, r.n, stats::ratio([1, 2], [1, -1]).low]",
            shows: "[0.5, 3, ()]",
        },
        cite: "Fieller 1954, Some problems in interval estimation",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::assert_near;
    use crate::stats::interval::t_interval;
    use crate::stats::statistic::tests::{call, number};

    const ABOVE: [f64; 4] = [1.0, 2.5, 1.5, 3.0];
    const BELOW: [f64; 4] = [2.0, 2.2, 1.8, 2.4];

    #[test]
    fn at_the_ends_the_t_test_is_at_its_level() {
        for level in [0.8, 0.95] {
            let options = [("level", Value::from(level))];
            let found = call(&ENTRY, &[&ABOVE, &BELOW], &options).unwrap();
            for name in ["low", "high"] {
                let ratio = number(&found, name);
                let rest: Vec<f64> = ABOVE.iter().zip(BELOW).map(|(a, b)| a - ratio * b).collect();
                let interval = t_interval(&rest, level).unwrap();
                assert_near(interval.low.abs().min(interval.high.abs()), 0.0, 1e-9, name);
            }
        }
        let found = call(&ENTRY, &[&ABOVE, &BELOW], &[]).unwrap();
        assert_near(number(&found, "ratio"), 2.0 / 2.1, 1e-12, "ratio");
        assert!(number(&found, "low") < 2.0 / 2.1 && number(&found, "high") > 2.0 / 2.1);
    }

    #[test]
    fn a_known_denominator_divides_the_interval() {
        let found = call(&ENTRY, &[&ABOVE, &[4.0; 4]], &[]).unwrap();
        let expected = t_interval(&ABOVE, 0.95).unwrap();
        assert_near(number(&found, "low"), expected.low / 4.0, 1e-12, "low");
        assert_near(number(&found, "high"), expected.high / 4.0, 1e-12, "high");
    }

    #[test]
    fn there_is_none_where_the_denominator_may_be_zero_or_one_pair_is_all() {
        for values in [[&[1.0, 2.0][..], &[1.0, -1.0]], [&[1.0], &[2.0]]] {
            let found = call(&ENTRY, &values, &[]).unwrap();
            assert!(["low", "high"].iter().all(|end| matches!(found[*end], Value::Unit)));
        }
        let error = call(&ENTRY, &[&[1.0], &[1.0, 2.0]], &[]).unwrap_err();
        assert!(error.to_string().contains("ratio"), "{error}");
    }
}
