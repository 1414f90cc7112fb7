//! A straight line through pairs.

use super::correlation::Moments;
use super::interval::{around, two_sided_p};
use super::statistic::{Finding, LEVEL, NUMBERS, Statistic, same_length, too_few};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec, Value};

/// Intercept and slope of the line of least squares; none where x does not vary.
pub fn line(x: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let moments = Moments::of(x, y).filter(|moments| moments.xx > 0.0)?;
    let slope = moments.xy / moments.xx;
    Some((moments.y - slope * moments.x, slope))
}

fn build(args: &Args) -> Result<Value> {
    let (x, y, level) = (args.floats("x")?, args.floats("y")?, args.float("level")?);
    same_length(args, ("x", &x), ("y", &y))?;
    let n = x.len();
    if n < 3 {
        return Err(too_few(args, "x", 3, n));
    }
    let moments = Moments::of(&x, &y).filter(|moments| moments.xx > 0.0);
    let (df, r2) = (n - 2, moments.and_then(|moments| moments.r()).map(|r| r * r));
    let line = line(&x, &y);
    let slope = line.map(|line| line.1);
    let error = moments.map(|moments| {
        let left = (1.0 - r2.unwrap_or(0.0)).max(0.0);
        (left / df as f64 * moments.yy / moments.xx).sqrt()
    });
    let interval = slope.zip(error).and_then(|(slope, error)| around(slope, error, df, level));
    Ok(Finding::new()
        .number("slope", slope)
        .number("intercept", line.map(|line| line.0))
        .number("low", interval.map(|interval| interval.low))
        .number("high", interval.map(|interval| interval.high))
        .number("p", slope.zip(error).and_then(|(slope, error)| two_sided_p(slope / error, df)))
        .number("r2", r2)
        .count("n", n)
        .into())
}

/// `stats::linear_fit`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "linear_fit",
        home: Home::Namespace("stats"),
        doc: "The line of least squares through pairs, and how much of their variance it explains.\
            \n\n\
            Gives #{slope, intercept, low, high, p, r2, n}: low and high are the ends of the slope's \
            interval (n - 2 degrees of freedom), p is two-sided for a slope of zero, r2 is the \
            share of the variance of y that the line explains.",
        inputs: &[
            Param::input("x", NUMBERS, "One value per pair."),
            Param::input("y", NUMBERS, "The value that the line predicts."),
        ],
        params: &[LEVEL],
        returns: "map",
        example: Example {
            code: "let f = stats::linear_fit([0, 1, 2, 3], [1, 3, 5, 7]);\n\
                   [f.slope, f.intercept, f.r2]",
            shows: "[2.0, 1.0, 1.0]",
        },
        cite: "",
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
    fn fits_agree_with_scipy() {
        for case in Fixture::read().fits {
            let level = [("level", Value::from(case.level))];
            let found = call(&ENTRY, &[&case.x, &case.y], &level).unwrap();
            for (name, expected) in [
                ("slope", case.slope),
                ("intercept", case.intercept),
                ("p", case.p),
                ("r2", case.r2),
                ("low", case.low),
                ("high", case.high),
            ] {
                assert_near(number(&found, name), expected, 1e-9, name);
            }
        }
    }

    #[test]
    fn points_above_each_other_have_no_line() {
        let found = call(&ENTRY, &[&[1.0; 4], &[1.0, 2.0, 3.0, 4.0]], &[]).unwrap();
        assert!(matches!(found["slope"], Value::Unit));
    }
}
