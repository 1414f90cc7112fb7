//! McNemar's test of two networks on the same images.

use super::sign_test::binomial_p;
use super::statistic::{Finding, Statistic, same_length, too_few};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};

const RIGHT: Kind = Kind::Floats { min: 0.0, max: 1.0 };

fn build(args: &Args) -> Result<Value> {
    let (a, b) = (args.floats("a")?, args.floats("b")?);
    same_length(args, ("a", &a), ("b", &b))?;
    if a.is_empty() {
        return Err(too_few(args, "a", 1, 0));
    }
    let of = |first: bool, second: bool| {
        a.iter().zip(&b).filter(|(a, b)| (**a >= 0.5, **b >= 0.5) == (first, second)).count()
    };
    let (only_a, only_b) = (of(true, false), of(false, true));
    Ok(Finding::new()
        .count("only_a", only_a)
        .count("only_b", only_b)
        .count("n", a.len())
        .number("difference", (only_b as f64 - only_a as f64) / a.len() as f64)
        .number("p", binomial_p(only_a, only_a + only_b))
        .text("note", "about these two networks on images like these, not about how they were made")
        .into())
}

/// `stats::mcnemar`.
pub const ENTRY: Entry<Statistic> = Entry {
    spec: Spec {
        name: "mcnemar",
        home: Home::Namespace("stats"),
        doc: "McNemar's exact test whether two networks differ on the same images.\n\n\
            Takes `correct` of two results, or lists of 0 and 1. Gives #{only_a, only_b, \
            n, difference, p, note}: the images that only one of them classifies correctly, all \
            images, the accuracy of b minus that of a, and the two-sided p-value. The test says that these two checkpoints \
            differ, never that their methods do, since other seeds give other networks. For \
            methods see `stats::paired_compare`.",
        inputs: &[
            Param::input("a", RIGHT, "Which images the first network classifies correctly."),
            Param::input("b", RIGHT, "The same of the second network, in the same order."),
        ],
        params: &[],
        returns: "map",
        example: Example {
            code: "let t = stats::mcnemar([1, 1, 0, 0, 0, 0, 0, 1], [1, 0, 1, 1, 1, 1, 1, 1]);\n\
                   [t.only_a, t.only_b, t.difference, t.p]",
            shows: "[1, 5, 0.5, 0.21875]",
        },
        cite: "McNemar 1947, Note on the sampling error of the difference between correlated \
               proportions",
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
        for case in Fixture::read().mcnemar {
            let images = case.both + case.only_a + case.only_b + 3;
            let list = |hits: &dyn Fn(usize) -> bool| -> Vec<f64> {
                (0..images).map(|image| f64::from(u8::from(hits(image)))).collect()
            };
            let a = list(&|image| image < case.both + case.only_a);
            let first = case.both + case.only_a;
            let b =
                list(&|image| image < case.both || (first..first + case.only_b).contains(&image));
            let found = call(&ENTRY, &[&a, &b], &[]).unwrap();
            assert_eq!(number(&found, "only_a"), case.only_a as f64);
            assert_near(number(&found, "p"), case.p, 1e-12, "p");
        }
    }
}
