//! One panel of a dot-and-whisker plot: a row per level, numbers along the bottom.

use super::axis::{Range, ticks};
use super::lettering::{width, wrap};
use super::scene::{Anchor, Ink, Letters, Scene};
use crate::error::Result;

pub(super) const ROW: f64 = 36.0;
pub(super) const TITLE: f64 = 26.0;
pub(super) const TICKS: f64 = 22.0;
/// Room for the printed means, right of the panel.
pub(super) const MEANS: f64 = 60.0;

pub(super) const WORDS: Letters = Letters { size: 13.0, bold: false };
pub(super) const SMALL: Letters = Letters { size: 12.0, bold: false };
pub(super) const STRONG: Letters = Letters { size: 13.0, bold: true };

const MEAN_RADIUS: f64 = 4.5;
const SEED_RADIUS: f64 = 2.5;

/// What one level measured, in the unit that is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    pub(super) values: Vec<f64>,
    pub(super) mean: f64,
    pub(super) interval: Option<Range>,
    /// The mean as text.
    pub(super) label: String,
}

/// The levels of one panel; a level without values has no mark.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) marks: Vec<Option<Mark>>,
}

/// Where a panel is drawn: the corner of its title and the width of its axis.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) range: Range,
}

impl Panel {
    /// The numbers a panel must show: all values, and whiskers as far as they do not dwarf them.
    pub(super) fn content(&self) -> Option<Range> {
        let values = || self.marks.iter().flatten().flat_map(|mark| &mark.values).copied();
        let low = values().reduce(f64::min)?;
        let high = values().reduce(f64::max)?;
        let reach = 0.75 * (high - low);
        let whiskers = || self.marks.iter().flatten().filter_map(|mark| mark.interval);
        let lowest = whiskers().map(|w| w.low).fold(low, f64::min);
        let highest = whiskers().map(|w| w.high).fold(high, f64::max);
        Some(Range { low: lowest.max(low - reach), high: highest.min(high + reach) })
    }

    /// Whether a whisker leaves the range.
    pub(super) fn is_cut(&self, range: Range) -> bool {
        let whiskers = self.marks.iter().flatten().filter_map(|mark| mark.interval);
        whiskers.into_iter().any(|w| w.low < range.low || w.high > range.high)
    }

    /// Draws the panel; `baseline` is the level whose mean is the reference.
    pub(super) fn draw(&self, scene: &mut Scene, frame: Frame, baseline: usize) -> Result<()> {
        let rows = frame.top + TITLE;
        let height = ROW * self.marks.len() as f64;
        let room = frame.width - width("mean", SMALL)? + MEANS - 12.0;
        let title = wrap(&self.title, STRONG, room, 1)?.concat();
        scene.text(frame.left, frame.top + 12.0, &title, STRONG, Anchor::Start, Ink::Text);
        let means = frame.left + frame.width + MEANS;
        scene.text(means, frame.top + 12.0, "mean", SMALL, Anchor::End, Ink::Muted);
        let wanted = (frame.width / 60.0) as usize;
        for (value, label) in ticks(frame.range, wanted) {
            let x = frame.x(value);
            scene.rect(x - 0.5, rows, 1.0, height, Ink::Faint);
            scene.text(x, rows + height + 16.0, &label, SMALL, Anchor::Middle, Ink::Muted);
        }
        scene.rect(frame.left, rows + height, frame.width, 1.0, Ink::Muted);
        if let Some(Some(reference)) = self.marks.get(baseline) {
            scene.dashes(frame.x(reference.mean), rows, height, Ink::Reference);
        }
        for (level, mark) in self.marks.iter().enumerate() {
            let y = rows + ROW * (level as f64 + 0.5);
            match mark {
                Some(mark) => {
                    mark.draw(scene, frame, y, ink(level, baseline));
                    scene.text(means, y + 4.5, &mark.label, SMALL, Anchor::End, Ink::Text);
                }
                None => {
                    let middle = frame.left + frame.width / 2.0;
                    scene.text(middle, y + 4.5, "no result", SMALL, Anchor::Middle, Ink::Muted);
                }
            }
        }
        Ok(())
    }
}

impl Frame {
    fn x(self, value: f64) -> f64 {
        let share = (value - self.range.low) / (self.range.high - self.range.low);
        self.left + share * self.width
    }
}

impl Mark {
    /// Whisker and mean on the row, the single values just below.
    fn draw(&self, scene: &mut Scene, frame: Frame, y: f64, ink: Ink) {
        const ARROW: f64 = 6.0;
        let y = y - 2.0;
        if let Some(whisker) = self.interval {
            let cut = Range {
                low: whisker.low.max(frame.range.low),
                high: whisker.high.min(frame.range.high),
            };
            let (left, right) = (frame.x(cut.low), frame.x(cut.high));
            scene.rect(left, y - 1.0, right - left, 2.0, ink);
            if cut.low > whisker.low {
                scene.arrow(left + ARROW, y, -ARROW, ink);
            }
            if cut.high < whisker.high {
                scene.arrow(right - ARROW, y, ARROW, ink);
            }
        }
        for value in &self.values {
            scene.dot(frame.x(*value), y + 10.0, SEED_RADIUS, ink, 0.55);
        }
        scene.dot(frame.x(self.mean), y, MEAN_RADIUS + 1.5, Ink::Paper, 1.0);
        scene.dot(frame.x(self.mean), y, MEAN_RADIUS, ink, 1.0);
    }
}

/// The baseline is grey; the other levels are coloured in source order.
fn ink(level: usize, baseline: usize) -> Ink {
    match level.cmp(&baseline) {
        std::cmp::Ordering::Less => Ink::Series(level),
        std::cmp::Ordering::Equal => Ink::Reference,
        std::cmp::Ordering::Greater => Ink::Series(level - 1),
    }
}

/// The key to the marks: what each of them stands for.
pub(super) struct Key {
    /// What a small dot is.
    pub(super) replicate: String,
    /// What the dashed line is.
    pub(super) reference: String,
    /// Whether any level has an interval.
    pub(super) intervals: bool,
    /// Whether any interval leaves its panel.
    pub(super) cut: bool,
}

impl Key {
    /// Draws the key as one line with its baseline at `y`.
    pub(super) fn draw(&self, scene: &mut Scene, left: f64, y: f64) -> Result<()> {
        let middle = y - 4.0;
        let ink = Ink::Reference;
        scene.dot(left + MEAN_RADIUS, middle, MEAN_RADIUS, ink, 1.0);
        let mut x = explain(scene, left + 2.0 * MEAN_RADIUS, y, "mean")?;
        if self.intervals {
            scene.rect(x, middle - 1.0, 24.0, 2.0, ink);
            x = explain(scene, x + 24.0, y, "95 % CI of the mean")?;
        }
        if self.cut {
            scene.arrow(x, middle, 6.0, ink);
            x = explain(scene, x + 6.0, y, "CI goes on")?;
        }
        scene.dot(x + SEED_RADIUS, middle, SEED_RADIUS, ink, 0.55);
        x = explain(scene, x + 2.0 * SEED_RADIUS, y, &self.replicate)?;
        scene.dashes(x + 0.5, y - 11.0, 14.0, ink);
        explain(scene, x + 1.0, y, &self.reference)?;
        Ok(())
    }
}

/// Writes what the mark left of `x` stands for, as far as it fits; returns where the next begins.
fn explain(scene: &mut Scene, x: f64, y: f64, text: &str) -> Result<f64> {
    let x = x + 6.0;
    let room = (scene.width - x - 8.0).max(0.0);
    let text = wrap(text, SMALL, room, 1)?.concat();
    scene.text(x, y, &text, SMALL, Anchor::Start, Ink::Muted);
    Ok(x + width(&text, SMALL)? + 22.0)
}
