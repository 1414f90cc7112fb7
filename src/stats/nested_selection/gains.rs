//! The gains of each replicate, by both ways of choosing.

use crate::error::{Error, Result};
use crate::registry::Args;
use crate::stats::arms::{Arms, Lookup, axis};
use crate::stats::interval::mean;
use crate::stats::records::Records;

/// The gains of one replicate, and the level that was chosen without its own numbers.
pub(super) struct Gain {
    /// Of the level that is best on the reported numbers.
    pub(super) naive: f64,
    /// Of the level that is chosen elsewhere.
    pub(super) nested: f64,
    /// The levels that are chosen elsewhere.
    pub(super) chosen: Vec<usize>,
}

/// How a level is chosen without the numbers that are reported.
pub(super) enum Choice<'a> {
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

/// What a table or a list of gains is made of.
pub(super) struct Gains<'a> {
    /// The axis of levels, the baseline and the axis of replicates.
    pub(super) arms: Arms,
    /// How levels are chosen.
    pub(super) choice: Choice<'a>,
    /// The axes that are neither.
    pub(super) rest: Vec<usize>,
    lookup: Lookup<'a>,
    selecting: Lookup<'a>,
    levels: Vec<usize>,
    folds: Vec<usize>,
}

impl<'a> Gains<'a> {
    /// Reads the options.
    ///
    /// # Errors
    /// Usage, with the option at fault: unknown axes, levels and metrics, two ways to choose or none.
    pub(super) fn read(records: &'a Records, args: &'a Args) -> Result<Self> {
        let arms = Arms::read(records, args)?;
        let choice = choice(records, args, arms)?;
        let metric = args.text("metric")?;
        let (used, select, folds) = match choice {
            Choice::Metric(select) => (vec![arms.by, arms.replicate], select, Vec::new()),
            Choice::Across(across) => {
                let folds = records.places(&[across]).concat();
                (vec![arms.by, arms.replicate, across], metric, folds)
            }
        };
        let rest = records.other_axes(&used);
        let axes = [rest.as_slice(), &used].concat();
        Ok(Self {
            arms,
            choice,
            rest,
            lookup: Lookup::new(records, axes.clone(), metric),
            selecting: Lookup::new(records, axes, select),
            levels: arms.others(records),
            folds,
        })
    }

    /// Those of one replicate at a place of the remaining axes; none where a cell is missing.
    pub(super) fn of(&self, place: &[usize], replicate: usize) -> Option<Gain> {
        let at = |by: usize| [place, &[by, replicate]].concat();
        match self.choice {
            Choice::Metric(_) => {
                by_metric(&self.lookup, &self.selecting, self.arms, &self.levels, at)
            }
            Choice::Across(_) => {
                across_folds(&self.lookup, self.arms, &self.levels, &self.folds, at)
            }
        }
    }
}

fn choice<'a>(records: &Records, args: &'a Args, arms: Arms) -> Result<Choice<'a>> {
    let name = args.spec().name;
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

pub(super) fn across_folds(
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
