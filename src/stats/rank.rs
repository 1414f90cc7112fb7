//! Ranks.

/// The rank of each value, from 1; equal values share the mean of their ranks.
pub(super) fn midranks(values: &[f64]) -> Vec<f64> {
    midranks_within(values, 0.0)
}

/// The same, where neighbours in order that are no further apart than `tolerance` count as equal.
pub(super) fn midranks_within(values: &[f64], tolerance: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|a, b| values[*b] - values[*a] <= tolerance) {
        for place in tied {
            ranks[*place] = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        }
        before += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_rank() {
        assert_eq!(midranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [4.0, 1.0, 4.0, 2.0, 4.0]);
        assert_eq!(midranks(&[0.0, -0.0]), [1.5, 1.5]);
        assert!(midranks(&[]).is_empty());
    }

    #[test]
    fn values_within_the_tolerance_share_a_rank() {
        let values = [0.3, 0.1 + 0.2, 0.3 + 1e-6, 0.2];
        assert_eq!(midranks(&values), [2.0, 3.0, 4.0, 1.0]);
        assert_eq!(midranks_within(&values, 1e-9), [2.5, 2.5, 4.0, 1.0]);
    }
}
