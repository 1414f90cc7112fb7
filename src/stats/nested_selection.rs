//! The gain of the best of several levels, chosen on the numbers that are reported, and chosen
//! elsewhere.

mod gains;
mod listed;

pub use listed::{NESTED_GAINS, nested_gains};

use super::arms::{BASELINE, BY, METRIC, REPLICATES};
use super::interval::{Interval, mean, sd, t_interval, two_sided_p};
use super::records::Records;
use super::show::{bracketed, or_dash, p_value, place_names, rounded, signed};
use super::statistic::{LEVEL, Tabulate};
use super::unit::Unit;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::table::{Column, Table};
use gains::{Choice, Gain, Gains};
use std::collections::BTreeMap;

fn build(records: &Records, args: &Args) -> Result<Table> {
    let all = Gains::read(records, args)?;
    let Gains { arms, ref rest, .. } = all;
    let (metric, level) = (args.text("metric")?, args.float("level")?);
    let unit = Unit::of(records, metric);

    let (by, replicate) = (records.axis_name(arms.by), records.axis_name(arms.replicate));
    let baseline = records.level_name(arms.by, arms.baseline);
    let mut columns: Vec<Column> =
        rest.iter().map(|axis| Column::words(records.axis_name(*axis))).collect();
    let interval = format!("{} % CI", rounded(100.0 * level));
    let numbers = ["naive gain", &interval, "nested gain", &interval, "n", "p (nested)"];
    columns.extend(numbers.map(Column::numbers));
    columns.push(Column::words(format!("chosen {by}")));
    let of = match unit {
        Unit::Percent => " (points)",
        Unit::Plain => "",
    };
    let title = format!("gain in {metric}{of} of the best {by} over {baseline}");
    let mut table = Table::new(title, columns);
    for place in records.places(rest) {
        let replicates = records.places(&[arms.replicate]).concat();
        let gains: Vec<Gain> =
            replicates.into_iter().filter_map(|one| all.of(&place, one)).collect();
        let mut row = place_names(records, rest, &place);
        row.extend(numbers_of(&gains, unit, level));
        row.push(counted(records, arms.by, &gains));
        table.rows.push(row);
    }
    table.notes.push(format!(
        "naive: the best {by} is chosen on the very numbers that are reported, which is above the \
         baseline by chance alone"
    ));
    table.notes.push(match all.choice {
        Choice::Metric(select) => {
            format!("nested: it is chosen on {select}, {replicate} by {replicate}")
        }
        Choice::Across(across) => {
            let across = records.axis_name(across);
            format!("nested: at each {across} it is chosen on the mean over every other {across}")
        }
    });
    table.notes.push(format!(
        "mean over {replicate}; t interval and two-sided t test with n - 1 degrees of freedom"
    ));
    Ok(table)
}

fn numbers_of(gains: &[Gain], unit: Unit, level: f64) -> Vec<String> {
    let naive: Vec<f64> = gains.iter().map(|gain| gain.naive).collect();
    let nested: Vec<f64> = gains.iter().map(|gain| gain.nested).collect();
    let error = sd(&nested).filter(|sd| *sd > 0.0).map(|sd| sd / (nested.len() as f64).sqrt());
    let p = mean(&nested)
        .zip(error)
        .and_then(|(gain, error)| two_sided_p(gain / error, nested.len() - 1));
    let shown = |values: &[f64]| -> [String; 2] {
        let interval: Option<Interval> = t_interval(values, level);
        [
            or_dash(mean(values), |value| signed(unit, value)),
            bracketed(interval, |end| unit.show(end)),
        ]
    };
    let [naive, naive_interval] = shown(&naive);
    let [nested, nested_interval] = shown(&nested);
    vec![
        naive,
        naive_interval,
        nested,
        nested_interval,
        gains.len().to_string(),
        or_dash(p, p_value),
    ]
}

/// How often each level was chosen, the most frequent first: `0.5 (4), 1`.
fn counted(records: &Records, by: usize, gains: &[Gain]) -> String {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for level in gains.iter().flat_map(|gain| &gain.chosen) {
        *counts.entry(*level).or_default() += 1;
    }
    let mut counts: Vec<(usize, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(level, count)| (std::cmp::Reverse(*count), *level));
    let shown = counts.iter().map(|(level, count)| {
        let name = records.level_name(by, *level);
        if *count == 1 { name.to_owned() } else { format!("{name} ({count})") }
    });
    shown.collect::<Vec<_>>().join(", ")
}

const SELECT: Param =
    Param::optional("select", Kind::Text, "Metric of a validation split to choose by.");
const ACROSS: Param = Param::optional("across", Kind::Text, "Axis whose other levels choose.");

/// `stats::nested_selection`.
pub const ENTRY: Entry<Tabulate> = Entry {
    spec: Spec {
        name: "nested_selection",
        home: Home::Namespace("stats"),
        doc: "The gain of the best level of an axis, chosen naively and by numbers of its own.\n\n\
            The best of several is above the baseline even if none is better, when it is chosen on \
            the numbers that are reported. Nested selection chooses it elsewhere: by the metric \
            `select` of a validation split, or at each level of the axis `across` by the mean over \
            its other levels. The baseline itself is never chosen. Gains are means over \
            replicates, with t intervals; a replicate that lacks a cell is left out.",
        inputs: &[Param::input("cells", Kind::Handle("cells"), "The cells of a grid.")],
        params: &[BASELINE, BY, SELECT, ACROSS, METRIC, REPLICATES, LEVEL],
        returns: "table",
        example: Example {
            code: "let test = #{ a: [0.60, 0.61], b: [0.62, 0.60], c: [0.58, 0.65] };\n\
                   let val = #{ a: [0.60, 0.60], b: [0.63, 0.64], c: [0.60, 0.61] };\n\
                   let cells = sweep::grid(#{ eps: [\"a\", \"b\", \"c\"], seed: 0..2 }, |c| #{ \
                   accuracy: test[c.eps][c.seed], validation: val[c.eps][c.seed] });\n\
                   stats::nested_selection(cells, #{ by: \"eps\", baseline: \"a\", select: \
                   \"validation\" })",
            shows: "\
gain in accuracy (points) of the best eps over a
naive gain         95 % CI  nested gain          95 % CI  n  p (nested)  chosen eps
------------------------------------------------------------------------------------
     +3.00  [-9.71, 15.71]        +0.50  [-18.56, 19.56]  2       0.795  b (2)
- naive: the best eps is chosen on the very numbers that are reported, which is above the baseline \
by chance alone
- nested: it is chosen on validation, seed by seed
- mean over seed; t interval and two-sided t test with n - 1 degrees of freedom",
        },
        cite: "Cawley and Talbot 2010, On over-fitting in model selection",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::gains::across_folds;
    use super::*;
    use crate::registry::Value;
    use crate::seed::Stream;
    use crate::stats::Metric;
    use crate::stats::arms::{Arms, Lookup};
    use crate::stats::fixture::{CellsFixture, Choices, assert_near, shown};
    use crate::stats::records::tests::grid;

    const AXES: &[(&str, &[&str])] = &[
        ("eps", &["0", "1", "2", "3", "4"]),
        ("arch", &["a", "b", "c"]),
        ("set", &["p", "q", "r", "s", "t", "u", "v", "w"]),
    ];

    fn gains(records: &Records) -> Vec<Gain> {
        let arms = Arms { by: 0, baseline: 0, replicate: 2 };
        let lookup = Lookup::new(records, vec![0, 2, 1], "loss");
        let one = |set| across_folds(&lookup, arms, &[1, 2, 3, 4], &[0, 1, 2], |by| vec![by, set]);
        (0..8).map(|set| one(set).unwrap()).collect()
    }

    const SPEC: Spec = Spec { inputs: &[], ..ENTRY.spec };
    const LEVELS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    /// The first row of the table shows these numbers, to four digits.
    fn assert_shows(table: &Table, expected: &Choices, counts: &[usize]) {
        let row = &table.rows[0];
        for (place, found) in [(0, &expected.naive), (2, &expected.nested)] {
            let numbers = [shown(&row[place]), shown(&row[place + 1])].concat();
            for (number, expected) in numbers.iter().zip([found.mean, found.low, found.high]) {
                assert!((number - expected).abs() <= 6e-4 * expected.abs(), "{row:?}: {expected}");
            }
        }
        assert_near(shown(&row[5])[0], expected.nested.p, 6e-4, "p");
        let chosen = row[6].split(", ").map(|one| match one.split_once(" (") {
            Some((level, count)) => (level, count.trim_end_matches(')').parse().unwrap()),
            None => (one, 1),
        });
        let mut found = vec![0; counts.len()];
        for (level, count) in chosen {
            found[level.parse::<usize>().unwrap()] = count;
        }
        assert_eq!(found, counts);
    }

    #[test]
    fn both_choices_agree_with_numpy_and_scipy() {
        for case in CellsFixture::read().selections {
            let (levels, folds, seeds) =
                (case.values.len(), case.values[0].len(), case.values[0][0].len());
            let axes = [
                ("eps", &LEVELS[..levels]),
                ("arch", &LEVELS[..folds]),
                ("seed", &LEVELS[..seeds]),
            ];
            let mut records = grid(&axes, "loss", |at| case.values[at[0]][at[1]][at[2]]);
            for row in &mut records.rows {
                let choosing = case.choosing[row.levels[0]][row.levels[1]][row.levels[2]];
                row.metrics.insert("choosing".to_owned(), Metric::Number(choosing));
            }
            let tabulated = |how: &str, of: &str| {
                let options = [("by", "eps"), ("baseline", "0"), ("metric", "loss"), (how, of)];
                let mut options: Vec<(String, Value)> =
                    options.map(|(key, value)| (key.to_owned(), Value::from(value))).into();
                options.push(("level".to_owned(), Value::from(case.level)));
                build(&records, &Args::resolve(&SPEC, vec![], options).unwrap()).unwrap()
            };
            assert_shows(&tabulated("across", "arch"), &case.across, &case.counts);
            let mut by_metric = tabulated("select", "choosing");
            // The folds remain as rows; the fixture has the first.
            assert_eq!(by_metric.rows[0].remove(0), "0");
            assert_shows(&by_metric, &case.by_metric, &case.picked);
        }
    }

    #[test]
    fn of_pure_noise_the_naive_best_gains_and_the_nested_one_does_not() {
        let (mut naive, mut nested) = (0.0, 0.0);
        for run in 0..200 {
            let mut draw = Stream::new(run, "test").generator();
            let noise: Vec<f64> = (0..120).map(|_| f64::from(draw.normal())).collect();
            let found = gains(&grid(AXES, "loss", |at| noise[at[0] * 24 + at[1] * 8 + at[2]]));
            naive += found.iter().map(|gain| gain.naive).sum::<f64>() / 1600.0;
            nested += found.iter().map(|gain| gain.nested).sum::<f64>() / 1600.0;
        }
        // The expected greatest of four standard normal numbers is 1.0294.
        assert!((naive - 1.0294).abs() < 0.08, "{naive}");
        assert!(nested.abs() < 0.08, "{nested}");
    }

    #[test]
    fn a_level_that_is_truly_best_is_chosen_both_ways() {
        let records = grid(AXES, "loss", |at| if at[0] == 3 { 2.0 } else { 0.1 * at[1] as f64 });
        for gain in gains(&records) {
            assert_eq!((gain.naive, gain.chosen), (gain.nested, vec![3, 3, 3]));
        }
    }

    #[test]
    fn just_one_way_to_choose_must_be_given() {
        let records = grid(AXES, "loss", |_| 0.0);
        let refused = |more: &[(&str, &str)]| {
            let given =
                [("by", "eps"), ("baseline", "0"), ("metric", "loss"), ("replicate", "set")];
            let options = given.iter().chain(more);
            let options = options.map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
            let args = Args::resolve(&SPEC, vec![], options.collect()).unwrap();
            build(&records, &args).unwrap_err()
        };
        assert_eq!(refused(&[]).key(), Some("select"));
        assert_eq!(refused(&[("select", "loss"), ("across", "arch")]).key(), Some("select"));
        assert_eq!(refused(&[("across", "set")]).key(), Some("across"));
        assert_eq!(refused(&[("select", "val")]).key(), Some("select"));
    }
}
