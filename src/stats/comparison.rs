//! The outcome of a paired comparison, its table, and the limits the table must state.

use super::LIMITS;
use super::block::{Contrast, contrasts};
use super::estimate::left_out;
use super::holm::holm;
use super::pairing::{Correction, Pairing};
use super::records::Records;
use super::show::{bracketed, or_dash, p_value, place_names, rounded, signed};
use super::unit::Unit;
use crate::error::{Error, Result};
use crate::table::{Column, Table};

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What was asked for.
    pub pairing: Pairing,
    /// Every place of the remaining axes and every level, in grid order.
    pub contrasts: Vec<Contrast>,
    /// The adjusted p-value of every contrast that has one.
    pub adjusted: Vec<Option<f64>>,
    by: usize,
    replicate: usize,
}

/// Compares, as `stats::paired_compare` documents.
///
/// # Errors
/// Usage, with the option at fault, for an unknown axis, level or metric.
pub fn compare(records: &Records, pairing: &Pairing) -> Result<Comparison> {
    let at = |error: Error, key: &str| error.within("paired_compare").at_key(key);
    let by = records.axis(&pairing.by).map_err(|error| at(error, "by"))?;
    let replicate = records.axis(&pairing.replicate).map_err(|error| {
        at(error, "replicate").hint("repeat every cell with other seeds, for example seed: 0..3")
    })?;
    if by == replicate {
        return Err(at(Error::usage("by and replicate are the same axis"), "by"));
    }
    let baseline = records.level(by, &pairing.baseline).map_err(|error| at(error, "baseline"))?;
    records.check_metric(&pairing.metric).map_err(|error| error.within("paired_compare"))?;
    let contrasts = contrasts(records, by, baseline, &pairing.metric, replicate);
    let p_values: Vec<Option<f64>> = contrasts.iter().map(Contrast::p).collect();
    let adjusted = match pairing.correct {
        Correction::None => p_values,
        Correction::Holm => {
            let family: Vec<f64> = p_values.iter().flatten().copied().collect();
            let mut family = holm(&family).into_iter();
            p_values.iter().map(|p| p.and_then(|_| family.next())).collect()
        }
    };
    Ok(Comparison { pairing: pairing.clone(), contrasts, adjusted, by, replicate })
}

impl Comparison {
    /// The comparison as a table with its conditions and limits.
    pub fn table(&self, records: &Records) -> Table {
        let Pairing { baseline, by, metric, replicate, .. } = &self.pairing;
        let rest = records.other_axes(&[self.by, self.replicate]);
        let unit = Unit::of(records, metric);
        let title = format!("{metric} of each {by} minus {baseline}, paired by {replicate}");
        let names = rest.iter().chain([&self.by]).map(|axis| records.axis_name(*axis));
        let mut columns: Vec<Column> = names.map(Column::words).collect();
        let difference = unit.difference_heading();
        let interval = format!("{} % CI", rounded(100.0 * self.pairing.level));
        columns.extend(["n", "df", "p"].map(Column::numbers));
        let numbers = rest.len() + 1;
        columns.splice(numbers..numbers, [difference, &interval].map(Column::numbers));
        if self.pairing.correct == Correction::Holm {
            columns.push(Column::numbers("p (Holm)"));
        }
        let mut table = Table::new(title, columns);
        for (contrast, adjusted) in self.contrasts.iter().zip(&self.adjusted) {
            table.rows.push(self.row(records, &rest, unit, contrast, *adjusted));
        }
        table.notes = self.notes(records, &rest, unit);
        table
    }

    fn row(
        &self,
        records: &Records,
        rest: &[usize],
        unit: Unit,
        contrast: &Contrast,
        adjusted: Option<f64>,
    ) -> Vec<String> {
        let mut row: Vec<String> = place_names(records, rest, &contrast.place);
        row.push(records.level_name(self.by, contrast.level).to_owned());
        row.push(or_dash(contrast.difference, |value| signed(unit, value)));
        row.push(bracketed(contrast.interval(self.pairing.level), |end| unit.show(end)));
        row.push(contrast.pairs.to_string());
        row.push(or_dash(contrast.error, |_| contrast.df.to_string()));
        row.push(or_dash(contrast.p(), p_value));
        if self.pairing.correct == Correction::Holm {
            row.push(or_dash(adjusted, p_value));
        }
        row
    }

    fn notes(&self, records: &Records, rest: &[usize], unit: Unit) -> Vec<String> {
        let Pairing { by, replicate, level, correct, .. } = &self.pairing;
        let tests = self.adjusted.iter().flatten().count();
        let mut notes = vec![format!(
            "two-sided t tests; error pooled over {by} in randomised blocks of {replicate}, \
             df = (A - 1)(S - 1)"
        )];
        let mut alone: Vec<&Vec<usize>> =
            self.contrasts.iter().filter(|c| !c.pooled && c.pairs > 1).map(|c| &c.place).collect();
        alone.dedup();
        if !alone.is_empty() {
            let places: Vec<String> = alone
                .into_iter()
                .map(|place| place_names(records, rest, place).join(" "))
                .filter(|place| !place.is_empty())
                .collect();
            let places = if places.is_empty() { String::new() } else { places.join(", ") + ": " };
            notes.push(format!(
                "{places}cells are missing, so each pair is tested alone (paired t, df = n - 1)"
            ));
        }
        if *correct == Correction::Holm && tests > 0 {
            let plural = if tests == 1 { "" } else { "s" };
            notes.push(format!(
                "p (Holm) treats the {tests} test{plural} of this table as one family; each interval \
                 covers {} % by itself",
                rounded(100.0 * level)
            ));
        }
        let mut sizes: Vec<usize> =
            self.contrasts.iter().map(|c| c.pairs).filter(|pairs| *pairs > 0).collect();
        sizes.sort_unstable();
        sizes.dedup();
        notes.extend(sizes.into_iter().map(|pairs| self.sign_flip(pairs, tests)));
        if self.contrasts.iter().any(|c| c.pairs > 1 && c.error.is_none()) {
            notes.push(format!(
                "differences without an interval are the same for every {replicate}: there is no \
                 error to test them against"
            ));
        }
        notes.extend(
            left_out(self.contrasts.iter().flat_map(|contrast| &contrast.excluded))
                .map(|counts| format!("pairs {counts}")),
        );
        notes.push(self.limits(records, rest, unit));
        notes
    }

    /// What a sign-flip permutation test of this many pairs could reach.
    fn sign_flip(&self, pairs: usize, tests: usize) -> String {
        let alpha = 1.0 - self.pairing.level;
        let smallest = 2f64.powi(1 - pairs as i32);
        let replicates = if pairs == 1 { "replicate" } else { "replicates" };
        if smallest >= alpha {
            return format!(
                "with {pairs} {replicates} a sign-flip test cannot reach p < {} (smallest \
                 possible {smallest})",
                rounded(alpha)
            );
        }
        let corrected = match self.pairing.correct {
            Correction::Holm if tests > 1 => {
                let adjusted = p_value((smallest * tests as f64).min(1.0));
                format!(", {adjusted} after Holm over {tests} tests")
            }
            _ => String::new(),
        };
        format!(
            "with {pairs} {replicates} the smallest possible p of a sign-flip test is \
             {}{corrected}",
            p_value(smallest)
        )
    }

    /// What the table leaves open.
    fn limits(&self, records: &Records, rest: &[usize], unit: Unit) -> String {
        let halves = self.contrasts.iter().filter_map(|contrast| {
            let interval = contrast.interval(self.pairing.level)?;
            Some((interval.high - interval.low) / 2.0)
        });
        let resolution = match halves.min_by(f64::total_cmp) {
            Some(half) => format!(
                "effects below {} (half the narrowest interval), and ",
                unit.show_difference(half)
            ),
            None => String::new(),
        };
        let mut grid: Vec<String> = Vec::new();
        for axis in [self.replicate].iter().chain(rest) {
            let levels = records.axes.get(*axis).map_or(0, |axis| axis.levels.len());
            grid.push(format!("{}: {levels}", records.axis_name(*axis)));
        }
        format!("{LIMITS}{resolution}anything beyond this grid ({}) and its scale", grid.join(", "))
    }
}
