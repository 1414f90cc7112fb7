//! Lines over a number axis, with their key beside them.

use super::lettering::{width, wrap};
use super::panel::{SMALL, STRONG};
use super::scale::{Scale, Tick};
use super::scene::{Anchor, Ink, Letters, Scene};
use super::series::{Line, Point};
use super::sheet::{EDGE, HEADING};
use crate::error::Result;

const WIDTH: f64 = 760.0;
const AXIS: f64 = 340.0;
const RAISED: Letters = Letters { size: 9.0, bold: false };
/// Length of the sample of a line in the key.
const SAMPLE: f64 = 22.0;
const ROW: f64 = 20.0;
/// The widest names of lines.
const NAMES: f64 = 190.0;
/// Lines of more points have no dots.
const DOTTED: usize = 25;
const THICKNESS: f64 = 2.0;

/// Everything that is drawn.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) x_label: String,
    pub(super) y_label: String,
    pub(super) logarithmic: [bool; 2],
    /// Whether intervals are bands, or else bars.
    pub(super) bands: bool,
    /// Whether the points of a series are joined, or else dots alone.
    pub(super) joined: bool,
    pub(super) lines: Vec<Line>,
    /// The ends of a further line.
    pub(super) fit: Option<[(f64, f64); 2]>,
}

/// The rectangle between the axes.
#[derive(Clone)]
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    x: Scale,
    y: Scale,
}

impl Frame {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.left + self.x.share(x) * self.width, self.top + (1.0 - self.y.share(y)) * AXIS)
    }
}

/// How the line at a place of the key is drawn: after seven, colours repeat with dashes.
fn ink(line: usize) -> (Ink, bool) {
    (Ink::Series(line), line >= 7)
}

impl Chart {
    /// The picture.
    pub(super) fn scene(&self) -> Result<Scene> {
        let points = || self.lines.iter().flat_map(Line::points);
        let ends = |p: &Point| p.interval.map_or([p.y, p.y, p.y], |(low, high)| [low, p.y, high]);
        let x = Scale::around(
            &points().map(|point| point.x).collect::<Vec<f64>>(),
            self.logarithmic[0],
        );
        let fit = self.fit.iter().flatten().map(|(_, y)| *y);
        let heights: Vec<f64> = points().flat_map(ends).chain(fit).collect();
        let y = Scale::around(&heights, self.logarithmic[1]);
        let y_wanted = if self.logarithmic[1] { 9 } else { 6 };
        let mut gutter: f64 = 0.0;
        for tick in &y.ticks(y_wanted) {
            gutter = gutter.max(tick_width(tick)?);
        }
        let mut scene = Scene { width: WIDTH, height: 0.0, shapes: Vec::new() };
        let mut top = EDGE;
        if !self.title.is_empty() {
            let title = wrap(&self.title, HEADING, WIDTH - 2.0 * EDGE, 1)?.concat();
            scene.text(EDGE, top + 12.0, &title, HEADING, Anchor::Start, Ink::Text);
            top += 30.0;
        }
        if !self.y_label.is_empty() {
            let label = wrap(&self.y_label, STRONG, WIDTH - 2.0 * EDGE, 1)?.concat();
            scene.text(EDGE, top + 10.0, &label, STRONG, Anchor::Start, Ink::Text);
            top += 24.0;
        }
        let names = self.names()?;
        let key = match names.iter().map(|name| name.1).reduce(f64::max) {
            Some(widest) => 26.0 + SAMPLE + 8.0 + widest,
            None => 0.0,
        };
        let left = EDGE + gutter + 8.0;
        let frame = Frame { left, top, width: WIDTH - EDGE - left - key, x, y };
        self.axes(&mut scene, &frame, y_wanted)?;
        let beside = |place| Frame { left: left + self.shift(place), ..frame.clone() };
        for (place, line) in self.lines.iter().enumerate() {
            self.intervals(&mut scene, &beside(place), line, ink(place).0);
        }
        if let Some(ends) = self.fit {
            scene.path(ends.map(|(x, y)| frame.at(x, y)).to_vec(), THICKNESS, Ink::Reference);
        }
        for (place, line) in self.lines.iter().enumerate() {
            self.draw(&mut scene, &beside(place), line, ink(place));
        }
        let mut bottom = top + AXIS + 26.0;
        if !self.x_label.is_empty() {
            let label = wrap(&self.x_label, STRONG, frame.width, 1)?.concat();
            let middle = left + frame.width / 2.0;
            scene.text(middle, bottom + 14.0, &label, STRONG, Anchor::Middle, Ink::Text);
            bottom += 22.0;
        }
        let mut row = top + 10.0;
        for (place, (lines, _)) in names.iter().enumerate() {
            let (ink, dashed) = ink(place);
            let x = left + frame.width + 26.0;
            match self.joined {
                true => stroke(&mut scene, &[(x, row - 4.0), (x + SAMPLE, row - 4.0)], ink, dashed),
                false => scene.dot(x + SAMPLE / 2.0, row - 4.0, 4.0, ink, 1.0),
            }
            for (at, text) in lines.iter().enumerate() {
                let y = row + 15.0 * at as f64;
                scene.text(x + SAMPLE + 8.0, y, text, SMALL, Anchor::Start, Ink::Text);
            }
            row += ROW + 15.0 * (lines.len() as f64 - 1.0);
        }
        scene.height = bottom.max(row) + 12.0;
        Ok(scene)
    }

    /// How far a line is moved to the right, so that bars at one place lie side by side.
    fn shift(&self, place: usize) -> f64 {
        const STEP: f64 = 5.0;
        const MOST: f64 = 20.0;
        if self.bands
            || !self.joined
            || !self.lines.iter().flat_map(Line::points).any(|p| p.interval.is_some())
        {
            return 0.0;
        }
        let gaps = self.lines.len() as f64 - 1.0;
        (place as f64 - gaps / 2.0) * STEP.min(MOST / gaps.max(1.0))
    }

    /// The names of the lines, each in rows with the width of the widest; none where one line
    /// without a name needs no key.
    fn names(&self) -> Result<Vec<(Vec<String>, f64)>> {
        if self.lines.iter().all(|line| line.name.is_empty()) {
            return Ok(Vec::new());
        }
        let name = |line: &Line| {
            let rows = wrap(&line.name, SMALL, NAMES, 2)?;
            let mut widest: f64 = 0.0;
            for row in &rows {
                widest = widest.max(width(row, SMALL)?);
            }
            Ok((rows, widest))
        };
        self.lines.iter().map(name).collect()
    }

    fn axes(&self, scene: &mut Scene, frame: &Frame, y_wanted: usize) -> Result<()> {
        let bottom = frame.top + AXIS;
        for tick in &frame.y.ticks(y_wanted) {
            let y = frame.top + (1.0 - frame.y.share(tick.value)) * AXIS;
            scene.rect(frame.left, y - 0.5, frame.width, 1.0, Ink::Faint);
            let right = frame.left - 8.0;
            text(scene, right - tick_width(tick)?, y + 4.0, tick)?;
        }
        let x_wanted = (frame.width / 65.0) as usize;
        let mut free = f64::NEG_INFINITY;
        for tick in &frame.x.ticks(x_wanted) {
            let x = frame.left + frame.x.share(tick.value) * frame.width;
            scene.rect(x - 0.5, frame.top, 1.0, AXIS, Ink::Faint);
            let wide = tick_width(tick)?;
            if x - wide / 2.0 >= free {
                text(scene, x - wide / 2.0, bottom + 18.0, tick)?;
                free = x + wide / 2.0 + 6.0;
            }
        }
        scene.rect(frame.left, bottom, frame.width, 1.0, Ink::Muted);
        scene.rect(frame.left - 0.5, frame.top, 1.0, AXIS + 1.0, Ink::Muted);
        for value in frame.x.minor(x_wanted) {
            let x = frame.left + frame.x.share(value) * frame.width;
            scene.rect(x - 0.5, bottom - 4.0, 1.0, 4.0, Ink::Muted);
        }
        for value in frame.y.minor(y_wanted) {
            let y = frame.top + (1.0 - frame.y.share(value)) * AXIS;
            scene.rect(frame.left, y - 0.5, 4.0, 1.0, Ink::Muted);
        }
        Ok(())
    }

    fn draw(&self, scene: &mut Scene, frame: &Frame, line: &Line, (ink, dashed): (Ink, bool)) {
        let dotted = !self.joined || line.points().count() <= DOTTED;
        for run in &line.runs {
            let places: Vec<(f64, f64)> = run.iter().map(|p| frame.at(p.x, p.y)).collect();
            if self.joined {
                stroke(scene, &places, ink, dashed);
            }
            let radius = if self.joined { 3.0 } else { 4.0 };
            for (x, y) in places.iter().filter(|_| dotted || run.len() == 1) {
                scene.dot(*x, *y, radius, ink, if self.joined { 1.0 } else { 0.8 });
            }
        }
    }

    fn intervals(&self, scene: &mut Scene, frame: &Frame, line: &Line, ink: Ink) {
        const CAP: f64 = 3.5;
        for run in &line.runs {
            let ends = || run.iter().filter_map(|point| Some((point.x, point.interval?)));
            if self.bands {
                let upper = ends().map(|(x, (_, high))| frame.at(x, high));
                let lower = ends().map(|(x, (low, _))| frame.at(x, low));
                let lower: Vec<(f64, f64)> = lower.collect();
                scene.area(upper.chain(lower.into_iter().rev()).collect(), ink, 0.2);
                continue;
            }
            for (x, (low, high)) in ends() {
                let ((x, bottom), (_, top)) = (frame.at(x, low), frame.at(x, high));
                scene.rect(x - 0.75, top, 1.5, bottom - top, ink);
                scene.rect(x - CAP, top - 0.75, 2.0 * CAP, 1.5, ink);
                scene.rect(x - CAP, bottom - 0.75, 2.0 * CAP, 1.5, ink);
            }
        }
    }
}

/// A line through points, in dashes if wanted.
fn stroke(scene: &mut Scene, points: &[(f64, f64)], ink: Ink, dashed: bool) {
    match dashed {
        false => scene.path(points.to_vec(), THICKNESS, ink),
        true => dashes(points).into_iter().for_each(|dash| scene.path(dash, THICKNESS, ink)),
    }
}

/// The parts of a line that are drawn where it is dashed.
fn dashes(points: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    const DASH: f64 = 6.0;
    const PERIOD: f64 = 10.0;
    let mut total = 0.0;
    let mut gone = vec![0.0];
    for pair in points.windows(2) {
        total += (pair[1].0 - pair[0].0).hypot(pair[1].1 - pair[0].1);
        gone.push(total);
    }
    let at = |length: f64| {
        let next = gone.partition_point(|gone| *gone < length).clamp(1, points.len() - 1);
        let (from, to) = (points[next - 1], points[next]);
        let share = (length - gone[next - 1]) / (gone[next] - gone[next - 1]).max(1e-9);
        (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
    };
    let dash = |index: usize| {
        let start = PERIOD * index as f64;
        let end = (start + DASH).min(total);
        let first = gone.partition_point(|gone| *gone <= start);
        let last = gone.partition_point(|gone| *gone < end).max(first);
        [&[at(start)], &points[first..last], &[at(end)]].concat()
    };
    match points.len() {
        0 | 1 => Vec::new(),
        _ => (0..(total / PERIOD).ceil() as usize).map(dash).collect(),
    }
}

fn tick_width(tick: &Tick) -> Result<f64> {
    Ok(width(&tick.label, SMALL)? + width(&tick.exponent, RAISED)?)
}

fn text(scene: &mut Scene, x: f64, y: f64, tick: &Tick) -> Result<()> {
    scene.text(x, y, &tick.label, SMALL, Anchor::Start, Ink::Muted);
    if !tick.exponent.is_empty() {
        let x = x + width(&tick.label, SMALL)?;
        scene.text(x, y - 4.5, &tick.exponent, RAISED, Anchor::Start, Ink::Muted);
    }
    Ok(())
}
