//! Holm's correction for many comparisons.

/// Adjusts p-values so that rejecting those below alpha errs anywhere with probability at most
/// alpha, whatever their dependence (Holm 1979, "A simple sequentially rejective multiple test
/// procedure"). The order of the values is kept.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut floor: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        floor = floor.max(p_values[index] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[index] = floor;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::{Fixture, assert_near};

    #[test]
    fn holm_agrees_with_statsmodels() {
        for case in Fixture::read().holm {
            for (found, expected) in holm(&case.p).into_iter().zip(case.adjusted) {
                assert_near(found, expected, 1e-12, "adjusted p");
            }
        }
    }

    #[test]
    fn holm_lies_between_no_correction_and_bonferroni() {
        let p = [0.03, 0.001, 0.2, 0.012];
        for (raw, adjusted) in p.into_iter().zip(holm(&p)) {
            assert!(raw <= adjusted && adjusted <= (4.0 * raw).min(1.0), "{raw} {adjusted}");
        }
        assert_eq!(holm(&[0.04]), [0.04]);
        assert!(holm(&[]).is_empty());
    }
}
