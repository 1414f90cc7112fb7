//! The gain of the best of several levels, chosen on the numbers that are reported, and chosen
//! elsewhere.

use super::arms::{Arms, BASELINE, BY, Lookup, METRIC, REPLICATES, axis};
use super::interval::{Interval, mean, sd, t_interval, two_sided_p};
use super::records::Records;
use super::show::{bracketed, or_dash, p_value, place_names, rounded, signed};
use super::statistic::{LEVEL, Tabulate};
use super::unit::Unit;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::table::{Column, Table};
use std::collections::BTreeMap;

/// The gains of one replicate, and the level that was chosen without its own numbers.
struct Gain {
    naive: f64,
    nested: f64,
    chosen: Vec<usize>,
}

/// How a level is chosen without the numbers that are reported.
enum Choice<'a> {
    /// By another metric, of a validation split.
    Metric(&'a str),
    /// By the mean over the other levels of this axis.
    Across(usize),
}

/// The level with the greatest value; of equals the first.
fn best(levels: &[usize], value: impl Fn(usize) -> Option<f64>) -> Option<usize> {
    let mut found: Option<(usize, f64)> = None;
    for level in levels {
        let value = value(*level)?;
        if found.is_none_or(|(_, highest)| value > highest) {
            found = Some((*level, value));
        }
    }
    found.map(|(level, _)| level)
}

fn build(records: &Records, args: &Args) -> Result<Table> {
    let arms = Arms::read(records, args)?;
    let choice = choice(records, args, arms)?;
    let (metric, level) = (args.text("metric")?, args.float("level")?);
    let unit = Unit::of(records, metric);
    let used: Vec<usize> = match choice {
        Choice::Metric(_) => vec![arms.by, arms.replicate],
        Choice::Across(across) => vec![arms.by, arms.replicate, across],
    };
    let rest = records.other_axes(&used);
    let axes = [rest.as_slice(), &used].concat();
    let lookup = Lookup::new(records, axes.clone(), metric);
    let selecting = match choice {
        Choice::Metric(select) => Lookup::new(records, axes, select),
        Choice::Across(_) => Lookup::new(records, axes, metric),
    };
    let levels = arms.others(records);

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
    for place in records.places(&rest) {
        let replicates = records.places(&[arms.replicate]).concat();
        let gains: Vec<Gain> = replicates
            .into_iter()
            .filter_map(|one| {
                let at = |by: usize| [place.as_slice(), &[by, one]].concat();
                match choice {
                    Choice::Metric(_) => by_metric(&lookup, &selecting, arms, &levels, at),
                    Choice::Across(across) => {
                        let folds = records.places(&[across]).concat();
                        across_folds(&lookup, arms, &levels, &folds, at)
                    }
                }
            })
            .collect();
        let mut row = place_names(records, &rest, &place);
        row.extend(numbers_of(&gains, unit, level));
        row.push(counted(records, arms.by, &gains));
        table.rows.push(row);
    }
    table.notes.push(format!(
        "naive: the best {by} is chosen on the very numbers that are reported, which is above the \
         baseline by chance alone"
    ));
    table.notes.push(match choice {
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

fn choice<'a>(records: &Records, args: &'a Args, arms: Arms) -> Result<Choice<'a>> {
    let name = "nested_selection";
    match (args.optional_text("select")?, args.optional_text("across")?) {
        (Some(select), None) => {
            records.check_metric(select).map_err(|error| error.within(name).at_key("select"))?;
            Ok(Choice::Metric(select))
        }
        (None, Some(_)) => {
            let across = axis(records, args, "across")?;
            if across == arms.by || across == arms.replicate {
                return Err(
                    Error::usage(format!("{name}: across is by or replicate")).at_key("across")
                );
            }
            if records.axes.get(across).map_or(0, |axis| axis.levels.len()) < 2 {
                return Err(Error::usage(format!(
                    "{name}: expected at least 2 levels of {}, found 1",
                    records.axis_name(across)
                ))
                .at_key("across"));
            }
            Ok(Choice::Across(across))
        }
        _ => Err(Error::usage(format!("{name}: expected either select or across"))
            .at_key("select")
            .hint("select: a metric of a validation split; across: an axis, e.g. \"arch\"")),
    }
}

fn by_metric(
    lookup: &Lookup<'_>,
    selecting: &Lookup<'_>,
    arms: Arms,
    levels: &[usize],
    at: impl Fn(usize) -> Vec<usize>,
) -> Option<Gain> {
    let base = lookup.number(&at(arms.baseline))?;
    let naive = best(levels, |level| lookup.number(&at(level)))?;
    let chosen = best(levels, |level| selecting.number(&at(level)))?;
    Some(Gain {
        naive: lookup.number(&at(naive))? - base,
        nested: lookup.number(&at(chosen))? - base,
        chosen: vec![chosen],
    })
}

fn across_folds(
    lookup: &Lookup<'_>,
    arms: Arms,
    levels: &[usize],
    folds: &[usize],
    at: impl Fn(usize) -> Vec<usize>,
) -> Option<Gain> {
    let number = |level: usize, fold: usize| lookup.number(&[at(level), vec![fold]].concat());
    let (mut naive, mut nested, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
    for fold in folds {
        let base = number(arms.baseline, *fold)?;
        let on_itself = best(levels, |level| number(level, *fold))?;
        let elsewhere = |level: usize| {
            let others = folds.iter().filter(|other| *other != fold);
            mean(&others.map(|other| number(level, *other)).collect::<Option<Vec<_>>>()?)
        };
        let on_others = best(levels, elsewhere)?;
        naive.push(number(on_itself, *fold)? - base);
        nested.push(number(on_others, *fold)? - base);
        chosen.push(on_others);
    }
    Some(Gain { naive: mean(&naive)?, nested: mean(&nested)?, chosen })
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
        params: &[
            BASELINE,
            BY,
            Param::optional("select", Kind::Text, "Metric of a validation split to choose by."),
            Param::optional("across", Kind::Text, "Axis whose other levels choose."),
            METRIC,
            REPLICATES,
            LEVEL,
        ],
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
    use super::*;
    use crate::registry::Value;
    use crate::seed::Stream;
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
            const SPEC: Spec = Spec { inputs: &[], ..ENTRY.spec };
            let args = Args::resolve(&SPEC, vec![], options.collect()).unwrap();
            build(&records, &args).unwrap_err()
        };
        assert_eq!(refused(&[]).key(), Some("select"));
        assert_eq!(refused(&[("select", "loss"), ("across", "arch")]).key(), Some("select"));
        assert_eq!(refused(&[("across", "set")]).key(), Some("across"));
        assert_eq!(refused(&[("select", "val")]).key(), Some("select"));
    }
}
