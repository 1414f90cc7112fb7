//! What a design can see: the power of its t tests.

use super::statistic::{Finding, Statistic};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use statrs::distribution::{Continuous, ContinuousCDF, Gamma, Normal, StudentsT};

/// Panels of the integral over the estimated error; halving them changes no power by 1e-10.
const PANELS: usize = 4000;

/// The probability that a two-sided t test rejects, its statistic being off by `shift` standard
/// errors: that of a noncentral t beyond the critical values.
pub fn power(shift: f64, df: usize, alpha: f64) -> Option<f64> {
    let df = df as f64;
    let critical = StudentsT::new(0.0, 1.0, df).ok()?.inverse_cdf(1.0 - alpha / 2.0);
    let normal = Normal::standard();
    // Over s, the ratio of estimated to true error: s^2 df has a chi-squared distribution.
    let variance = Gamma::new(df / 2.0, df / 2.0).ok()?;
    let end = 1.0 + 12.0 / df.sqrt();
    let step = end / PANELS as f64;
    let at = |place: usize| {
        let s = place as f64 * step;
        if s == 0.0 {
            return if df == 1.0 { density_at_zero() } else { 0.0 };
        }
        let rejects = normal.cdf(shift - critical * s) + normal.cdf(-shift - critical * s);
        rejects * variance.pdf(s * s) * 2.0 * s
    };
    let weight = |place: usize| match place {
        0 | PANELS => 1.0,
        odd if odd % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=PANELS).map(|place| weight(place) * at(place)).sum();
    Some((sum * step / 3.0).clamp(0.0, 1.0))
}

/// Of the absolute value of a standard normal number, times the test that always rejects there.
fn density_at_zero() -> f64 {
    (2.0 / std::f64::consts::PI).sqrt()
}

/// The shift, in standard errors, that a test rejects with probability `wanted`.
fn detectable(wanted: f64, df: usize, alpha: f64) -> Option<f64> {
    let (mut low, mut high) = (0.0, 1.0);
    while power(high, df, alpha)? < wanted {
        high *= 2.0;
        if high > 1e9 {
            return None;
        }
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match power(middle, df, alpha)? < wanted {
            true => low = middle,
            false => high = middle,
        }
    }
    Some(high)
}

fn build(args: &Args) -> Result<Value> {
    let (sd, wanted) = (args.float("sd")?, args.float("power")?);
    let (replicates, arms) = (args.int("replicates")?, args.int("arms")?);
    let alpha = args.float("alpha")? / args.int("tests")? as f64;
    let df = usize::try_from((arms - 1) * (replicates - 1)).unwrap_or(usize::MAX);
    let error = sd * (2.0 / replicates as f64).sqrt();
    let shift = detectable(wanted, df, alpha).ok_or_else(|| {
        Error::usage("power: so small an alpha cannot be reached").at_key("tests")
    })?;
    let effect = args.optional_float("effect")?;
    let attained = effect.and_then(|effect| power(effect.abs() / error, df, alpha));
    let seen = shift * error;
    Ok(Finding::new()
        .number("detectable", seen)
        .number("power", attained.unwrap_or(wanted))
        .number("error", error)
        .count("df", df)
        .text(
            "note",
            format!(
                "with {replicates} replicates an effect of {seen:.2} is seen with probability \
                 {wanted}, smaller ones more rarely"
            ),
        )
        .into())
}

const MANY: i64 = 1_000_000;

/// `stats::power`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "power",
        home: Home::Namespace("stats"),
        doc: "The smallest difference that a paired design can see.\n\n\
            For t tests between two arms of `arms`, all trained with the same seeds, with the error \
            of randomised blocks ((arms - 1)(replicates - 1) degrees of freedom). Gives \
            #{detectable, power, error, df, note}: the smallest difference, in the unit of `sd`; \
            the power against `effect` if that is given, else the one asked for; the standard error \
            of a difference and its degrees of freedom. With `tests` comparisons alpha is divided by them, as the first step of Holm's \
            correction does.",
        inputs: &[],
        params: &[
            Param::input(
                "sd",
                Kind::Float { min: 1e-12, max: f64::INFINITY },
                "Deviation between networks of one arm that seeds do not share, images included.",
            ),
            Param::input("replicates", Kind::Int { min: 2, max: MANY }, "Networks per arm."),
            Param::int("arms", 2, 2, "Arms whose errors are pooled.").up_to(1e3),
            Param::float("power", 0.8, 0.1, "The wanted probability of seeing it.").up_to(0.999),
            Param::float("alpha", 0.05, 1e-6, "The error that is accepted.").up_to(0.5),
            Param::int("tests", 1, 1, "Comparisons that are corrected for.").up_to(1e4),
            Param::optional(
                "effect",
                Kind::Float { min: f64::NEG_INFINITY, max: f64::INFINITY },
                "A difference whose power is asked for.",
            ),
        ],
        returns: "map",
        example: Example {
            code: "let p = stats::power(#{ sd: 0.7, replicates: 3, arms: 9 });\n[p.df, p.note]",
            shows: "[16, \"with 3 replicates an effect of 1.71 is seen with probability 0.8, smaller \
                    ones more rarely\"]",
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
    fn powers_agree_with_scipys_noncentral_t() {
        for case in Fixture::read().powers {
            let found = power(case.shift, case.df, case.alpha).unwrap();
            assert_near(found, case.power, 1e-7, "power");
        }
    }

    #[test]
    fn detectable_effects_agree_with_statsmodels_and_scipy() {
        for case in Fixture::read().detectables {
            let counts =
                [("replicates", case.replicates), ("arms", case.arms), ("tests", case.tests)];
            let mut options = vec![("sd", case.sd.into()), ("power", case.power.into())];
            options.extend(counts.map(|(key, count)| (key, Value::from(count))));
            let found = call(&ENTRY, &[], &options).unwrap();
            let ratio = number(&found, "detectable") / case.detectable;
            assert_near(ratio, 1.0, 1e-6, "detectable");
        }
    }

    #[test]
    fn without_an_effect_the_power_is_alpha() {
        for df in [1, 2, 5, 16, 100] {
            assert_near(power(0.0, df, 0.05).unwrap(), 0.05, 1e-7, "power");
        }
    }

    #[test]
    fn the_detectable_effect_has_the_wanted_power() {
        let given = |more: &[(&str, Value)]| {
            let mut options = vec![("sd", Value::from(0.7)), ("replicates", Value::from(6i64))];
            options.extend_from_slice(more);
            call(&ENTRY, &[], &options).unwrap()
        };
        let seen = number(&given(&[]), "detectable");
        let attained = given(&[("effect", Value::from(seen))]);
        assert_near(number(&attained, "power"), 0.8, 1e-9, "power");
        assert!(number(&given(&[("tests", Value::from(8i64))]), "detectable") > seen);
        assert!(number(&given(&[("arms", Value::from(9i64))]), "detectable") < seen);
    }
}
