//! Differences in differences: how much more an arm gains at one level of a second axis than at
//! another.

use super::arms::{Arms, BASELINE, BY, Lookup, METRIC, REPLICATES, axis};
use super::holm::holm;
use super::interval::{Interval, mean, sd, t_interval, two_sided_p};
use super::records::Records;
use super::show::{bracketed, or_dash, p_value, place_names, signed};
use super::statistic::{LEVEL, Tabulate};
use super::unit::Unit;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::table::{Column, Table};

/// One difference of differences, with one value per replicate that has all four cells.
struct Gap {
    place: Vec<usize>,
    level: usize,
    at: usize,
    values: Vec<f64>,
}

impl Gap {
    fn p(&self) -> Option<f64> {
        let n = self.values.len();
        let error = sd(&self.values).filter(|sd| *sd > 0.0)? / (n as f64).sqrt();
        two_sided_p(mean(&self.values)? / error, n - 1)
    }

    fn interval(&self, level: f64) -> Option<Interval> {
        t_interval(&self.values, level)
    }
}

fn gaps(records: &Records, arms: Arms, across: usize, from: usize, metric: &str) -> Vec<Gap> {
    let Arms { by, baseline, replicate } = arms;
    let rest = records.other_axes(&[by, across, replicate]);
    let axes = [rest.as_slice(), &[by, across, replicate]].concat();
    let lookup = Lookup::new(records, axes, metric);
    let mut gaps = Vec::new();
    for place in records.places(&rest) {
        for level in arms.others(records) {
            for other in records.places(&[across]).concat().into_iter().filter(|at| *at != from) {
                let value = |replicate: usize| {
                    let at = |by: usize, across: usize| {
                        lookup.number(&[place.as_slice(), &[by, across, replicate]].concat())
                    };
                    let there = at(level, other)? - at(baseline, other)?;
                    Some(there - (at(level, from)? - at(baseline, from)?))
                };
                let replicates = records.places(&[replicate]).concat();
                let values = replicates.into_iter().filter_map(value).collect();
                gaps.push(Gap { place: place.clone(), level, at: other, values });
            }
        }
    }
    gaps
}

fn build(records: &Records, args: &Args) -> Result<Table> {
    let arms = Arms::read(records, args)?;
    let across = axis(records, args, "across")?;
    if across == arms.by || across == arms.replicate {
        return Err(Error::usage("difference_in_differences: across is by or replicate")
            .at_key("across")
            .hint("across names the axis along which the gain may change, e.g. \"resolution\""));
    }
    let from = records
        .level(across, args.text("from")?)
        .map_err(|error| error.within("difference_in_differences").at_key("from"))?;
    let (metric, level) = (args.text("metric")?, args.float("level")?);
    let unit = Unit::of(records, metric);
    let rest = records.other_axes(&[arms.by, across, arms.replicate]);
    let (by, along) = (records.axis_name(arms.by), records.axis_name(across));
    let replicate = records.axis_name(arms.replicate);
    let (baseline, reference) =
        (records.level_name(arms.by, arms.baseline), records.level_name(across, from));

    let names = rest.iter().chain([&arms.by, &across]).map(|axis| records.axis_name(*axis));
    let mut columns: Vec<Column> = names.map(Column::words).collect();
    let interval = format!("{} % CI", super::show::rounded(100.0 * level));
    let numbers = [unit.difference_heading(), &interval, "n", "p", "p (Holm)"];
    columns.extend(numbers.map(Column::numbers));
    let title = format!("gain in {metric} over {baseline}, beyond the gain at {along} {reference}");
    let mut table = Table::new(title, columns);
    let gaps = gaps(records, arms, across, from, metric);
    let family: Vec<f64> = gaps.iter().filter_map(Gap::p).collect();
    let mut corrected = holm(&family).into_iter();
    for gap in &gaps {
        let mut row = place_names(records, &rest, &gap.place);
        row.push(records.level_name(arms.by, gap.level).to_owned());
        row.push(records.level_name(across, gap.at).to_owned());
        row.push(or_dash(mean(&gap.values), |value| signed(unit, value)));
        row.push(bracketed(gap.interval(level), |end| unit.show(end)));
        row.push(gap.values.len().to_string());
        row.push(or_dash(gap.p(), p_value));
        row.push(or_dash(gap.p().and_then(|_| corrected.next()), p_value));
        table.rows.push(row);
    }
    table.notes.push(format!(
        "(level of {by} - {baseline}) there, minus the same at {along} {reference}, {replicate} by \
         {replicate}; t interval and two-sided t test with n - 1 degrees of freedom"
    ));
    Ok(table)
}

/// `stats::difference_in_differences`.
pub const ENTRY: Entry<Tabulate> = Entry {
    spec: Spec {
        name: "difference_in_differences",
        home: Home::Namespace("stats"),
        doc: "How much more each arm gains over the baseline at other levels of a second axis.\n\n\
            For every replicate, (arm - baseline) at a level of `across` minus (arm - baseline) at \
            its level `from`: that much of the gain there is an interaction of arm and axis and not \
            the arm's alone. Mean, t interval and t test over replicates; Holm's correction over \
            the table. Replicates that lack one of the four cells are left out of that row.",
        inputs: &[Param::input("cells", Kind::Handle("cells"), "The cells of a grid.")],
        params: &[
            BASELINE,
            BY,
            Param::input("across", Kind::Text, "Axis along which the gain may change."),
            Param::input("from", Kind::Text, "Level of `across` whose gain is subtracted."),
            METRIC,
            REPLICATES,
            LEVEL,
        ],
        returns: "table",
        example: Example {
            code: "let gain = |c| if c.arm == \"pgd\" && c.size == \"small\" { 0.1 + c.seed * 0.01 } \
                   else { 0.0 };\n\
                   let cells = sweep::grid(#{ arm: [\"standard\", \"pgd\"], size: [\"large\", \
                   \"small\"], seed: 0..3 }, |c| #{ accuracy: 0.5 + gain.call(c) });\n\
                   stats::difference_in_differences(cells, #{ baseline: \"standard\", by: \"arm\", \
                   across: \"size\", from: \"large\" })",
            shows: "\
gain in accuracy over standard, beyond the gain at size large
arm  size   difference (points)        95 % CI  n      p  p (Holm)
-------------------------------------------------------------------
pgd  small               +11.00  [8.52, 13.48]  3  0.003     0.003
- (level of arm - standard) there, minus the same at size large, seed by seed; t interval and \
two-sided t test with n - 1 degrees of freedom",
        },
        cite: "",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Value;
    use crate::stats::fixture::{CellsFixture, assert_near, shown};
    use crate::stats::records::tests::grid;

    const LEVELS: [&str; 6] = ["0", "1", "2", "3", "4", "5"];

    #[test]
    fn estimates_intervals_and_tests_agree_with_statsmodels_and_scipy() {
        const SPEC: Spec = Spec { inputs: &[], ..ENTRY.spec };
        for case in CellsFixture::read().differences {
            let (arms, at, seeds) =
                (case.values.len(), case.values[0].len(), case.values[0][0].len());
            let axes =
                [("arm", &LEVELS[..arms]), ("size", &LEVELS[..at]), ("seed", &LEVELS[..seeds])];
            let records = grid(&axes, "loss", |at| case.values[at[0]][at[1]][at[2]]);
            let options = [("by", "arm"), ("baseline", "0"), ("across", "size"), ("from", "0")];
            let options = options.map(|(key, value)| (key.to_owned(), Value::from(value)));
            let more = [("metric", Value::from("loss")), ("level", Value::from(case.level))];
            let more = more.map(|(key, value)| (key.to_owned(), value));
            let args = Args::resolve(&SPEC, vec![], [&options[..], &more[..]].concat()).unwrap();
            let table = build(&records, &args).unwrap();
            let found = gaps(&records, Arms::read(&records, &args).unwrap(), 1, 0, "loss");
            assert_eq!((found.len(), table.rows.len()), (case.rows.len(), case.rows.len()));
            for ((gap, row), expected) in found.iter().zip(&table.rows).zip(&case.rows) {
                assert_eq!((gap.level, gap.at), (expected.arm, expected.at));
                let interval = gap.interval(case.level).unwrap();
                assert_near(mean(&gap.values).unwrap(), expected.estimate, 1e-9, "estimate");
                assert_near(interval.low, expected.low, 1e-9, "low");
                assert_near(interval.high, expected.high, 1e-9, "high");
                assert_near(gap.p().unwrap(), expected.p, 1e-9, "p");
                assert_near(shown(&row[6])[0], expected.holm, 6e-4, "p (Holm)");
            }
        }
    }

    #[test]
    fn shared_effects_of_arm_size_and_seed_cancel_and_the_interaction_stays() {
        let axes: &[(&str, &[&str])] =
            &[("arm", &["a", "b"]), ("size", &["64", "8"]), ("seed", &["0", "1", "2"])];
        let value = |at: &[usize]| {
            let interaction =
                if at[0] == 1 && at[1] == 1 { 0.3 + 0.01 * at[2] as f64 } else { 0.0 };
            at[0] as f64 + 10.0 * at[1] as f64 + 100.0 * at[2] as f64 + interaction
        };
        let records = grid(axes, "loss", value);
        let arms = Arms { by: 0, baseline: 0, replicate: 2 };
        let found = gaps(&records, arms, 1, 0, "loss");
        assert_eq!(found.len(), 1);
        for (value, expected) in found[0].values.iter().zip([0.3, 0.31, 0.32]) {
            assert!((value - expected).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn a_replicate_without_one_of_its_four_cells_is_left_out() {
        let axes: &[(&str, &[&str])] =
            &[("arm", &["a", "b"]), ("size", &["64", "8"]), ("seed", &["0", "1", "2"])];
        let mut records = grid(axes, "loss", |at| (at[0] * at[1] + at[2]) as f64);
        records.rows.retain(|row| row.levels != [0, 0, 1]);
        let arms = Arms { by: 0, baseline: 0, replicate: 2 };
        assert_eq!(gaps(&records, arms, 1, 0, "loss")[0].values, [1.0, 1.0]);
    }
}
