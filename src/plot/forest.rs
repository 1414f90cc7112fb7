//! Differences with their intervals, one under the other, and a line at zero.

use super::axis::{Range, ticks};
use super::lettering::{width, wrap};
use super::panel::{SMALL, STRONG, WORDS};
use super::scene::{Anchor, Ink, Scene};
use super::sheet::{EDGE, HEADING};
use super::{Picture, Plot};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use std::collections::BTreeMap;

/// `plot::forest(rows, options)`.
pub const ENTRY: Entry<Picture> = Entry {
    spec: Spec {
        name: "forest",
        home: Home::Namespace("plot"),
        doc: "Differences with their intervals, a row for each, and a line at zero.\n\n\
            A row is a map with the keys name, mean, low and high, as `stats::mean` gives the \
            last three; without an interval it is a dot. A text is a heading of the rows below. \
            What leaves the picture ends in an arrow.",
        inputs: &[Param::input(
            "rows",
            Kind::Any,
            "A list of maps #{ name, mean, low, high } and of texts.",
        )],
        params: &[
            Param::optional("title", Kind::Text, "Words above the picture."),
            Param::optional("x_label", Kind::Text, "What lies along the picture, with its unit."),
        ],
        returns: "plot",
        example: Example {
            code: "let gains = [[\"native\", [-2.1, -3.0, -2.4]], [\"low\", [1.9, 3.2, 2.2]]];\n\
                let rows = gains.map(|gain| #{ name: gain[0] } + stats::mean(gain[1]));\n\
                plot::forest(rows, #{ x_label: \"pgd - standard (points)\" })",
            shows: "forest: pgd - standard (points), 2 rows",
        },
        cite: "",
        version: 1,
    },
    build,
};

const WIDTH: f64 = 760.0;
const ROW: f64 = 26.0;
/// The widest names of rows.
const NAMES: f64 = 330.0;
/// Room for the numbers at the right.
const NUMBERS: f64 = 150.0;
/// More rows are too many for one picture.
const MOST: usize = 200;
/// What a row may have beside its numbers: what else `stats::mean` gives.
const KEYS: [&str; 6] = ["name", "mean", "low", "high", "sd", "n"];

/// A row of the picture.
#[derive(Debug, Clone, PartialEq)]
enum Row {
    Heading(String),
    /// A name, and a mean with the ends of its interval.
    Difference(String, Option<f64>, Option<(f64, f64)>),
}

fn build(args: &Args) -> Result<Plot> {
    let rows = match args.value("rows")? {
        Value::List(rows) if (1..=MOST).contains(&rows.len()) => {
            rows.iter().map(row).collect::<Result<Vec<Row>>>()?
        }
        other => {
            let found = match other {
                Value::List(rows) => format!("{} of them", rows.len()),
                other => other.found(),
            };
            return Err(usage(format!("expected a list of 1 to {MOST} rows, found {found}")));
        }
    };
    let label = |key| args.optional_text(key).map(Option::unwrap_or_default);
    let (title, x_label) = (label("title")?, label("x_label")?);
    let counted = rows.iter().filter(|row| matches!(row, Row::Difference(..))).count();
    let what = if x_label.is_empty() { String::new() } else { format!("{x_label}, ") };
    let plural = if counted == 1 { "" } else { "s" };
    Ok(Plot {
        scene: scene(&rows, title, x_label)?,
        summary: format!("forest: {what}{counted} row{plural}"),
        caption: "Dots are the differences, lines the intervals that were given (an arrow where \
                  one goes on), the dashed line is zero."
            .to_owned(),
    })
}

fn usage(message: impl std::fmt::Display) -> Error {
    Error::usage(format!("forest: {message}"))
        .hint("plot::forest([#{ name: \"pgd - standard\" } + stats::mean(differences)])")
}

fn row(given: &Value) -> Result<Row> {
    let map = match given {
        Value::Text(heading) => return Ok(Row::Heading(heading.clone())),
        Value::Map(map) => map,
        other => return Err(usage(format!("expected a map or a text, found {}", other.found()))),
    };
    if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(usage(format!("unknown key {key} of a row")));
    }
    let Some(Value::Text(name)) = map.get("name") else {
        return Err(usage("a row without a name"));
    };
    let of = |key: &str| number(name, key, map);
    let interval = match (of("low")?, of("high")?) {
        (None, None) => None,
        (Some(low), Some(high)) if low <= high => Some((low, high)),
        _ => return Err(usage(format!("{name}: expected low <= high, or neither"))),
    };
    Ok(Row::Difference(name.clone(), of("mean")?, interval))
}

fn number(name: &str, key: &str, map: &BTreeMap<String, Value>) -> Result<Option<f64>> {
    match map.get(key) {
        None | Some(Value::Unit) => Ok(None),
        Some(Value::Int(number)) => Ok(Some(*number as f64)),
        Some(Value::Float(number)) if number.is_finite() => Ok(Some(*number)),
        Some(other) => {
            Err(usage(format!("{name}: {key} expected a number, found {}", other.found())))
        }
    }
}

/// The numbers that are shown: all means, zero, and intervals as far as they do not dwarf them.
fn range(rows: &[Row]) -> Range {
    let means = || {
        rows.iter().filter_map(|row| match row {
            Row::Difference(_, mean, _) => *mean,
            Row::Heading(_) => None,
        })
    };
    let (low, high) = (means().fold(0.0, f64::min), means().fold(0.0, f64::max));
    let reach = 1.5 * (high - low).max(1e-9);
    let (mut from, mut to) = (low, high);
    for row in rows {
        if let Row::Difference(_, _, Some((low, high))) = row {
            (from, to) = (from.min(*low), to.max(*high));
        }
    }
    let (from, to) = (from.max(low - reach), to.min(high + reach));
    let margin = if to > from { 0.05 * (to - from) } else { 1.0 };
    Range { low: from - margin, high: to + margin }
}

fn scene(rows: &[Row], title: &str, x_label: &str) -> Result<Scene> {
    let mut names = Vec::new();
    let mut gutter: f64 = 0.0;
    for row in rows {
        let (Row::Heading(name) | Row::Difference(name, ..)) = row;
        let name = wrap(name, WORDS, NAMES, 1)?.concat();
        gutter = gutter.max(width(&name, WORDS)?);
        names.push(name);
    }
    let mut scene = Scene { width: WIDTH, height: 0.0, shapes: Vec::new() };
    let mut top = EDGE;
    if !title.is_empty() {
        let title = wrap(title, HEADING, WIDTH - 2.0 * EDGE, 1)?.concat();
        scene.text(EDGE, top + 12.0, &title, HEADING, Anchor::Start, Ink::Text);
        top += 34.0;
    }
    // A browser's letters may be wider than those that were measured.
    let left = EDGE + 1.06 * gutter + 16.0;
    let long = WIDTH - EDGE - NUMBERS - left;
    let height = ROW * rows.len() as f64;
    let range = range(rows);
    let at = |value: f64| left + (value - range.low) / (range.high - range.low) * long;
    for (value, label) in ticks(range, (long / 60.0) as usize) {
        scene.rect(at(value) - 0.5, top, 1.0, height, Ink::Faint);
        scene.text(at(value), top + height + 16.0, &label, SMALL, Anchor::Middle, Ink::Muted);
    }
    scene.rect(left, top + height, long, 1.0, Ink::Muted);
    scene.dashes(at(0.0), top, height, Ink::Reference);
    for (place, (row, name)) in rows.iter().zip(&names).enumerate() {
        let y = top + ROW * (place as f64 + 0.5);
        match row {
            Row::Heading(_) => {
                scene.text(EDGE, y + 4.5, name, STRONG, Anchor::Start, Ink::Text);
            }
            Row::Difference(_, mean, interval) => {
                scene.text(left - 14.0, y + 4.5, name, WORDS, Anchor::End, Ink::Text);
                if let Some(ends) = interval {
                    whisker(&mut scene, (at(ends.0), at(ends.1)), (left, left + long), y);
                }
                if let Some(mean) = mean {
                    scene.dot(at(*mean), y, 4.5, Ink::Series(0), 1.0);
                }
                let text = numbers(*mean, *interval);
                scene.text(WIDTH - EDGE, y + 4.5, &text, SMALL, Anchor::End, Ink::Text);
            }
        }
    }
    let mut bottom = top + height + 26.0;
    if !x_label.is_empty() {
        let label = wrap(x_label, SMALL, long, 1)?.concat();
        scene.text(left + long / 2.0, bottom + 10.0, &label, SMALL, Anchor::Middle, Ink::Muted);
        bottom += 20.0;
    }
    scene.height = bottom + 8.0;
    Ok(scene)
}

/// A line between two places, with an arrow where it would leave the picture.
fn whisker(scene: &mut Scene, (low, high): (f64, f64), (left, right): (f64, f64), y: f64) {
    const ARROW: f64 = 6.0;
    let ink = Ink::Series(0);
    let (from, to) = (low.max(left), high.min(right));
    scene.rect(from, y - 1.0, to - from, 2.0, ink);
    if low < left {
        scene.arrow(left + ARROW, y, -ARROW, ink);
    }
    if high > right {
        scene.arrow(right - ARROW, y, ARROW, ink);
    }
}

/// A difference as text, with its sign.
fn numbers(mean: Option<f64>, interval: Option<(f64, f64)>) -> String {
    let mean = mean.map_or("-".to_owned(), |mean| format!("{mean:+.2}"));
    match interval {
        None => mean,
        Some((low, high)) => format!("{mean} [{low:.2}, {high:.2}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Shape, png, svg};

    fn difference(name: &str, numbers: &[(&str, f64)]) -> Value {
        let numbers =
            numbers.iter().map(|(key, number)| ((*key).to_owned(), Value::Float(*number)));
        let name = ("name".to_owned(), Value::from(name));
        Value::Map(numbers.chain([name]).collect())
    }

    fn plot(rows: Vec<Value>) -> Result<Plot> {
        build(&Args::resolve(&ENTRY.spec, vec![Value::List(rows)], vec![])?)
    }

    fn some() -> Vec<Value> {
        vec![
            Value::from("low-resolution composite"),
            difference("pgd - standard", &[("mean", 2.0), ("low", -1.0), ("high", 5.0)]),
            difference("one seed", &[("mean", -1.0)]),
            difference("wide", &[("mean", 0.5), ("low", -90.0), ("high", 90.0)]),
            difference("a name that is far too long to be drawn beside the rest of it all", &[]),
        ]
    }

    #[test]
    fn places_are_in_proportion_and_the_dashes_lie_at_zero() {
        let scene = plot(some()).unwrap().scene;
        let dots: Vec<f64> = scene
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Dot { x, .. } => Some(*x),
                _ => None,
            })
            .collect();
        // Means 2, -1 and 0.5: the last lies halfway, and zero a third of the way from -1 to 2.
        assert_eq!(dots.len(), 3);
        assert!((dots[2] - (dots[0] + dots[1]) / 2.0).abs() < 1e-9);
        let zero = dots[1] + (dots[0] - dots[1]) / 3.0;
        let dashes = scene.shapes.iter().filter_map(|shape| match shape {
            Shape::Rect { left, width, ink: Ink::Reference, .. } => Some(left + width / 2.0),
            _ => None,
        });
        let dashes: Vec<f64> = dashes.collect();
        assert!(!dashes.is_empty() && dashes.iter().all(|x| (x - zero).abs() < 1.0), "{dashes:?}");
        // The wide interval does not dwarf the others: it ends in two arrows.
        let arrows = scene.shapes.iter().filter(|shape| matches!(shape, Shape::Arrow { .. }));
        assert_eq!(arrows.count(), 2);
    }

    #[test]
    fn all_lies_inside_and_the_same_rows_give_the_same_bytes() {
        let scene = plot(some()).unwrap().scene;
        for shape in &scene.shapes {
            if let Shape::Text { x, y, text, letters, anchor, .. } = shape {
                let wide = width(text, *letters).unwrap();
                let left = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - wide / 2.0,
                    Anchor::End => x - wide,
                };
                assert!(left >= 0.0 && left + wide <= scene.width && *y <= scene.height, "{text}");
            }
        }
        let bytes = || {
            let scene = plot(some()).unwrap().scene;
            (svg(&scene).unwrap(), png(&scene).unwrap())
        };
        assert_eq!(bytes(), bytes());
    }

    #[test]
    fn what_is_no_row_is_refused_with_its_reason() {
        let said = |rows| plot(rows).unwrap_err().to_string();
        assert!(said(vec![]).ends_with("expected a list of 1 to 200 rows, found 0 of them"));
        assert!(said(vec![Value::Int(1)]).ends_with("expected a map or a text, found 1"));
        let half = difference("a", &[("mean", 1.0), ("low", 0.0)]);
        assert!(said(vec![half]).ends_with("a: expected low <= high, or neither"));
        assert!(said(vec![difference("a", &[("p", 1.0)])]).ends_with("unknown key p of a row"));
        let nan = difference("a", &[("mean", f64::NAN)]);
        assert!(said(vec![nan]).contains("a: mean expected a number"));
    }
}
