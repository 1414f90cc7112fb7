//! When two lines count as the same.

use super::piece::{Number, Piece, pieces};

/// How far numbers with a point or an exponent may be from the expected ones.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tolerance {
    /// Relative to the expected number.
    pub rtol: f64,
    /// Absolute.
    pub atol: f64,
    /// Nothing may differ, not even spaces.
    pub exact: bool,
    /// The two numbers of an interval `[a, b]` may be any.
    pub free_intervals: bool,
}

/// A line, read once for many comparisons.
pub struct Line<'a> {
    /// As it is written, without space at its end.
    pub text: &'a str,
    pieces: Vec<Piece>,
}

impl<'a> Line<'a> {
    /// Reads a line.
    pub fn read(text: &'a str) -> Self {
        Self { text: text.trim_end(), pieces: pieces(text) }
    }
}

impl Tolerance {
    /// Whether `found` is what was expected.
    pub fn accepts(&self, expected: &Line, found: &Line) -> bool {
        if self.exact {
            return expected.text == found.text;
        }
        let (a, b) = (&expected.pieces, &found.pieces);
        a.len() == b.len()
            && a.iter().zip(b).enumerate().all(|(index, pair)| match pair {
                (Piece::Number(x), Piece::Number(y)) => {
                    self.is_free(a, index) || self.is_near(x, y)
                }
                (x, y) => x == y,
            })
    }

    /// The first number that is too far from the expected one, in words, where two lines differ
    /// in nothing but numbers.
    pub fn excess(&self, expected: &Line, found: &Line) -> Option<String> {
        let (a, b) = (&expected.pieces, &found.pieces);
        let aligned = a.len() == b.len()
            && a.iter().zip(b).all(|pair| match pair {
                (Piece::Number(_), Piece::Number(_)) => true,
                (x, y) => x == y,
            });
        if self.exact || !aligned {
            return None;
        }
        a.iter().zip(b).enumerate().find_map(|(index, pair)| match pair {
            (Piece::Number(x), Piece::Number(y))
                if !self.is_free(a, index) && !self.is_near(x, y) =>
            {
                let distance = short((y.value - x.value).abs());
                let allowed = match x.unit {
                    Some(unit) => format!("{} is allowed", short(self.allowed(x, unit))),
                    None => "whole numbers must be equal".to_owned(),
                };
                Some(format!("{} is off by {distance}; {allowed}", y.text))
            }
            _ => None,
        })
    }

    fn is_free(&self, expected: &[Piece], index: usize) -> bool {
        self.free_intervals && in_interval(expected, index)
    }

    fn allowed(&self, expected: &Number, unit: f64) -> f64 {
        self.atol.max(self.rtol * expected.value.abs()).max(unit)
    }

    fn is_near(&self, expected: &Number, found: &Number) -> bool {
        let Some(unit) = expected.unit else { return expected.text == found.text };
        // 0.13 - 0.12 is more than 0.01 in binary.
        let binary = 4.0 * f64::EPSILON * expected.value.abs().max(found.value.abs());
        (found.value - expected.value).abs() <= self.allowed(expected, unit) + binary
    }
}

/// Whether the piece is one of the two numbers of `[a, b]`.
fn in_interval(pieces: &[Piece], index: usize) -> bool {
    let text = |at: Option<usize>| match at.and_then(|at| pieces.get(at)) {
        Some(Piece::Text(text)) => text.as_str(),
        _ => "",
    };
    let is_number = |at: usize| matches!(pieces.get(at), Some(Piece::Number(_)));
    let starts = |at: usize| {
        text(at.checked_sub(1)).ends_with('[')
            && is_number(at)
            && text(Some(at + 1)).trim() == ","
            && is_number(at + 2)
            && text(Some(at + 3)).starts_with(']')
    };
    starts(index) || index.checked_sub(2).is_some_and(starts)
}

/// Two significant digits.
fn short(value: f64) -> String {
    format!("{value:.1e}").parse::<f64>().map_or_else(|_| value.to_string(), |x| x.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEFAULT: Tolerance =
        Tolerance { rtol: 0.0, atol: 0.0, exact: false, free_intervals: false };

    fn same(tolerance: Tolerance, expected: &str, found: &str) -> bool {
        tolerance.accepts(&Line::read(expected), &Line::read(found))
    }

    #[track_caller]
    fn check(tolerance: Tolerance, expected: &str, accepted: &[&str], refused: &[&str]) {
        for found in accepted {
            assert!(same(tolerance, expected, found), "{expected} refuses {found}");
        }
        for found in refused {
            assert!(!same(tolerance, expected, found), "{expected} accepts {found}");
        }
    }

    #[test]
    fn one_unit_of_the_last_digit_is_allowed_and_no_more() {
        check(DEFAULT, "0.12", &["0.11", "0.13", "0.1299"], &["0.1301", "0.1099", "0.14"]);
        check(DEFAULT, "1e-3", &["2e-3", "0.0015", "0.0"], &["2.1e-3", "-1e-4"]);
        check(DEFAULT, "1.25e-3", &["1.26e-3", "0.00124"], &["1.27e-3", "0.0012"]);
    }

    #[test]
    fn nothing_is_rounded_before_it_is_compared() {
        check(DEFAULT, "0.1", &["0.2", "0.05"], &["0.2000001", "0.24"]);
    }

    #[test]
    fn rtol_and_atol_widen_the_unit_but_never_narrow_it() {
        let rtol = Tolerance { rtol: 1e-2, ..DEFAULT };
        check(rtol, "200.000", &["202.0", "198.0"], &["202.001", "197.99"]);
        check(rtol, "0.5", &["0.6"], &["0.61"]);
        let atol = Tolerance { atol: 0.25, ..DEFAULT };
        check(atol, "-1.000", &["-0.75", "-1.25"], &["-0.7499", "-1.2501"]);
        check(atol, "0.000", &["0.25", "-0.25"], &["0.2501"]);
    }

    #[test]
    fn whole_numbers_and_text_are_exact_whatever_the_tolerance() {
        let wide = Tolerance { rtol: 1.0, atol: 100.0, ..DEFAULT };
        check(wide, "412/500", &["412/500"], &["411/500", "412/501", "412.0/500", "412 / 500"]);
        check(wide, "pgd 7", &["pgd  7", " pgd 7 "], &["pgd 8", "pdg 7", "pgd7", "pgd -7"]);
        check(wide, "", &["  "], &["0"]);
    }

    #[test]
    fn a_float_may_be_found_without_its_point_but_not_the_reverse() {
        check(DEFAULT, "1.0", &["1", "1.1"], &["2", "x"]);
        check(DEFAULT, "1", &["1"], &["1.0"]);
    }

    #[test]
    fn nan_and_infinities_are_exact() {
        let wide = Tolerance { rtol: f64::MAX, atol: f64::MAX, ..DEFAULT };
        check(wide, "NaN", &["NaN"], &["0.5", "inf", "nan"]);
        check(wide, "[-inf, 0.5]", &["[-inf, 0.7]"], &["[inf, 0.5]", "[-1.0, 0.5]"]);
        check(wide, "0.5", &["1e300"], &["NaN", "inf", "-inf"]);
    }

    #[test]
    fn a_negative_zero_is_zero() {
        check(DEFAULT, "-0.000", &["0.000", "+0.000"], &["0.0011"]);
        check(DEFAULT, "[0.0, 1]", &["[-0.0, 1]"], &["[-0.0, -1]"]);
    }

    #[test]
    fn exact_means_to_the_letter() {
        let exact = Tolerance { exact: true, ..DEFAULT };
        check(exact, "a 0.50", &["a 0.50"], &["a 0.5", "a  0.50", "a 0.51"]);
    }

    #[test]
    fn free_intervals_need_two_numbers_and_leave_lists_alone() {
        let free = Tolerance { free_intervals: true, ..DEFAULT };
        check(free, "72.00 [1.0, 2.0] 2", &["72.00 [-9.5, 90.0] 2"], &["75.00 [1.0, 2.0] 2"]);
        check(free, "[1.0, 2.0]", &["[5, 6]"], &["[1.0]", "[1.0, x]", "[1.0, 2.0, 3.0]"]);
        check(free, "[1.0, 2.0, 3.0]", &[], &["[5.0, 2.0, 3.0]", "[1.0, 2.0, 9.0]"]);
        check(DEFAULT, "[1.0, 2.0]", &[], &["[5.0, 2.0]"]);
    }

    #[test]
    fn an_excess_says_how_far_and_how_far_is_allowed() {
        let excess = |tolerance: Tolerance, a: &str, b: &str| {
            tolerance.excess(&Line::read(a), &Line::read(b))
        };
        let said = excess(DEFAULT, "a 0.512 b", "a 0.533 b");
        assert_eq!(said.as_deref(), Some("0.533 is off by 0.021; 0.001 is allowed"));
        let said = excess(DEFAULT, "412/500", "411/500");
        assert_eq!(said.as_deref(), Some("411 is off by 1; whole numbers must be equal"));
        assert_eq!(excess(DEFAULT, "a 0.512", "b 0.533"), None);
    }

    /// The text of `units * 10^-decimals`.
    fn decimal(units: i64, decimals: usize) -> String {
        let scale = 10i64.pow(decimals as u32);
        let sign = if units < 0 { "-" } else { "" };
        format!("{sign}{}.{:0decimals$}", units.abs() / scale, units.abs() % scale)
    }

    proptest! {
        #[test]
        fn every_text_equals_itself(text in "(\\PC|[0-9.eE+\\-\\[\\], ]|NaN|inf){0,60}") {
            for exact in [false, true] {
                let tolerance = Tolerance { exact, ..DEFAULT };
                prop_assert!(same(tolerance, &text, &text));
            }
        }

        #[test]
        fn a_number_moved_beyond_the_tolerance_is_seen(
            units in -1_000_000_000i64..1_000_000_000,
            decimals in 1usize..9,
            allowed in 1i64..1000,
            beyond in 1i64..1000,
            words in "[a-z]{1,5}",
            up: bool,
        ) {
            let atol = decimal(allowed, decimals).parse().unwrap();
            let tolerance = Tolerance { atol, ..DEFAULT };
            let line = |units| format!("{words} {} {words}", decimal(units, decimals));
            let by = |distance: i64| line(units + if up { distance } else { -distance });
            prop_assert!(same(tolerance, &line(units), &by(allowed)));
            prop_assert!(!same(tolerance, &line(units), &by(allowed + beyond)));
        }
    }
}
