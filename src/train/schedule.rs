//! Learning-rate schedules, as functions of the update.

use crate::error::{Error, Result};

/// How the learning rate moves; a schedule stretches with the number of updates.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It falls by `gamma` at one third and again at two thirds (Salman et al. 2020: 0.1).
    Step {
        /// The factor of each fall.
        gamma: f64,
    },
    /// It falls by `gamma` at each of these shares of the training.
    Multistep {
        /// In (0, 1), ascending.
        at: Vec<f64>,
        /// The factor of each fall.
        gamma: f64,
    },
    /// It rises linearly from 0 to the middle and falls linearly to 0 (Wong et al. 2020).
    Cyclic,
    /// It rises linearly from 0 over the first fifth and falls to 0 as a half cosine.
    OneCycle,
    /// It falls to 0 as a half cosine (Loshchilov and Hutter 2017).
    Cosine,
}

/// The names of the schedules, the default first.
pub const NAMES: &[&str] = &["one_cycle", "step", "multistep", "cyclic", "cosine", "constant"];

impl Schedule {
    /// The schedule of a name among [`NAMES`]; `milestones` are epochs out of `epochs`.
    ///
    /// # Errors
    /// Milestones without "multistep" and the other way round; milestones that do not ascend or
    /// lie outside the training.
    pub fn named(name: &str, gamma: f64, milestones: &[f64], epochs: i64) -> Result<Self> {
        let refuse = |message: String| {
            Err(Error::usage(format!("train: {message}"))
                .at_key("milestones")
                .hint("milestones: [30, 60] with schedule: \"multistep\" falls after 30 epochs and after 60"))
        };
        if name == "multistep" {
            let at: Vec<f64> = milestones.iter().map(|epoch| epoch / epochs as f64).collect();
            let inside = at.iter().all(|share| *share > 0.0 && *share < 1.0);
            if at.is_empty() || !inside || !at.is_sorted() {
                return refuse(format!(
                    "milestones expected epochs between 0 and {epochs} in ascending order, found \
                     {milestones:?}"
                ));
            }
            return Ok(Self::Multistep { at, gamma });
        }
        if !milestones.is_empty() {
            return refuse(format!(
                "milestones belong to schedule \"multistep\", found \"{name}\""
            ));
        }
        Ok(match name {
            "step" => Self::Step { gamma },
            "constant" => Self::Constant,
            "cyclic" => Self::Cyclic,
            "cosine" => Self::Cosine,
            _ => Self::OneCycle,
        })
    }

    /// The learning rate of update `step` (from 0) out of `total`, for a peak of `lr`.
    pub fn rate(&self, lr: f64, step: u64, total: u64) -> f64 {
        let total = total.max(1);
        let progress = (step as f64 + 1.0) / total as f64;
        match self {
            Self::Constant => lr,
            Self::Step { gamma } => lr * gamma.powi((3 * step / total) as i32),
            Self::Multistep { at, gamma } => {
                let done = step as f64;
                // An epoch's end may lie a rounding before its update.
                let falls = at.iter().filter(|share| done + 1e-6 >= **share * total as f64).count();
                lr * gamma.powi(falls as i32)
            }
            Self::Cyclic => lr * (2.0 * progress).min(2.0 - 2.0 * progress),
            Self::OneCycle if progress <= 0.2 => lr * progress / 0.2,
            Self::OneCycle => half_cosine(lr, (progress - 0.2) / 0.8),
            Self::Cosine => half_cosine(lr, step as f64 / total as f64),
        }
    }
}

fn half_cosine(lr: f64, done: f64) -> f64 {
    lr * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: &Schedule, total: u64) -> Vec<f64> {
        (0..total).map(|step| schedule.rate(0.1, step, total)).collect()
    }

    #[test]
    fn one_cycle_peaks_at_a_fifth_and_ends_at_zero() {
        let rates = rates(&Schedule::OneCycle, 100);
        assert!((rates[19] - 0.1).abs() < 1e-12);
        assert!(rates[99].abs() < 1e-12);
        assert!(rates.iter().all(|rate| *rate <= 0.1 + 1e-12));
    }

    #[test]
    fn step_divides_by_ten_at_each_third() {
        let rate = |step| Schedule::Step { gamma: 0.1 }.rate(1.0, step, 90);
        assert_eq!((rate(29), rate(30), rate(60)), (1.0, 0.1, 0.1f64.powi(2)));
    }

    #[test]
    fn multistep_falls_after_its_epochs() {
        // 7 epochs of 13 updates; PyTorch's MultiStepLR falls before updates 39 and 65.
        let schedule = Schedule::named("multistep", 0.5, &[3.0, 5.0], 7).unwrap();
        let rate = |step| schedule.rate(1.0, step, 91);
        assert_eq!([38, 39, 64, 65].map(rate), [1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn cyclic_is_a_triangle_and_cosine_falls_from_the_peak() {
        let cyclic = rates(&Schedule::Cyclic, 100);
        assert!((cyclic[49] - 0.1).abs() < 1e-12 && cyclic[99].abs() < 1e-12);
        assert!((cyclic[24] - cyclic[74]).abs() < 1e-12 && (cyclic[24] - 0.05).abs() < 1e-12);
        let cosine = rates(&Schedule::Cosine, 100);
        assert!((cosine[0] - 0.1).abs() < 1e-12 && (cosine[50] - 0.05).abs() < 1e-12);
        assert!(cosine.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn milestones_are_checked() {
        let message = |name, milestones: &[f64]| {
            Schedule::named(name, 0.1, milestones, 10).err().unwrap().to_string()
        };
        for milestones in [vec![], vec![0.0], vec![10.0], vec![6.0, 3.0]] {
            assert!(message("multistep", &milestones).contains("between 0 and 10"));
        }
        assert!(message("step", &[3.0]).contains("belong to schedule \"multistep\""));
    }
}
