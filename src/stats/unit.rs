//! How a metric is printed: accuracies in percent, everything else with four significant digits.

use super::records::{Observation, Records, observe};

/// The names of what is a share of images or a mean of such shares.
const SHARES: [&str; 5] = ["accuracy", "correct", "score", "mean_per_class", "top5"];

/// The unit in which a metric is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Shares of 1, shown as percent with two decimals; differences are points.
    Percent,
    /// Any other number, shown with four significant digits.
    Plain,
}

impl Unit {
    /// The unit of a metric: percent where its name ends as that of a share does (`accuracy`,
    /// `robust_score`) and all its numbers lie in [0, 1].
    pub fn of(records: &Records, metric: &str) -> Self {
        let named = SHARES.iter().any(|share| metric.ends_with(share));
        let shares = records.rows.iter().all(|row| match observe(Some(row), metric) {
            Observation::Value(value) => (0.0..=1.0).contains(&value),
            Observation::Excluded(_) => true,
        });
        if named && shares { Self::Percent } else { Self::Plain }
    }

    /// What a number is multiplied by before it is shown.
    pub fn factor(self) -> f64 {
        match self {
            Self::Percent => 100.0,
            Self::Plain => 1.0,
        }
    }

    /// A number of the metric as text, without its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Percent => without_minus_zero(format!("{:.2}", 100.0 * value)),
            Self::Plain => significant(value),
        }
    }

    /// The metric's name with the unit of its values: `accuracy (%)`.
    pub fn heading(self, metric: &str) -> String {
        match self {
            Self::Percent => format!("{metric} (%)"),
            Self::Plain => metric.to_owned(),
        }
    }

    /// The heading of a column of differences.
    pub fn difference_heading(self) -> &'static str {
        match self {
            Self::Percent => "difference (points)",
            Self::Plain => "difference",
        }
    }

    /// The size of a difference with its unit: `1.20 points`.
    pub fn show_difference(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{} points", self.show(value)),
            Self::Plain => self.show(value),
        }
    }
}

/// Four significant digits, in powers of ten where the plain form would be long.
fn significant(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e7).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - size.log10().floor() as i32).max(0) as usize;
    format!("{value:.decimals$}")
}

fn without_minus_zero(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| byte == b'0' || byte == b'.') => rest.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::records::tests::grid;

    #[test]
    fn only_shares_of_images_are_percent() {
        let seeds: &[(&str, &[&str])] = &[("seed", &["0", "1"])];
        let share = |_: &[usize]| 0.5;
        for name in ["accuracy", "robust_accuracy", "correct", "score", "mean_per_class", "top5"] {
            assert_eq!(Unit::of(&grid(seeds, name, share), name), Unit::Percent, "{name}");
        }
        assert_eq!(Unit::of(&grid(seeds, "nll", share), "nll"), Unit::Plain);
        assert_eq!(Unit::of(&grid(seeds, "loss", share), "loss"), Unit::Plain);
        assert_eq!(Unit::of(&grid(seeds, "accuracy", |_| 81.0), "accuracy"), Unit::Plain);
    }

    #[test]
    fn plain_numbers_keep_four_significant_digits() {
        let shown = [0.0, 1.0, -2.345_67, 0.012_345, 12_345.678, 3.2e-9, 4e12];
        let shown: Vec<String> = shown.into_iter().map(|x| Unit::Plain.show(x)).collect();
        assert_eq!(shown, ["0", "1.000", "-2.346", "0.01235", "12346", "3.200e-9", "4.000e12"]);
        assert_eq!(Unit::Percent.show(-0.000_01), "0.00");
    }
}
