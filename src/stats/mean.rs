//! The mean of replicates with an interval.

use super::bootstrap::{bca, means_of_resamples};
use super::interval::{Interval, mean, sd, t_interval};
use super::statistic::{Finding, LEVEL, NUMBERS, Statistic, too_few};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Param, Spec, Value};
use crate::seed::Stream;

fn build(args: &Args) -> Result<Value> {
    let values = args.floats("values")?;
    let Some(centre) = mean(&values) else {
        return Err(too_few(args, "values", 1, 0));
    };
    let level = args.float("level")?;
    let interval: Option<Interval> = match args.text("interval")? {
        "bca" => {
            let stream = Stream::new(args.int("seed")?, "bootstrap");
            let resampled = means_of_resamples(&values, args.int("resamples")? as usize, stream);
            bca(&values, &resampled, level)
        }
        _ => t_interval(&values, level),
    };
    Ok(Finding::new()
        .number("mean", centre)
        .number("low", interval.map(|interval| interval.low))
        .number("high", interval.map(|interval| interval.high))
        .number("sd", sd(&values))
        .count("n", values.len())
        .into())
}

/// `stats::mean`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "mean",
        home: Home::Namespace("stats"),
        doc: "The mean of independent replicates and a confidence interval of it.\n\n\
            Gives #{mean, low, high, sd, n}: low and high are the ends of the interval, sd is the \
            sample deviation (n - 1). The interval \"t\" is Student's with n - 1 degrees of \
            freedom; \"bca\" is the bias-corrected and accelerated bootstrap, which follows skew \
            but is too narrow for fewer than some ten values. Of one value, and of values that do \
            not vary under \"bca\", there is no interval.",
        inputs: &[Param::input("values", NUMBERS, "One value per replicate.")],
        params: &[
            Param::choice("interval", &["t", "bca"], "How the interval is found."),
            LEVEL,
            Param::int("resamples", 9999, 100, "Bootstrap resamples.").up_to(1e6),
            Param::seed(),
        ],
        returns: "map",
        example: Example {
            code: "let m = stats::mean([0.80, 0.81, 0.84]);\n\
                   [m.n, m.mean > 0.816, m.low < 0.766, m.high > 0.868]",
            shows: "[3, true, true, true]",
        },
        cite: "Efron 1987, Better bootstrap confidence intervals",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::statistic::tests::{call, number};

    #[test]
    fn the_bootstrap_draws_what_its_seed_says() {
        let values = [1.03, 2.71, 4.12, 8.95, 16.3, 3.36, 5.47, 0.58];
        let with = |seed: i64| {
            let options = [("interval", Value::from("bca")), ("seed", Value::from(seed))];
            number(&call(&ENTRY, &[&values], &options).unwrap(), "low")
        };
        assert_eq!(with(0).to_bits(), with(0).to_bits());
        assert_ne!(with(0), with(1));
    }

    #[test]
    fn one_value_has_no_interval() {
        let found = call(&ENTRY, &[&[2.0]], &[]).unwrap();
        assert!(matches!(found["low"], Value::Unit));
        assert_eq!(number(&found, "mean"), 2.0);
    }
}
