//! How tables of statistics write their cells.

use super::interval::Interval;
use super::records::Records;
use super::unit::Unit;

/// A value as `show` writes it, or `-` where there is none.
pub(super) fn or_dash(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

/// An interval as `[low, high]`, or `-` where there is none.
pub(super) fn bracketed(interval: Option<Interval>, show: impl Fn(f64) -> String) -> String {
    interval.map_or("-".to_owned(), |found| format!("[{}, {}]", show(found.low), show(found.high)))
}

/// A difference with its sign.
pub(super) fn signed(unit: Unit, value: f64) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", unit.show(value))
}

/// A p-value with three decimals.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// A number without the noise of binary fractions: 0.05, not 0.050000000000000044.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The names of the levels at a place of some axes.
pub(super) fn place_names(records: &Records, axes: &[usize], place: &[usize]) -> Vec<String> {
    let levels = axes.iter().zip(place);
    levels.map(|(axis, level)| records.level_name(*axis, *level).to_owned()).collect()
}
