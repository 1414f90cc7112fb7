//! The estimate of a contrast and its error.

use super::contrast::Contrast;
use crate::stats::block::pooled_error;
use crate::stats::interval::{Interval, around, mean, sd, two_sided_p};
use crate::stats::ratio::{Pair, fieller};
use std::collections::BTreeMap;

/// For each arm one value per replicate; none where a cell is missing.
pub(super) type Values = BTreeMap<String, Vec<Option<f64>>>;

/// An estimated contrast.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect {
    /// The mean over replicates.
    pub(super) estimate: f64,
    /// Its standard error; none where it cannot be told.
    pub(super) error: Option<f64>,
    /// The degrees of freedom of the error.
    pub(super) df: usize,
    /// The replicates.
    pub(super) n: usize,
    /// Whether the error is pooled over all arms.
    pub(super) pooled: bool,
}

impl Effect {
    /// Estimates `contrast`; none without a replicate that has all of its arms.
    ///
    /// The error is that of randomised blocks over all arms of `values` that have any, where no cell
    /// of these is missing, else the deviation of the contrast itself over the replicates that have it.
    pub(super) fn of(contrast: &Contrast, values: &Values) -> Option<Self> {
        let arms: Vec<(&Vec<Option<f64>>, f64)> = contrast
            .weights
            .iter()
            .map(|(arm, weight)| values.get(arm).map(|values| (values, *weight)))
            .collect::<Option<_>>()?;
        let replicates = arms.first()?.0.len();
        let at = |replicate: usize| -> Option<f64> {
            arms.iter().map(|(values, weight)| Some(values[replicate]? * weight)).sum()
        };
        let found: Vec<f64> = (0..replicates).filter_map(at).collect();
        let estimate = mean(&found)?;
        let block: Option<Vec<Vec<f64>>> = values
            .values()
            .filter(|values| values.iter().any(Option::is_some))
            .map(|values| values.iter().copied().collect())
            .collect();
        let squares: f64 = arms.iter().map(|(_, weight)| weight * weight).sum();
        let pooled = block
            .and_then(|block| pooled_error(&block))
            .map(|(error, df)| (error * (squares / 2.0).sqrt(), df));
        let alone = sd(&found).map(|sd| (sd / (found.len() as f64).sqrt(), found.len() - 1));
        let (error, df) = pooled.or(alone).unzip();
        let size = values.values().flatten().flatten().fold(0.0, |size: f64, x| size.max(x.abs()));
        Some(Self {
            estimate,
            error: error.filter(|error| *error > 1e-12 * size),
            df: df.unwrap_or(0),
            n: found.len(),
            pooled: pooled.is_some(),
        })
    }

    /// The t interval of this coverage.
    pub(super) fn interval(&self, level: f64) -> Option<Interval> {
        around(self.estimate, self.error?, self.df, level)
    }

    /// The two-sided p-value of no effect.
    pub(super) fn p(&self) -> Option<f64> {
        two_sided_p(self.estimate / self.error?, self.df)
    }
}

/// The share of `part` in `total` by Fieller's theorem; none unless the error is pooled and the
/// total lies two half-widths of its own interval from zero.
pub(super) fn share(
    (part, part_weights): (&Effect, &Contrast),
    (total, total_weights): (&Effect, &Contrast),
    level: f64,
) -> Option<(f64, Interval)> {
    let interval = total.interval(level)?;
    let half = (interval.high - interval.low) / 2.0;
    if !part.pooled || !total.pooled || total.estimate.abs() < 2.0 * half {
        return None;
    }
    let squares = |weights: &Contrast| weights.weights.values().map(|w| w * w).sum::<f64>();
    // The variance of an arm's mean, in units of squared critical values.
    let unit = half * half / squares(total_weights);
    let both: f64 = part_weights
        .weights
        .iter()
        .map(|(arm, weight)| weight * total_weights.weights.get(arm).copied().unwrap_or(0.0))
        .sum();
    let interval = fieller(&Pair {
        numerator: (part.estimate, unit * squares(part_weights)),
        denominator: (total.estimate, unit * squares(total_weights)),
        both: unit * both,
    })?;
    Some((part.estimate / total.estimate, interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Stream;
    use crate::stats::decompose::adversarial_transfer::{ARMS, PARTS, contrasts};
    use crate::stats::decompose::request::together;
    use crate::stats::fixture::{CellsFixture, Fixture, assert_near};

    fn contrast(weights: &[(&str, f64)]) -> Contrast {
        let weights = weights.iter().map(|(arm, weight)| ((*arm).to_owned(), *weight)).collect();
        Contrast::new("test", weights, None).unwrap()
    }

    fn values(rows: &[Vec<f64>]) -> Values {
        let arms = ["a", "b", "c", "d"].iter().zip(rows);
        arms.map(|(arm, row)| ((*arm).to_owned(), row.iter().copied().map(Some).collect()))
            .collect()
    }

    #[test]
    fn contrasts_of_two_arms_agree_with_least_squares() {
        for case in Fixture::read().blocks {
            let values = values(&case.values);
            for (arm, expected) in ["b", "c", "d"].iter().zip(&case.contrasts) {
                let found = Effect::of(&contrast(&[(arm, 1.0), ("a", -1.0)]), &values).unwrap();
                assert_eq!(found.df, case.df);
                assert_near(found.estimate, expected.difference, 1e-10, "estimate");
                assert_near(found.error.unwrap(), expected.error, 1e-10, "error");
                assert_near(found.p().unwrap(), expected.p, 1e-9, "p");
            }
        }
    }

    #[test]
    fn contrasts_of_many_arms_and_their_shares_agree_with_statsmodels() {
        for case in CellsFixture::read().decompositions {
            let arms = &ARMS[..case.values.len()];
            let all = contrasts(|arm| arms.contains(&arm).then(|| arm.to_owned())).unwrap();
            assert_eq!(all.len(), case.contrasts.len());
            let level = together(case.level, all.len());
            let values: Values = arms
                .iter()
                .zip(&case.values)
                .map(|(arm, row)| ((*arm).to_owned(), row.iter().copied().map(Some).collect()))
                .collect();
            let effects: Vec<Effect> =
                all.iter().map(|one| Effect::of(one, &values).unwrap()).collect();
            for (found, expected) in effects.iter().zip(&case.contrasts) {
                assert_eq!((found.df, found.pooled), (case.df, true));
                assert_near(found.estimate, expected.estimate, 1e-10, "estimate");
                assert_near(found.error.unwrap(), expected.error, 1e-10, "error");
                assert_near(found.p().unwrap(), expected.p, 1e-9, "p");
                let interval = found.interval(level).unwrap();
                assert_near(interval.low, expected.low, 1e-8, "low");
                assert_near(interval.high, expected.high, 1e-8, "high");
            }
            let parts = all.iter().zip(&effects);
            let parts = parts.filter(|(contrast, _)| PARTS.contains(&contrast.name.as_str()));
            for ((contrast, effect), expected) in parts.zip(&case.shares) {
                let found = share((effect, contrast), (&effects[0], &all[0]), level).unwrap();
                assert_near(found.0, expected.share, 1e-10, "share");
                assert_near(found.1.low, expected.low, 1e-8, "low share");
                assert_near(found.1.high, expected.high, 1e-8, "high share");
            }
        }
    }

    #[test]
    fn a_missing_cell_leaves_the_other_replicates() {
        let mut values = values(&[vec![1.0, 2.0, 4.0], vec![2.0, 4.0, 7.0]]);
        values.get_mut("a").unwrap()[0] = None;
        let found = Effect::of(&contrast(&[("b", 1.0), ("a", -1.0)]), &values).unwrap();
        assert_eq!((found.n, found.df, found.pooled, found.estimate), (2, 1, false, 2.5));
    }

    #[test]
    fn an_arm_that_has_no_value_changes_nothing() {
        let rows = [vec![1.0, 2.0, 4.0], vec![2.0, 4.0, 7.0], vec![3.0, 3.5, 5.0]];
        let of = |values: &Values| {
            let found = Effect::of(&contrast(&[("b", 1.0), ("a", -1.0)]), values).unwrap();
            (found.estimate, found.error, found.df, found.pooled)
        };
        let mut diverged = values(&rows);
        diverged.insert("d".to_owned(), vec![None; 3]);
        assert_eq!(of(&diverged), of(&values(&rows)));
        assert!(of(&diverged).3);
    }

    #[test]
    fn shares_cover_the_truth_as_often_as_they_say() {
        let part = contrast(&[("b", 1.0), ("a", -1.0)]);
        let total = contrast(&[("c", 1.0), ("a", -1.0)]);
        let (mut covered, mut known) = (0, 0);
        for run in 0..2000 {
            let mut draw = Stream::new(run, "test").generator();
            let mut row = |centre: f64| -> Vec<f64> {
                (0..6).map(|_| centre + f64::from(draw.normal())).collect()
            };
            let values = values(&[row(0.0), row(3.0), row(10.0)]);
            let (p, t) =
                (Effect::of(&part, &values).unwrap(), Effect::of(&total, &values).unwrap());
            if let Some((_, found)) = share((&p, &part), (&t, &total), 0.95) {
                known += 1;
                covered += usize::from(found.low <= 0.3 && 0.3 <= found.high);
            }
        }
        let rate = f64::from(covered as u32) / f64::from(known);
        assert!(known > 1990 && (0.935..=0.965).contains(&rate), "{covered} of {known}");
    }

    #[test]
    fn there_is_no_share_of_a_total_that_may_be_zero() {
        let values = values(&[vec![0.0, 1.0, 2.0], vec![1.5, 1.0, 3.5]]);
        let whole = contrast(&[("b", 1.0), ("a", -1.0)]);
        let found = Effect::of(&whole, &values).unwrap();
        assert_eq!(share((&found, &whole), (&found, &whole), 0.95), None);
    }
}
