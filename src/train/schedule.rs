//! Learning-rate schedules, as functions of the step.

/// How the learning rate moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It falls to a tenth at one third and again at two thirds (Salman et al. 2020).
    Step,
    /// It rises linearly from 0 over the first fifth and falls to 0 as a half cosine.
    OneCycle,
}

/// The names of the schedules, the default first.
pub const NAMES: &[&str] = &["one_cycle", "step", "constant"];

impl Schedule {
    /// The schedule of a name among [`NAMES`].
    pub fn named(name: &str) -> Self {
        match name {
            "step" => Self::Step,
            "constant" => Self::Constant,
            _ => Self::OneCycle,
        }
    }

    /// The learning rate of update `step` (from 0) out of `total`, for a peak of `lr`.
    pub fn rate(self, lr: f64, step: u64, total: u64) -> f64 {
        let progress = (step as f64 + 1.0) / total.max(1) as f64;
        match self {
            Self::Constant => lr,
            Self::Step => lr * 0.1f64.powi((3 * step / total.max(1)) as i32),
            Self::OneCycle if progress <= 0.2 => lr * progress / 0.2,
            Self::OneCycle => {
                let fall = (progress - 0.2) / 0.8;
                lr * 0.5 * (1.0 + (std::f64::consts::PI * fall).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_peaks_at_a_fifth_and_ends_at_zero() {
        let rates: Vec<f64> =
            (0..100).map(|step| Schedule::OneCycle.rate(0.1, step, 100)).collect();
        assert!((rates[19] - 0.1).abs() < 1e-12);
        assert!(rates[99].abs() < 1e-12);
        assert!(rates.iter().all(|rate| *rate <= 0.1 + 1e-12));
    }

    #[test]
    fn step_divides_by_ten_at_each_third() {
        let rate = |step| Schedule::Step.rate(1.0, step, 90);
        assert_eq!((rate(29), rate(30), rate(60)), (1.0, 0.1, 0.1f64.powi(2)));
    }
}
