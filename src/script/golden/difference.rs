//! Where two texts differ, line by line.

use super::tolerance::{Line, Tolerance};
use std::ops::Range;

/// Lines that differ: those expected and those found in their place, counted from 0. Between two
/// hunks the lines are the same, one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// Of the expected text.
    pub expected: Range<usize>,
    /// Of the found text.
    pub found: Range<usize>,
}

/// The cells up to which lines that were added or lost are searched for.
const LARGEST: usize = 4_000_000;

/// The most hunks that are shown.
const SHOWN: usize = 8;

/// The hunks in which two texts differ, none where they are the same; as few lines as possible.
pub fn hunks(expected: &str, found: &str, tolerance: &Tolerance) -> Vec<Hunk> {
    let (a, b) = (read(expected), read(found));
    let same = |i: usize, j: usize| tolerance.accepts(&a[i], &b[j]);
    let shorter = a.len().min(b.len());
    let start = (0..shorter).take_while(|k| same(*k, *k)).count();
    let end = (start..shorter)
        .zip(1..)
        .take_while(|(_, back)| same(a.len() - back, b.len() - back))
        .count();
    let (rows, columns) = (a.len() - start - end, b.len() - start - end);
    let pairs = if rows * columns <= LARGEST {
        common(rows, columns, |i, j| same(start + i, start + j))
    } else {
        Vec::new()
    };
    let mut hunks = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (next_i, next_j) in pairs.into_iter().chain([(rows, columns)]) {
        if next_i > i || next_j > j {
            hunks.push(Hunk {
                expected: start + i..start + next_i,
                found: start + j..start + next_j,
            });
        }
        (i, j) = (next_i + 1, next_j + 1);
    }
    hunks
}

fn read(text: &str) -> Vec<Line<'_>> {
    text.lines().map(Line::read).collect()
}

/// The longest common subsequence, as pairs of rising indices.
fn common(rows: usize, columns: usize, same: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let width = columns + 1;
    let mut longest = vec![0u32; (rows + 1) * width];
    let mut equal = vec![false; rows * columns];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            equal[i * columns + j] = same(i, j);
            longest[i * width + j] = if equal[i * columns + j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < rows && j < columns {
        if equal[i * columns + j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// The difference of two texts for people; none where they are the same.
pub fn difference(expected: &str, found: &str, tolerance: &Tolerance) -> Option<String> {
    let hunks = hunks(expected, found, tolerance);
    let (a, b) = (read(expected), read(found));
    let many = a.len() > 1 || b.len() > 1;
    let mut shown = String::new();
    for hunk in hunks.iter().take(SHOWN) {
        if many {
            shown.push_str(&format!("  line {}\n", hunk.expected.start + 1));
        }
        let pairs = hunk.expected.len() == hunk.found.len();
        for k in 0..hunk.expected.len().max(hunk.found.len()) {
            let x = hunk.expected.clone().nth(k).map(|i| &a[i]);
            let y = hunk.found.clone().nth(k).map(|j| &b[j]);
            for (word, line) in [("expected", x), ("found   ", y)] {
                if let Some(line) = line {
                    shown.push_str(format!("    {word}  {}", line.text).trim_end());
                    shown.push('\n');
                }
            }
            if let (true, Some(x), Some(y)) = (pairs, x, y)
                && let Some(excess) = tolerance.excess(x, y)
            {
                shown.push_str(&format!("              {excess}\n"));
            }
        }
        for (word, lines) in [("expected", &hunk.expected), ("found   ", &hunk.found)] {
            if lines.is_empty() {
                shown.push_str(&format!("    {word}  (nothing)\n"));
            }
        }
    }
    if hunks.len() > SHOWN {
        shown.push_str(&format!("  and {} more places\n", hunks.len() - SHOWN));
    }
    (!hunks.is_empty()).then_some(shown)
}

/// The found text, with the lines of the expected one wherever these are the same.
pub fn merged(expected: &str, found: &str, tolerance: &Tolerance) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let mut lines: Vec<&str> = Vec::new();
    let mut from = 0;
    for hunk in hunks(expected, found, tolerance) {
        lines.extend(&a[from..hunk.expected.start]);
        lines.extend(&b[hunk.found]);
        from = hunk.expected.end;
    }
    lines.extend(&a[from..]);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEFAULT: Tolerance =
        Tolerance { rtol: 0.0, atol: 0.0, exact: false, free_intervals: false };

    #[test]
    fn a_line_that_is_missing_or_new_does_not_shift_the_others() {
        let hunk = |expected, found| Hunk { expected, found };
        assert_eq!(hunks("a\nb\nc", "a\nc", &DEFAULT), [hunk(1..2, 1..1)]);
        assert_eq!(hunks("a\nc\nd", "a\nb\nc\ne", &DEFAULT), [hunk(1..1, 1..2), hunk(2..3, 3..4)]);
        assert_eq!(hunks("", "a", &DEFAULT), [hunk(0..0, 0..1)]);
        assert_eq!(hunks("a 0.10\nb", "a 0.11\nb", &DEFAULT), []);
    }

    #[test]
    fn a_difference_shows_lines_and_distances() {
        let said = difference("acc\npgd 0.512\n", "acc\npgd 0.533\nend\n", &DEFAULT);
        let expected =
            "  line 2\n    expected  pgd 0.512\n    found     pgd 0.533\n    found     end\n";
        assert_eq!(said.as_deref(), Some(expected));
        let said = difference("0.512", "0.533", &DEFAULT).unwrap();
        assert!(said.ends_with("0.533 is off by 0.021; 0.001 is allowed\n"), "{said}");
        assert!(difference("a", "", &DEFAULT).unwrap().contains("found     (nothing)"));
    }

    #[test]
    fn merging_keeps_the_digits_of_what_is_the_same() {
        let merged = merged("a 0.10\nb 0.10\nc\n", "a 0.11\nb 0.50\nnew\nc\n", &DEFAULT);
        assert_eq!(merged, "a 0.10\nb 0.50\nnew\nc\n");
    }

    proptest! {
        #[test]
        fn what_was_merged_is_the_same_as_what_was_found(
            expected in "([a-c] [0-3]\\.[0-9]\n){0,8}",
            found in "([a-c] [0-3]\\.[0-9]\n){0,8}",
        ) {
            let merged = merged(&expected, &found, &DEFAULT);
            prop_assert_eq!(hunks(&merged, &found, &DEFAULT), []);
        }
    }
}
