//! Paired contrasts against a baseline, with the error of randomised blocks.
//!
//! Arms trained with the same seed share initialisation, order and splits: the seed is a block.
//! Within one place of the grid the model is value = arm + block + error; the error, pooled over
//! all arms, has (A - 1)(S - 1) degrees of freedom (Fisher 1935, "The Design of Experiments").

use super::interval::{Interval, around, mean, sd, two_sided_p};
use super::records::{Observation, Records};

/// The difference of one level to the baseline, at one place of the remaining axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    /// The levels of the remaining axes.
    pub place: Vec<usize>,
    /// The level that is compared.
    pub level: usize,
    /// The number of replicates with both values.
    pub pairs: usize,
    /// The mean of level minus baseline, in the unit of the metric; none without pairs.
    pub difference: Option<f64>,
    /// The standard error of the difference; none without degrees of freedom, and where nothing
    /// varies between replicates.
    pub error: Option<f64>,
    /// The degrees of freedom of the error.
    pub df: usize,
    /// Whether the error is pooled over all levels, or that of this pair alone.
    pub pooled: bool,
    /// Why replicates are left out, one reason for each.
    pub excluded: Vec<String>,
}

impl Contrast {
    /// The t interval of the difference.
    pub fn interval(&self, level: f64) -> Option<Interval> {
        around(self.difference?, self.error?, self.df, level)
    }

    /// The two-sided p-value of no difference.
    pub fn p(&self) -> Option<f64> {
        two_sided_p(self.difference? / self.error?, self.df)
    }
}

/// Compares every level of the axis `by` with the level `baseline`, at every place of the axes
/// that are neither `by` nor `replicate`, in grid order.
///
/// Where every level that ran has a value in every replicate that ran, the error is pooled;
/// otherwise each pair is tested alone, on the replicates that have both values.
pub fn contrasts(
    records: &Records,
    by: usize,
    baseline: usize,
    metric: &str,
    replicate: usize,
) -> Vec<Contrast> {
    let cells = records.cells();
    let rest = records.other_axes(&[by, replicate]);
    let axes = [rest.as_slice(), &[by, replicate]].concat();
    let replicates = records.places(&[replicate]);
    let mut all = Vec::new();
    for place in records.places(&rest) {
        let values: Vec<Vec<Observation>> = records
            .places(&[by])
            .iter()
            .map(|level| {
                let observed = replicates.iter().map(|replicate| {
                    let place = [place.as_slice(), level, replicate].concat();
                    records.at(&cells, &axes, &place, metric)
                });
                observed.collect()
            })
            .collect();
        let Some(base) = values.get(baseline) else { continue };
        let block = complete(&values).and_then(|block| pooled_error(&block));
        for (level, arm) in values.iter().enumerate().filter(|(level, _)| *level != baseline) {
            all.push(pair(&place, level, arm, base, block));
        }
    }
    all
}

/// Levels by replicates without those that never ran; none where a value is missing.
fn complete(values: &[Vec<Observation>]) -> Option<Vec<Vec<f64>>> {
    let number = |observation: &Observation| match observation {
        Observation::Value(value) => Some(*value),
        Observation::Excluded(_) => None,
    };
    let ran: Vec<&Vec<Observation>> =
        values.iter().filter(|arm| arm.iter().any(|value| number(value).is_some())).collect();
    let replicates = values.first().map_or(0, Vec::len);
    let blocks: Vec<usize> = (0..replicates)
        .filter(|block| ran.iter().any(|arm| arm.get(*block).and_then(number).is_some()))
        .collect();
    ran.iter().map(|arm| blocks.iter().map(|b| arm.get(*b).and_then(number)).collect()).collect()
}

/// The standard error of a difference of two levels and its degrees of freedom, from the residuals
/// of the additive model.
pub(super) fn pooled_error(block: &[Vec<f64>]) -> Option<(f64, usize)> {
    let replicates = block.first()?.len();
    let df = block.len().checked_sub(1)? * replicates.checked_sub(1)?;
    if df == 0 {
        return None;
    }
    let arms: Vec<f64> = block.iter().filter_map(|arm| mean(arm)).collect();
    let all = mean(&arms)?;
    let mut squares = 0.0;
    for replicate in 0..replicates {
        let column: Vec<f64> = block.iter().map(|arm| arm[replicate]).collect();
        let shared = mean(&column)? - all;
        squares += column
            .iter()
            .zip(&arms)
            .map(|(value, arm)| (value - arm - shared).powi(2))
            .sum::<f64>();
    }
    Some(((2.0 * squares / df as f64 / replicates as f64).sqrt(), df))
}

fn pair(
    place: &[usize],
    level: usize,
    arm: &[Observation],
    base: &[Observation],
    block: Option<(f64, usize)>,
) -> Contrast {
    let mut differences = Vec::new();
    let mut excluded = Vec::new();
    let mut size: f64 = 0.0;
    for pair in arm.iter().zip(base) {
        match pair {
            (Observation::Value(value), Observation::Value(base)) => {
                differences.push(value - base);
                size = size.max(value.abs()).max(base.abs());
            }
            (Observation::Excluded(reason), _) | (_, Observation::Excluded(reason)) => {
                excluded.push(reason.clone());
            }
        }
    }
    let pairs = differences.len();
    let alone = sd(&differences).map(|sd| (sd / (pairs as f64).sqrt(), pairs - 1));
    let (error, df) = block.or(alone).unzip();
    // Rounding leaves residuals of about 1e-16 where nothing varies.
    let varies = |error: &f64| *error > 1e-12 * size;
    Contrast {
        place: place.to_vec(),
        level,
        pairs,
        difference: mean(&differences),
        error: error.filter(|error| pairs > 1 && varies(error)),
        df: df.unwrap_or(0),
        pooled: block.is_some(),
        excluded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use crate::stats::fixture::{Fixture, assert_near};
    use crate::stats::records::tests::grid;

    const SEEDS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    const ARMS: [&str; 4] = ["a", "b", "c", "d"];

    fn block(values: &[Vec<f64>]) -> Records {
        let axes = [("arm", &ARMS[..values.len()]), ("seed", &SEEDS[..values[0].len()])];
        grid(&axes, "loss", |at| values[at[0]][at[1]])
    }

    fn noise(stream: u64, arms: usize, seeds: usize) -> Vec<Vec<f64>> {
        let mut generator = Stream::new(7, "block").at(stream).generator();
        let mut row = || (0..seeds).map(|_| f64::from(generator.normal())).collect();
        (0..arms).map(|_| row()).collect()
    }

    #[test]
    fn pooled_contrasts_agree_with_least_squares() {
        for case in Fixture::read().blocks {
            let found = contrasts(&block(&case.values), 0, 0, "loss", 1);
            for (found, expected) in found.iter().zip(&case.contrasts) {
                let interval = found.interval(0.95).unwrap();
                assert!(found.pooled);
                assert_eq!(found.df, case.df);
                assert_near(found.difference.unwrap(), expected.difference, 1e-10, "difference");
                assert_near(found.error.unwrap(), expected.error, 1e-10, "error");
                assert_near(interval.low, expected.low, 1e-8, "low");
                assert_near(interval.high, expected.high, 1e-8, "high");
                assert_near(found.p().unwrap(), expected.p, 1e-9, "p");
            }
        }
    }

    #[test]
    fn pairs_with_missing_cells_agree_with_scipys_paired_test() {
        for case in Fixture::read().pairs {
            let mut records = block(&[case.base.clone(), case.arm.clone(), case.base.clone()]);
            // A hole in the third arm makes the block incomplete and leaves the pair whole.
            records.rows.retain(|row| row.levels != [2, 0]);
            let found = &contrasts(&records, 0, 0, "loss", 1)[0];
            assert!(!found.pooled);
            assert_near(found.p().unwrap(), case.p, 1e-9, "p");
            let interval = found.interval(0.95).unwrap();
            assert_near(interval.low, case.low, 1e-8, "low");
            assert_near(interval.high, case.high, 1e-8, "high");
        }
    }

    #[test]
    fn with_two_arms_the_pooled_test_is_the_paired_test() {
        for stream in 0..20 {
            let values = noise(stream, 2, 5);
            let pooled = &contrasts(&block(&values), 0, 0, "loss", 1)[0];
            let differences: Vec<f64> =
                values[1].iter().zip(&values[0]).map(|(arm, base)| arm - base).collect();
            let error = sd(&differences).unwrap() / 5f64.sqrt();
            assert!(pooled.pooled);
            assert_eq!(pooled.df, 4);
            assert_near(pooled.error.unwrap(), error, 1e-12, "error");
        }
    }

    #[test]
    fn a_shift_of_a_replicate_and_the_order_of_replicates_change_nothing() {
        let values = noise(1, 4, 6);
        let expected = contrasts(&block(&values), 0, 0, "loss", 1);
        let shift = |row: &Vec<f64>| -> Vec<f64> {
            row.iter().enumerate().map(|(seed, value)| value + 3.0 * seed as f64).collect()
        };
        let reverse = |row: &Vec<f64>| -> Vec<f64> { row.iter().rev().copied().collect() };
        for change in [&shift as &dyn Fn(&Vec<f64>) -> Vec<f64>, &reverse] {
            let changed: Vec<Vec<f64>> = values.iter().map(change).collect();
            for (found, expected) in
                contrasts(&block(&changed), 0, 0, "loss", 1).iter().zip(&expected)
            {
                assert_near(found.p().unwrap(), expected.p().unwrap(), 1e-9, "p");
                assert_near(found.error.unwrap(), expected.error.unwrap(), 1e-12, "error");
            }
        }
    }

    #[test]
    fn without_a_difference_one_test_in_twenty_is_below_five_percent() {
        let mut below = 0;
        for stream in 0..4000 {
            let found = contrasts(&block(&noise(stream, 4, 3)), 0, 0, "loss", 1);
            below += usize::from(found[0].p().unwrap() < 0.05);
        }
        assert!((160..=240).contains(&below), "{below} of 4000");
    }

    #[test]
    fn arms_that_never_ran_leave_the_others_pooled() {
        let mut records = block(&noise(2, 4, 3));
        records.rows.retain(|row| row.levels[0] != 2);
        let found = contrasts(&records, 0, 0, "loss", 1);
        assert_eq!((found[1].pairs, found[1].difference, found[1].p()), (0, None, None));
        assert_eq!((found[0].pooled, found[0].df), (true, 4));
    }

    #[test]
    fn differences_that_never_vary_have_no_p_value() {
        let base: Vec<f64> = vec![0.81, 0.82, 0.85];
        let arm = base.iter().map(|value| value + 0.1).collect();
        let found = &contrasts(&block(&[base, arm]), 0, 0, "loss", 1)[0];
        assert_near(found.difference.unwrap(), 0.1, 1e-12, "difference");
        assert_eq!((found.error, found.p()), (None, None));
    }
}
