//! The bootstrap: means of resamples, and the interval that corrects their bias and skew.

use super::interval::{Interval, mean};
use crate::seed::Stream;
use statrs::distribution::{ContinuousCDF, Normal};

/// The means of `count` resamples of `values`, drawn with replacement.
pub fn means_of_resamples(values: &[f64], count: usize, stream: Stream) -> Vec<f64> {
    let mut draw = stream.generator();
    let mut one = || {
        let sum: f64 = values.iter().map(|_| values[draw.below(values.len())]).sum();
        sum / values.len() as f64
    };
    (0..count).map(|_| one()).collect()
}

/// The bias-corrected and accelerated interval of a mean (Efron 1987) from the means of resamples;
/// none where nothing varies.
pub fn bca(values: &[f64], resampled: &[f64], level: f64) -> Option<Interval> {
    let centre = mean(values)?;
    let (n, count) = (values.len() as f64, resampled.len() as f64);
    let below = resampled.iter().filter(|value| **value < centre).count() as f64;
    let equal = resampled.iter().filter(|value| **value == centre).count() as f64;
    let normal = Normal::standard();
    let bias = normal.inverse_cdf((below + equal / 2.0) / count);
    // The jackknife of a mean: leaving out x moves it by (mean - x) / (n - 1).
    let moved = values.iter().map(|value| value - centre);
    let (squares, cubes) = moved.fold((0.0, 0.0), |(squares, cubes): (f64, f64), u| {
        (squares + u * u / (n * n), cubes + u * u * u / (n * n * n))
    });
    let acceleration = cubes / squares.powf(1.5) / 6.0;
    let end = |z: f64| {
        let shifted = bias + z;
        let share = normal.cdf(bias + shifted / (1.0 - acceleration * shifted));
        (share.is_finite()).then_some(share)
    };
    let z = normal.inverse_cdf((1.0 + level) / 2.0);
    let (low, high) = (end(-z)?, end(z)?);
    let mut sorted = resampled.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Interval { low: quantile(&sorted, low)?, high: quantile(&sorted, high)? })
}

/// The quantile of sorted values, linear between neighbours; none of no values.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let low = *sorted.get(below)?;
    let high = *sorted.get(below + 1).unwrap_or(&low);
    Some(low + part * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::{Fixture, assert_near};
    use crate::stats::interval::sd;

    #[test]
    fn bca_intervals_agree_with_scipy_on_the_same_resamples() {
        for case in Fixture::read().bootstraps {
            let drawn: Vec<f64> = case
                .indices
                .chars()
                .map(|digit| case.values[digit.to_digit(36).unwrap() as usize])
                .collect();
            let resampled: Vec<f64> =
                drawn.chunks(case.values.len()).map(|one| mean(one).unwrap()).collect();
            let found = bca(&case.values, &resampled, case.level).unwrap();
            assert_near(found.low, case.low, 1e-9, "low");
            assert_near(found.high, case.high, 1e-9, "high");
        }
    }

    #[test]
    fn the_means_of_resamples_vary_as_theory_says() {
        let values = [1.0, 4.0, 4.0, 7.0, 11.0];
        let means = means_of_resamples(&values, 40_000, Stream::new(0, "test"));
        let expected = sd(&values).unwrap() * (4.0f64 / 5.0).sqrt() / 5f64.sqrt();
        assert!((sd(&means).unwrap() / expected - 1.0).abs() < 0.02);
        assert!((mean(&means).unwrap() - 5.4).abs() < 0.03);
    }

    #[test]
    fn values_that_do_not_vary_have_no_interval() {
        assert_eq!(bca(&[2.0; 4], &[2.0; 100], 0.95), None);
    }
}
