//! Comparisons with a baseline, paired by replicate and corrected for their number.

use super::arms::{BASELINE, BY, METRIC, REPLICATES};
use super::comparison::compare;
use super::pairing::Pairing;
use super::records::Records;
use super::statistic::Tabulate;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::table::Table;

/// `stats::paired_compare(cells, options)`.
pub const ENTRY: Entry<Tabulate> = Entry { spec: SPEC, build };

fn build(records: &Records, args: &Args) -> Result<Table> {
    paired_compare(records, &Pairing::from_args(args)?)
}

const SPEC: Spec = Spec {
    name: "paired_compare",
    home: Home::Namespace("stats"),
    doc: "Differences to a baseline, paired by replicate, with intervals and p-values.\n\n\
        The unit of replication is the source network, a level of the axis `replicate`; images \
        are never counted. At every place of the remaining axes (target, mode, ...) each level of \
        `by` is compared with the baseline by a two-sided t test. The error is that of randomised \
        blocks: the residuals of value = level + replicate, pooled over all levels, with \
        (A - 1)(S - 1) degrees of freedom. It takes the levels to vary alike. Where cells are \
        missing, each pair is tested alone (paired t) and a note says so. Holm's correction treats \
        all tests of the table as one family. A note tells which p-values a sign-flip permutation \
        test, which assumes no normal errors, could reach with so few replicates.",
    inputs: &[Param::input("cells", Kind::Handle("cells"), "The cells of a grid.")],
    params: &[
        BASELINE,
        BY,
        METRIC,
        REPLICATES,
        Param::choice("correct", &["holm", "none"], "Correction for the number of tests."),
        Param::float("level", 0.95, 0.5, "Coverage of each interval.").up_to(0.9999),
    ],
    returns: "table",
    example: Example {
        code: "let accuracy = #{ a: [0.80, 0.81, 0.84], b: [0.82, 0.84, 0.85] };\n\
            let cells = sweep::grid(#{ arm: [\"a\", \"b\"], seed: 0..3 }, \
            |c| #{ accuracy: accuracy[c.arm][c.seed] });\n\
            stats::paired_compare(cells, #{ baseline: \"a\", by: \"arm\" })",
        shows: "\
accuracy of each arm minus a, paired by seed
arm  difference (points)        95 % CI  n  df      p  p (Holm)
----------------------------------------------------------------
b                  +2.00  [-0.48, 4.48]  3   2  0.074     0.074
- two-sided t tests; error pooled over arm in randomised blocks of seed, df = (A - 1)(S - 1)
- p (Holm) treats the 1 test of this table as one family; each interval covers 95 % by itself
- with 3 replicates a sign-flip test cannot reach p < 0.05 (smallest possible 0.25)
- what this does not show: effects below 2.48 points (half the narrowest interval), and \
anything beyond this grid (seed: 3) and its scale",
    },
    cite: "Holm 1979, A simple sequentially rejective multiple test procedure",
    version: 1,
};

/// Compares and tabulates.
///
/// # Errors
/// Those of [`compare`].
pub fn paired_compare(records: &Records, pairing: &Pairing) -> Result<Table> {
    Ok(compare(records, pairing)?.table(records))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::registry::Value;
    use crate::stats::Correction;
    use crate::stats::records::tests::grid;

    pub(in crate::stats) fn pairing(correct: Correction) -> Pairing {
        Pairing {
            baseline: "a".to_owned(),
            by: "arm".to_owned(),
            metric: "accuracy".to_owned(),
            replicate: "seed".to_owned(),
            correct,
            level: 0.95,
        }
    }

    pub(in crate::stats) fn example() -> Records {
        let accuracy = [[0.80, 0.81, 0.84], [0.82, 0.84, 0.85]];
        grid(&[("arm", &["a", "b"]), ("seed", &["0", "1", "2"])], "accuracy", |at| {
            accuracy[at[0]][at[1]]
        })
    }

    #[test]
    fn the_example_shows_what_it_says() {
        let options = [("baseline", "a"), ("by", "arm")]
            .map(|(key, value)| (key.to_owned(), Value::Text(value.to_owned())));
        // The cells are the receiver's business; only options are read here.
        const OPTIONS: Spec = Spec { inputs: &[], ..SPEC };
        let args = Args::resolve(&OPTIONS, vec![], options.to_vec()).unwrap();
        let read = Pairing::from_args(&args).unwrap();
        assert_eq!(read, pairing(Correction::Holm));
        let table = paired_compare(&example(), &read).unwrap();
        assert_eq!(table.to_string(), SPEC.example.shows);
    }
}
