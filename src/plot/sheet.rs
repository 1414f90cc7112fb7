//! Panels on one sheet: headings, key, row names, and ranges that make panels comparable.

use super::axis::{Range, common_length};
use super::lettering::{width, wrap};
use super::panel::{Frame, Key, MEANS, Panel, ROW, SMALL, TICKS, TITLE, WORDS};
use super::scene::{Anchor, Ink, Letters, Scene};
use crate::error::Result;

pub(super) const EDGE: f64 = 20.0;
const HEAD: f64 = 84.0;
const GAP: f64 = 30.0;
pub(super) const HEADING: Letters = Letters { size: 16.0, bold: true };

/// Everything that is drawn, in the unit that is shown.
pub(super) struct Sheet {
    /// The metric with its unit.
    pub(super) heading: String,
    /// The axis whose levels are the rows.
    pub(super) by: String,
    pub(super) levels: Vec<String>,
    pub(super) baseline: usize,
    /// The name of the baseline.
    pub(super) reference: String,
    /// What a small dot is.
    pub(super) replicates: String,
    pub(super) panels: Vec<Panel>,
    /// How many panels stand side by side.
    pub(super) columns: usize,
    /// The numbers that can occur, where they are limited.
    pub(super) bounds: Option<Range>,
}

impl Sheet {
    fn ranges(&self) -> Vec<Option<Range>> {
        let contents: Vec<Option<Range>> = self.panels.iter().map(Panel::content).collect();
        let known: Vec<Range> = contents.iter().flatten().copied().collect();
        let size = known.iter().map(|range| range.low.abs().max(range.high.abs()));
        let least = match self.bounds {
            Some(bounds) => 0.01 * (bounds.high - bounds.low),
            None => 1e-3 * size.fold(0.0, f64::max).max(1e-9),
        };
        let mut placed = common_length(&known, least, self.bounds).into_iter();
        contents.iter().map(|content| content.and_then(|_| placed.next())).collect()
    }

    /// The picture.
    pub(super) fn scene(&self) -> Result<Scene> {
        let columns = self.columns as f64;
        let width = if self.columns == 1 { 760.0 } else { 980.0 };
        let labels = self.labels(if self.columns == 3 { 150.0 } else { 210.0 })?;
        let gutter = labels.1 + 14.0;
        let axis = (width - 2.0 * EDGE - gutter - (columns - 1.0) * GAP) / columns - MEANS;
        let block = TITLE + ROW * self.levels.len() as f64 + TICKS + GAP;
        let lines = self.panels.len().div_ceil(self.columns);
        let height = HEAD + lines as f64 * block;
        let mut scene = Scene { width, height, shapes: Vec::new() };
        let heading = format!("{} by {}", self.heading, self.by);
        let heading = wrap(&heading, HEADING, width - 2.0 * EDGE, 1)?.concat();
        scene.text(EDGE, 32.0, &heading, HEADING, Anchor::Start, Ink::Text);
        let ranges = self.ranges();
        self.key(&ranges).draw(&mut scene, EDGE, 56.0)?;
        for (index, (panel, range)) in self.panels.iter().zip(&ranges).enumerate() {
            let (line, column) = (index / self.columns, index % self.columns);
            let top = HEAD + line as f64 * block;
            let left = EDGE + gutter + column as f64 * (axis + MEANS + GAP);
            let range = range.unwrap_or(Range { low: 0.0, high: 1.0 });
            let frame = Frame { left, top, width: axis, range };
            panel.draw(&mut scene, frame, self.baseline)?;
            if column == 0 {
                self.draw_labels(&mut scene, &labels.0, left - 14.0, top + TITLE);
            }
            // The lowest panel of every column names the axis.
            if index + self.columns >= self.panels.len() {
                let y = top + block - GAP + 14.0;
                let x = left + axis / 2.0;
                scene.text(x, y, &self.heading, SMALL, Anchor::Middle, Ink::Muted);
            }
        }
        Ok(scene)
    }

    fn key(&self, ranges: &[Option<Range>]) -> Key {
        let cut = |(panel, range): (&Panel, &Option<Range>)| {
            range.is_some_and(|range| panel.is_cut(range))
        };
        let mut marks = self.panels.iter().flat_map(|panel| panel.marks.iter().flatten());
        Key {
            replicate: self.replicates.clone(),
            reference: format!("mean of {}", self.reference),
            intervals: marks.any(|mark| mark.interval.is_some()),
            cut: self.panels.iter().zip(ranges).any(cut),
        }
    }

    /// The names of the rows in lines, and how wide they are.
    fn labels(&self, limit: f64) -> Result<(Vec<Vec<String>>, f64)> {
        let mut labels = Vec::new();
        let mut widest: f64 = 0.0;
        for level in &self.levels {
            let lines = wrap(level, WORDS, limit, 2)?;
            for line in &lines {
                widest = widest.max(width(line, WORDS)?);
            }
            labels.push(lines);
        }
        Ok((labels, widest))
    }

    fn draw_labels(&self, scene: &mut Scene, labels: &[Vec<String>], right: f64, top: f64) {
        const LINE: f64 = 15.0;
        for (row, lines) in labels.iter().enumerate() {
            let middle = top + ROW * (row as f64 + 0.5);
            let first = middle + 4.5 - LINE * (lines.len() as f64 - 1.0) / 2.0;
            for (line, text) in lines.iter().enumerate() {
                let y = first + LINE * line as f64;
                scene.text(right, y, text, WORDS, Anchor::End, Ink::Text);
            }
        }
    }
}
