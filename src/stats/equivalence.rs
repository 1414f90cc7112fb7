//! Equivalence: whether a difference is surely small.

use super::interval::{Interval, around, mean, sd};
use super::statistic::{Finding, PAIRED, Statistic, differences, too_few};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Two one-sided t tests of a mean difference with a standard error: the p-value that it lies
/// within `margin` of zero, and the interval of coverage 1 - 2 `alpha`.
pub fn two_one_sided(
    difference: f64,
    error: f64,
    df: usize,
    margin: f64,
    alpha: f64,
) -> Option<(f64, Interval)> {
    let distribution = StudentsT::new(0.0, 1.0, df as f64).ok()?;
    let beyond = |distance: f64| match error > 0.0 {
        true => distribution.sf(distance / error),
        false if distance > 0.0 => 0.0,
        false => 1.0,
    };
    let p = beyond(margin - difference).max(beyond(margin + difference));
    Some((p, around(difference, error, df, 1.0 - 2.0 * alpha)?))
}

fn build(args: &Args) -> Result<Value> {
    let differences = differences(args)?;
    let (margin, alpha, n) = (args.float("margin")?, args.float("alpha")?, differences.len());
    if n < 2 {
        return Err(too_few(args, "values", 2, n));
    }
    let centre = mean(&differences).unwrap_or(f64::NAN);
    let error = sd(&differences).unwrap_or(f64::NAN) / (n as f64).sqrt();
    let found = two_one_sided(centre, error, n - 1, margin, alpha);
    let p = found.map_or(1.0, |(p, _)| p);
    Ok(Finding::new()
        .number("mean", centre)
        .number("low", found.map(|(_, interval)| interval.low))
        .number("high", found.map(|(_, interval)| interval.high))
        .number("p", p)
        .truth("equivalent", p < alpha)
        .count("n", n)
        .into())
}

/// `stats::equivalence`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "equivalence",
        home: Home::Namespace("stats"),
        doc: "Two one-sided t tests that a mean difference lies within a margin of zero.\n\n\
            A large p of a test for a difference shows nothing; this shows that there is none worth \
            the margin. Gives #{mean, low, high, p, equivalent, n}: low and high are the ends of the \
            interval of coverage 1 - 2 alpha; where it lies within the margin, p is below alpha and \
            the difference is equivalent to none.",
        inputs: &PAIRED,
        params: &[
            Param::input(
                "margin",
                Kind::Float { min: 1e-12, max: f64::INFINITY },
                "The largest difference that does not matter, in the unit of the values.",
            ),
            Param::float("alpha", 0.05, 1e-6, "The error that is accepted.").up_to(0.25),
        ],
        returns: "map",
        example: Example {
            code: "let e = stats::equivalence([0.1, -0.2, 0.2, 0.0, 0.1, -0.1], #{ margin: 1.0 });\n\
                   [e.equivalent, e.n, e.high < 0.2]",
            shows: "[true, 6, true]",
        },
        cite: "Schuirmann 1987, A comparison of the two one-sided tests procedure",
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
    fn p_values_agree_with_statsmodels() {
        for case in Fixture::read().equivalences {
            let options = [("margin", Value::from(case.margin))];
            let found = call(&ENTRY, &[&case.values], &options).unwrap();
            assert_near(number(&found, "p"), case.p, 1e-9, "p");
            assert_near(number(&found, "low"), case.low, 1e-9, "low");
            assert_near(number(&found, "high"), case.high, 1e-9, "high");
        }
    }

    #[test]
    fn differences_are_equivalent_just_where_their_interval_lies_within_the_margin() {
        for case in Fixture::read().equivalences {
            let options = [("margin", Value::from(case.margin))];
            let found = call(&ENTRY, &[&case.values], &options).unwrap();
            let inside = case.low > -case.margin && case.high < case.margin;
            assert!(matches!(found["equivalent"], Value::Bool(said) if said == inside));
        }
    }
}
