//! Mean, standard deviation and what Student's t distribution says about them.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// An interval of plausible values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The mean; none of no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample standard deviation (n - 1); none of fewer than two values.
pub fn sd(values: &[f64]) -> Option<f64> {
    let centre = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The t interval of the mean (n - 1 degrees of freedom) that covers it with probability `level`;
/// none of fewer than two values.
pub fn t_interval(values: &[f64], level: f64) -> Option<Interval> {
    let error = sd(values)? / (values.len() as f64).sqrt();
    around(mean(values)?, error, values.len() - 1, level)
}

/// The t interval around an estimate with a standard error; none without degrees of freedom or
/// with a level that does not lie in (0, 1).
pub(super) fn around(estimate: f64, error: f64, df: usize, level: f64) -> Option<Interval> {
    let half = t_quantile(df, level)? * error;
    Some(Interval { low: estimate - half, high: estimate + half })
}

/// How many standard errors a two-sided interval of this level reaches to each side.
fn t_quantile(df: usize, level: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, df as f64).ok()?;
    (level > 0.0 && level < 1.0).then(|| distribution.inverse_cdf((1.0 + level) / 2.0))
}

/// The two-sided p-value of a t statistic; none without degrees of freedom.
pub fn two_sided_p(t: f64, df: usize) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, df as f64).ok()?;
    t.is_finite().then(|| (2.0 * distribution.sf(t.abs())).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::{Fixture, assert_near};

    #[test]
    fn t_intervals_agree_with_scipy() {
        for case in Fixture::read().intervals {
            let found = t_interval(&case.values, case.level).unwrap();
            assert_near(found.low, case.low, 1e-9, "low");
            assert_near(found.high, case.high, 1e-9, "high");
        }
    }

    #[test]
    fn p_values_agree_with_scipy_far_into_the_tail() {
        for case in Fixture::read().tails {
            let found = two_sided_p(case.t, case.df).unwrap();
            assert_near(found / case.p, 1.0, 1e-9, "p");
        }
    }

    #[test]
    fn one_value_has_a_mean_and_nothing_else() {
        assert_eq!(mean(&[2.0]), Some(2.0));
        assert_eq!((sd(&[2.0]), t_interval(&[2.0], 0.95)), (None, None));
        assert_eq!(mean(&[]), None);
        assert_eq!(two_sided_p(1.0, 0), None);
    }
}
