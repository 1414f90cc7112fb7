//! Number axes: ranges of equal length and round ticks.

/// A stretch of a number axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Range {
    fn length(self) -> f64 {
        self.high - self.low
    }
}

/// Ranges of one common length, at least `least`, around the contents of several panels, so that
/// equal lengths are equal differences in all of them. A range whose contents lie within `bounds`
/// does not leave them where it can.
pub fn common_length(contents: &[Range], least: f64, bounds: Option<Range>) -> Vec<Range> {
    const MARGIN: f64 = 1.12;
    let longest = contents.iter().map(|content| content.length()).fold(0.0, f64::max);
    let length = (MARGIN * longest).max(least);
    let placed = |content: &Range| {
        let low = (content.low + content.high - length) / 2.0;
        let shift = match bounds {
            Some(bounds) if low + length > bounds.high => {
                (bounds.high - low - length).max(bounds.low - low).min(0.0)
            }
            Some(bounds) if low < bounds.low => (bounds.low - low).min(bounds.high - low - length),
            _ => 0.0,
        };
        Range { low: low + shift, high: low + shift + length }
    };
    contents.iter().map(placed).collect()
}

/// About `wanted` round numbers in a range and their labels.
pub fn ticks(range: Range, wanted: usize) -> Vec<(f64, String)> {
    let rough = range.length() / wanted.max(1) as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return Vec::new();
    }
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    // A little more than wanted is better than far fewer.
    let step = steps.into_iter().find(|step| *step >= 0.8 * rough).unwrap_or(10.0 * power);
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let first = (range.low / step).ceil() as i64;
    let last = (range.high / step).floor() as i64;
    (first..=last)
        .map(|index| {
            let value = index as f64 * step;
            (value, format!("{value:.decimals$}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERCENT: Option<Range> = Some(Range { low: 0.0, high: 100.0 });

    #[test]
    fn ranges_have_one_length_and_hold_their_contents() {
        let contents = [Range { low: 40.0, high: 52.0 }, Range { low: 97.0, high: 99.0 }];
        let ranges = common_length(&contents, 1.0, PERCENT);
        assert!((ranges[0].length() - ranges[1].length()).abs() < 1e-9);
        for (range, content) in ranges.iter().zip(&contents) {
            assert!(range.low <= content.low && content.high <= range.high, "{range:?}");
        }
        assert_eq!(ranges[1].high, 100.0);
        let low = common_length(&[Range { low: 0.5, high: 1.0 }], 4.0, PERCENT);
        assert_eq!(low, [Range { low: 0.0, high: 4.0 }]);
    }

    #[test]
    fn ticks_are_round_and_inside() {
        let labels = |low, high, wanted| -> Vec<String> {
            ticks(Range { low, high }, wanted).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(71.3, 84.9, 4), ["75", "80"]);
        assert_eq!(labels(71.3, 81.5, 5), ["72", "74", "76", "78", "80"]);
        assert_eq!(labels(-0.013, 0.011, 5), ["-0.010", "-0.005", "0.000", "0.005", "0.010"]);
        assert!(ticks(Range { low: 1.0, high: 1.0 }, 4).is_empty());
    }
}
