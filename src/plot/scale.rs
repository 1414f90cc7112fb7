//! Scales: where a number lies on an axis, linear or logarithmic, and its ticks.

use super::axis::{self, Range};

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// The number.
    pub(super) value: f64,
    /// Its text; empty for a minor mark.
    pub(super) label: String,
    /// What is raised behind the text: the exponent of 10.
    pub(super) exponent: String,
}

/// A number axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    range: Range,
    logarithmic: bool,
    /// The numbers themselves, where a logarithmic axis has a few whole ones: pixels, doublings.
    few: Vec<f64>,
    /// Whether all numbers are whole, so that marks between them would mean nothing.
    whole: bool,
}

/// What is free at both ends, as a share of the axis.
const MARGIN: f64 = 0.04;
/// The most numbers of a logarithmic axis that are its marks.
const FEW: usize = 8;

impl Scale {
    /// An axis around these numbers, which are finite and, on a logarithmic axis, above 0; where a
    /// linear axis would start near zero, it starts there.
    pub(super) fn around(numbers: &[f64], logarithmic: bool) -> Self {
        let whole = numbers.iter().all(|number| number.fract() == 0.0);
        let of = |number: &f64| if logarithmic { number.log10() } else { *number };
        let (low, high) = numbers
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |ends, n| (ends.0.min(n), ends.1.max(n)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let least = if logarithmic { 0.3 } else { (1e-3 * low.abs().max(high.abs())).max(1e-9) };
        let (low, high) = match high - low < least {
            true => ((low + high - least) / 2.0, (low + high + least) / 2.0),
            false => (low, high),
        };
        let margin = MARGIN * (high - low);
        let mut few = if logarithmic && whole { numbers.to_vec() } else { Vec::new() };
        few.sort_by(f64::total_cmp);
        few.dedup();
        if !(3..=FEW).contains(&few.len()) {
            few.clear();
        }
        let from_zero = !logarithmic && low >= 0.0 && low < 0.15 * high;
        let low = if from_zero { 0.0 } else { low - margin };
        Self { range: Range { low, high: high + margin }, logarithmic, few, whole }
    }

    /// Where a number lies: 0 at the lower end and 1 at the upper.
    pub(super) fn share(&self, number: f64) -> f64 {
        let number = if self.logarithmic { number.log10() } else { number };
        (number - self.range.low) / (self.range.high - self.range.low)
    }

    /// About `wanted` marks with texts, at round numbers: on a logarithmic axis a few whole numbers
    /// themselves where there is room for them, or 1, 2 and 5 times powers of 10, or powers of 10 or
    /// each second, third, ... of them.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<Tick> {
        if !self.logarithmic {
            let most = (self.range.high - self.range.low).max(1.0) as usize;
            let wanted = if self.whole { wanted.min(most) } else { wanted };
            let tick = |(value, label)| Tick { value, label, exponent: String::new() };
            return axis::ticks(self.range, wanted).into_iter().map(tick).collect();
        }
        if self.own(wanted) {
            let mark = |value: &f64| Tick {
                value: *value,
                label: format!("{value:.0}"),
                exponent: String::new(),
            };
            return self.few.iter().map(mark).collect();
        }
        let decades = self.range.high - self.range.low;
        match 3.0 * decades <= 1.3 * wanted as f64 {
            true => self.multiples(&[1.0, 2.0, 5.0], 1),
            false => self.multiples(&[1.0], self.step(wanted)),
        }
    }

    /// Whether the few numbers there are have texts themselves: these must not touch.
    fn own(&self, wanted: usize) -> bool {
        let room = (self.range.high - self.range.low) / wanted.max(1) as f64;
        let apart = |pair: &[f64]| (pair[1] / pair[0]).log10() >= room;
        !self.few.is_empty() && self.few[self.few.len() - 1] < 1e5 && self.few.windows(2).all(apart)
    }

    /// Which powers of 10 have marks with texts: each, each second, ...
    fn step(&self, wanted: usize) -> i32 {
        ((self.range.high - self.range.low) / wanted.max(1) as f64).ceil().max(1.0) as i32
    }

    /// The marks of a logarithmic axis between those with texts: multiples of powers of 10, or the
    /// powers where not all have texts.
    pub(super) fn minor(&self, wanted: usize) -> Vec<f64> {
        if self.own(wanted) {
            return Vec::new();
        }
        let factors: Vec<f64> = match self.step(wanted) {
            1 => (2..10).map(f64::from).collect(),
            _ => vec![1.0],
        };
        let marks = if self.logarithmic { self.multiples(&factors, 1) } else { Vec::new() };
        marks.into_iter().map(|tick| tick.value).collect()
    }

    /// The factors times each `step`-th power of 10, within the range.
    fn multiples(&self, factors: &[f64], step: i32) -> Vec<Tick> {
        let powers = self.range.low.floor() as i32..=self.range.high.ceil() as i32;
        let powers = powers.filter(|power| power.rem_euclid(step) == 0);
        let marks = powers.flat_map(|power| factors.iter().map(move |factor| (*factor, power)));
        let inside = |(factor, power): &(f64, i32)| {
            let at = factor.log10() + f64::from(*power);
            at >= self.range.low && at <= self.range.high
        };
        marks.filter(inside).map(|(factor, power)| labelled(factor, power)).collect()
    }
}

/// The mark at `factor` times 10 to `power`.
fn labelled(factor: f64, power: i32) -> Tick {
    let value = factor * 10f64.powi(power);
    let (label, exponent) = match power {
        -3..0 => (format!("{value:.0$}", -power as usize), String::new()),
        0..=4 => (format!("{value:.0}"), String::new()),
        _ if factor == 1.0 => ("10".to_owned(), power.to_string()),
        _ => (format!("{factor:.0}·10"), power.to_string()),
    };
    Tick { value, label, exponent: exponent.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, logarithmic: bool, wanted: usize) -> Vec<String> {
        let scale = Scale::around(&[low, high], logarithmic);
        let text = |tick: Tick| match tick.exponent.is_empty() {
            true => tick.label,
            false => format!("{}^{}", tick.label, tick.exponent),
        };
        scale.ticks(wanted).into_iter().map(text).collect()
    }

    #[test]
    fn ends_lie_inside_and_equal_ratios_are_equal_lengths() {
        let scale = Scale::around(&[3.0, 700.0], true);
        assert!(scale.share(3.0) > 0.0 && scale.share(700.0) < 1.0);
        let step = |a: f64, b: f64| scale.share(b) - scale.share(a);
        assert!((step(4.0, 8.0) - step(100.0, 200.0)).abs() < 1e-12);
        assert_eq!(Scale::around(&[0.1, 3.0], false).share(0.0), 0.0);
        let same = Scale::around(&[5.0, 5.0], false);
        assert!((same.share(5.0) - 0.5).abs() < 1e-12);
        assert!((Scale::around(&[0.0], false).share(0.0)).is_finite());
    }

    #[test]
    fn ticks_are_at_round_numbers() {
        assert_eq!(labels(1.0, 32.0, true, 8), ["1", "2", "5", "10", "20"]);
        assert_eq!(labels(0.001, 90.0, true, 6), ["0.001", "0.01", "0.1", "1", "10", "100"]);
        assert_eq!(labels(1e-9, 1.0, true, 4), ["10^−9", "10^−6", "0.001", "1"]);
        assert_eq!(labels(2e6, 4e6, true, 6), ["2·10^6"]);
        assert_eq!(labels(1.0, 5.0, false, 9), ["1", "2", "3", "4", "5"]);
        assert_eq!(labels(0.0, 0.9, false, 5), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
    }

    #[test]
    fn a_few_whole_numbers_are_their_own_marks() {
        let marks = |numbers: &[f64]| {
            let ticks = Scale::around(numbers, true).ticks(8);
            ticks.into_iter().map(|tick| tick.label).collect::<Vec<String>>()
        };
        assert_eq!(marks(&[64.0, 8.0, 16.0, 32.0, 8.0]), ["8", "16", "32", "64"]);
        assert!(Scale::around(&[8.0, 16.0, 32.0, 64.0], true).minor(8).is_empty());
        // Too near to each other, too many, not whole.
        assert_eq!(marks(&[10.0, 11.0, 100.0]), ["10", "20", "50", "100"]);
        let many: Vec<f64> = (0..9).map(|power| 2f64.powi(power)).collect();
        assert_eq!(marks(&many), ["1", "2", "5", "10", "20", "50", "100", "200"]);
        assert_eq!(marks(&[0.5, 5.0, 50.0]), ["0.5", "1", "2", "5", "10", "20", "50"]);
    }

    #[test]
    fn minor_marks_fill_decades() {
        let scale = Scale::around(&[1.0, 10.0], true);
        assert_eq!(scale.minor(6), [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let wide = Scale::around(&[1e-9, 1.0], true).minor(5);
        assert!((wide[0] / 1e-9 - 1.0).abs() < 1e-9 && wide.len() == 10, "{wide:?}");
        assert!(Scale::around(&[1.0, 10.0], false).minor(6).is_empty());
    }
}
