//! Correlation of two lists, by value and by rank.

use super::interval::{Interval, mean, two_sided_p};
use super::rank::midranks;
use super::statistic::{Finding, LEVEL, NUMBERS, Statistic, same_length, too_few};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec, Value};
use statrs::distribution::{ContinuousCDF, Normal};

/// Means, and sums of squares and products about them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) xx: f64,
    pub(super) yy: f64,
    pub(super) xy: f64,
}

impl Moments {
    /// Of pairs; none of no pairs.
    pub(super) fn of(x: &[f64], y: &[f64]) -> Option<Self> {
        let mut all = Self { x: mean(x)?, y: mean(y)?, xx: 0.0, yy: 0.0, xy: 0.0 };
        for (x, y) in x.iter().zip(y) {
            let (dx, dy) = (x - all.x, y - all.y);
            (all.xx, all.yy, all.xy) = (all.xx + dx * dx, all.yy + dy * dy, all.xy + dx * dy);
        }
        Some(all)
    }

    /// The correlation; none where x or y does not vary.
    pub(super) fn r(&self) -> Option<f64> {
        let both = (self.xx * self.yy).sqrt();
        (both > 0.0).then(|| (self.xy / both).clamp(-1.0, 1.0))
    }
}

/// Pearson's correlation; none where a list does not vary.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    Moments::of(x, y)?.r()
}

/// Spearman's correlation, Pearson's of midranks; none where a list does not vary.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&midranks(x), &midranks(y))
}

/// The two-sided p-value of no correlation among `n` pairs, by Student's t.
fn p_value(r: f64, n: usize) -> Option<f64> {
    let df = n.checked_sub(2).filter(|df| *df > 0)?;
    if r.abs() == 1.0 {
        return Some(0.0);
    }
    two_sided_p(r * (df as f64 / (1.0 - r * r)).sqrt(), df)
}

/// The interval by Fisher's transformation; `inflation` is the variance of the transformed
/// correlation times n - 3.
fn fisher(r: f64, n: usize, level: f64, inflation: f64) -> Option<Interval> {
    let rest = n.checked_sub(3).filter(|rest| *rest > 0)? as f64;
    let half = Normal::standard().inverse_cdf((1.0 + level) / 2.0) * (inflation / rest).sqrt();
    let z = r.atanh();
    z.is_finite().then(|| Interval { low: (z - half).tanh(), high: (z + half).tanh() })
}

fn found(args: &Args, of: fn(&[f64], &[f64]) -> Option<f64>, by_rank: bool) -> Result<Value> {
    let (x, y, level) = (args.floats("x")?, args.floats("y")?, args.float("level")?);
    same_length(args, ("x", &x), ("y", &y))?;
    if x.len() < 3 {
        return Err(too_few(args, "x", 3, x.len()));
    }
    let r = of(&x, &y);
    // Bonett and Wright 2000 for ranks.
    let inflation = |r: f64| if by_rank { 1.0 + r * r / 2.0 } else { 1.0 };
    let interval = r.and_then(|r| fisher(r, x.len(), level, inflation(r)));
    Ok(Finding::new()
        .number("r", r)
        .number("low", interval.map(|interval| interval.low))
        .number("high", interval.map(|interval| interval.high))
        .number("p", r.and_then(|r| p_value(r, x.len())))
        .count("n", x.len())
        .into())
}

const INPUTS: [Param; 2] = [
    Param::input("x", NUMBERS, "One value per pair."),
    Param::input("y", NUMBERS, "The other value of each pair."),
];

/// `stats::pearson`.
pub const PEARSON: Entry<Statistic> = Entry {
    spec: Spec {
        name: "pearson",
        home: Home::Namespace("stats"),
        doc: "Pearson's correlation, how near pairs lie to a line, with its interval.\n\n\
            Gives #{r, low, high, p, n}: low and high are the ends of an interval by Fisher's \
            transformation, p is two-sided for no correlation, by Student's t. A single pair far \
            from the others can make it: see `stats::spearman` beside it.",
        inputs: &INPUTS,
        params: &[LEVEL],
        returns: "map",
        example: Example {
            code: "let c = stats::pearson([1, 2, 3, 4, 5], [2, 4, 5, 4, 6]);\n\
                   [c.r > 0.85, c.low < 0.0, c.n]",
            shows: "[true, true, 5]",
        },
        cite: "Fisher 1915, Frequency distribution of the values of the correlation coefficient",
        version: 1,
    },
    build: |args| found(args, pearson, false),
};

/// `stats::spearman`.
pub const SPEARMAN: Entry<Statistic> = Entry {
    spec: Spec {
        name: "spearman",
        home: Home::Namespace("stats"),
        doc: "Spearman's rank correlation, whether pairs rise together, with its interval.\n\n\
            Gives #{r, low, high, p, n}: low and high are the ends of an interval by Fisher's \
            transformation with the variance of Bonett and Wright, p is two-sided for no \
            correlation, by Student's t. Ties share their mean rank.",
        inputs: &INPUTS,
        params: &[LEVEL],
        returns: "map",
        example: Example {
            code: "stats::spearman([1, 2, 3, 4, 5], [1, 8, 27, 64, 125]).r",
            shows: "1.0",
        },
        cite: "Bonett and Wright 2000, Sample size requirements for estimating Pearson, Kendall and \
               Spearman correlations",
        version: 1,
    },
    build: |args| found(args, spearman, true),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::{Fixture, assert_near};
    use crate::stats::statistic::tests::{call, number};

    #[test]
    fn correlations_agree_with_scipy() {
        for case in Fixture::read().correlations {
            let level = [("level", Value::from(case.level))];
            let found = call(&PEARSON, &[&case.x, &case.y], &level).unwrap();
            for (name, expected) in
                [("r", case.r), ("p", case.p), ("low", case.low), ("high", case.high)]
            {
                assert_near(number(&found, name), expected, 1e-9, name);
            }
            let found = call(&SPEARMAN, &[&case.x, &case.y], &level).unwrap();
            assert_near(number(&found, "r"), case.rank_r, 1e-12, "rank r");
            assert_near(number(&found, "p"), case.rank_p, 1e-9, "rank p");
            assert_near(number(&found, "low"), case.rank_low, 1e-9, "rank low");
            assert_near(number(&found, "high"), case.rank_high, 1e-9, "rank high");
        }
    }

    #[test]
    fn a_list_that_does_not_vary_has_no_correlation() {
        let found = call(&PEARSON, &[&[1.0, 2.0, 3.0], &[4.0, 4.0, 4.0]], &[]).unwrap();
        assert!(matches!((&found["r"], &found["p"]), (Value::Unit, Value::Unit)));
    }
}
