//! What the best of several settings gains by chance.

use super::statistic::{Finding, NUMBERS, Statistic, too_few};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// The list that never rises and lies nearest to this one, by pooling neighbours that do.
fn never_rising(values: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for value in values {
        let mut block = (*value, 1);
        while let Some((mean, count)) = blocks.last().copied().filter(|last| last.0 < block.0) {
            let all = count + block.1;
            block = ((mean * count as f64 + block.0 * block.1 as f64) / all as f64, all);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count)).collect()
}

/// The integral by the midpoint rule, which is exact to rounding for what fades at both ends.
fn integral(low: f64, high: f64, of: impl Fn(f64) -> f64) -> f64 {
    const STEPS: usize = 2000;
    let step = (high - low) / STEPS as f64;
    (0..STEPS).map(|place| of(low + (place as f64 + 0.5) * step)).sum::<f64>() * step
}

/// The probability that at least one of these numbers, each with normal error of `sd`, exceeds
/// `bound`.
fn any_above(truths: &[f64], bound: f64, sd: f64, normal: &Normal) -> f64 {
    let below = |truth: &f64| (-normal.sf((bound - truth) / sd)).ln_1p();
    -truths.iter().map(below).sum::<f64>().exp_m1()
}

/// The mean of the greatest of these numbers with normal error.
fn mean_of_greatest(truths: &[f64], sd: f64, normal: &Normal) -> f64 {
    let greatest = truths.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = greatest - 10.0 * sd;
    low + integral(low, greatest + 12.0 * sd, |bound| any_above(truths, bound, sd, normal))
}

/// The probability that the greatest of these numbers exceeds `baseline` by `gain`, all with
/// normal error.
fn p_of_gain(truths: &[f64], baseline: f64, gain: f64, sd: f64, normal: &Normal) -> f64 {
    let at = |z: f64| normal.pdf(z) * any_above(truths, baseline + sd * z + gain, sd, normal);
    integral(-10.0, 10.0, at).clamp(0.0, 1.0)
}

fn build(args: &Args) -> Result<Value> {
    let (values, baseline, sd) =
        (args.floats("values")?, args.float("baseline")?, args.float("sd")?);
    let Some(best) = values.iter().copied().reduce(f64::max) else {
        return Err(too_few(args, "values", 1, 0));
    };
    if sd <= 0.0 {
        return Err(Error::usage(format!("best_of: sd must be > 0, found {sd}")).at_key("sd"));
    }
    let truths = never_rising(&[&[baseline], values.as_slice()].concat());
    let (reference, truths) = (truths[0], &truths[1..]);
    let normal = Normal::standard();
    Ok(Finding::new()
        .number("gain", best - baseline)
        .number("expected", mean_of_greatest(truths, sd, &normal) - reference)
        .number("p", p_of_gain(truths, reference, best - baseline, sd, &normal))
        .count("n", values.len())
        .into())
}

/// `stats::best_of`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "best_of",
        home: Home::Namespace("stats"),
        doc: "What the best of several settings gains over a baseline, and what chance alone gives.\
            \n\n\
            For settings in the order of their strength, tested against the null that none is better \
            than the ones before it: true values never rise along the list from the baseline on (the \
            nearest such list stands for them), and each is measured with independent normal error of \
            `sd`. Gives #{gain, expected, p, n}: the gain of the best, what the best gains under the null, \
            and the probability under the null of so large a gain. The nearest list is \
            fitted to the same values, so that p is an approximation.",
        inputs: &[
            Param::input("values", NUMBERS, "One value per setting, the weakest setting first."),
            Param::input(
                "baseline",
                Kind::Float { min: f64::NEG_INFINITY, max: f64::INFINITY },
                "The value without the setting.",
            ),
            Param::input(
                "sd",
                Kind::Float { min: 0.0, max: f64::INFINITY },
                "Standard deviation of the error of each value.",
            ),
        ],
        params: &[],
        returns: "map",
        example: Example {
            code: "let b = stats::best_of([70.3, 70.6, 69.0], 70.0, 0.5);\n\
                   [b.gain > 0.59, b.expected > 0.2, b.p > 0.3]",
            shows: "[true, true, true]",
        },
        cite: "Barlow et al. 1972, Statistical inference under order restrictions",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::assert_near;
    use std::f64::consts::{PI, SQRT_2};

    #[test]
    fn the_nearest_list_that_never_rises_pools_what_does() {
        assert_eq!(never_rising(&[3.0, 1.0, 2.0, 0.0]), [3.0, 1.5, 1.5, 0.0]);
        assert_eq!(never_rising(&[0.0, 1.0, 5.0]), [2.0; 3]);
        assert_eq!(never_rising(&[2.0, 1.0]), [2.0, 1.0]);
    }

    #[test]
    fn the_mean_of_the_greatest_of_equals_is_the_known_one() {
        let normal = Normal::standard();
        let found = |n: usize| mean_of_greatest(&vec![5.0; n], 2.0, &normal);
        assert_near(found(1), 5.0, 1e-9, "one");
        assert_near(found(2), 5.0 + 2.0 / PI.sqrt(), 1e-9, "two");
        assert_near(found(3), 5.0 + 3.0 / PI.sqrt(), 1e-9, "three");
    }

    #[test]
    fn p_values_are_those_of_closed_forms() {
        let normal = Normal::standard();
        let equals = p_of_gain(&[1.0; 9], 1.0, 0.0, 0.3, &normal);
        assert_near(equals, 0.9, 1e-9, "the baseline is the greatest of ten once in ten");
        let one = p_of_gain(&[1.0], 2.0, 3.0, 0.5, &normal);
        assert_near(one / normal.sf(4.0 / (0.5 * SQRT_2)), 1.0, 1e-6, "a normal difference");
    }

    #[test]
    fn a_gain_that_no_error_explains_is_found_and_a_loss_is_none() {
        let found = |values: &[f64]| {
            let args = [Value::Floats(values.to_vec()), Value::Float(10.0), Value::Float(0.5)];
            match build(&Args::resolve(&ENTRY.spec, args.to_vec(), vec![]).unwrap()).unwrap() {
                Value::Map(map) => map,
                other => panic!("{other:?}"),
            }
        };
        let number = |value: &Value| if let Value::Float(x) = value { *x } else { f64::NAN };
        let robust = found(&[11.0, 14.0, 15.0]);
        assert!(number(&robust["p"]) < 1e-9 && number(&robust["gain"]) == 5.0);
        let worse = found(&[9.9, 9.0, 8.0]);
        assert!(number(&worse["p"]) > 0.5 && number(&worse["gain"]) < 0.0);
    }
}
