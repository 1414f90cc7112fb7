//! Lines: spectra, correlations, learning curves, doses and ladders.

use super::chart::Chart;
use super::series::{Line, line, numbers};
use super::{Picture, Plot};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};

/// `plot::lines(series, options)`.
pub const ENTRY: Entry<Picture> = Entry {
    spec: Spec {
        name: "lines",
        home: Home::Namespace("plot"),
        doc: "Lines over a number axis, one for each series, with their names beside them.\n\n\
            A series is a list of numbers, or a map with the keys y, its numbers; name; x, their \
            places; low and high, the ends of their intervals. What is not a number is a gap. \
            Lines of up to 25 points have dots. Colours can be told apart by the colour-blind; \
            after seven series they repeat, dashed.",
        inputs: &[Param::input(
            "series",
            Kind::Any,
            "A list of maps #{ name, y, x, low, high }, or one series.",
        )],
        params: &[
            Param::optional(
                "x",
                Kind::Any,
                "The places of the points of every series without its own, a list or a range; \
                 1, 2, ... if left out.",
            ),
            Param::optional("title", Kind::Text, "Words above the picture."),
            Param::optional("x_label", Kind::Text, "What lies along the picture, with its unit."),
            Param::optional("y_label", Kind::Text, "What is drawn, with its unit."),
            Param::choice("log", &["none", "x", "y", "xy"], "The axes that are logarithmic."),
            Param::choice(
                "intervals",
                &["band", "bars"],
                "How intervals are drawn; lines with bars are moved a little, to lie side by side.",
            ),
        ],
        returns: "plot",
        example: Example {
            code: "let data = dataset::digits();\n\
                let low = dataset::digits(#{ test_transform: transform::pixelate(#{ block: 2 }) });\n\
                let series = [#{ name: \"native\", y: data.spectrum() }, \
                #{ name: \"blocks of 2\", y: low.spectrum() }];\n\
                plot::lines(series, #{ x_label: \"cycles per image\", y_label: \"power\", log: \"xy\" })",
            shows: "lines: power by cycles per image, 2 lines of 4 points",
        },
        cite: "",
        version: 1,
    },
    build,
};

/// The most lines: seven colours, each plain and dashed.
const MOST: usize = 14;

fn build(args: &Args) -> Result<Plot> {
    let log = args.text("log")?;
    let logarithmic = ["x", "y"].map(|axis| log.contains(axis));
    let shared = match args.value("x")? {
        Value::Unit => None,
        given => Some(numbers("x", given).map_err(|error| error.at_key("x"))?),
    };
    let lines = series(args, "lines", shared.as_deref(), logarithmic)?;
    let label = |key| args.optional_text(key).map(|text| text.unwrap_or_default().to_owned());
    let chart = Chart {
        title: label("title")?,
        x_label: label("x_label")?,
        y_label: label("y_label")?,
        logarithmic,
        bands: args.text("intervals")? == "band",
        joined: true,
        lines,
        fit: None,
    };
    Ok(Plot { scene: chart.scene()?, summary: summary(&chart), caption: caption(&chart) })
}

/// The series of a call of a plot, `operation`.
pub(super) fn series(
    args: &Args,
    operation: &str,
    shared: Option<&[f64]>,
    logarithmic: [bool; 2],
) -> Result<Vec<Line>> {
    let given = match args.value("series")? {
        Value::List(items) if items.iter().any(|item| !is_number(item)) => items.clone(),
        single => vec![single.clone()],
    };
    if given.is_empty() || given.len() > MOST {
        let message = format!("{operation}: expected 1 to {MOST} series, found {}", given.len());
        return Err(Error::usage(message).hint("plot a part of them, or several pictures"));
    }
    let named = |(place, series): (usize, &Value)| {
        line(series, shared, logarithmic).map_err(|error| match &series {
            Value::Map(map) => match map.get("name") {
                Some(Value::Text(name)) => error.within(format!("{operation}: {name}")),
                _ => error.within(format!("{operation}: series {place}")),
            },
            _ => error.within(format!("{operation}: series {place}")),
        })
    };
    given.iter().enumerate().map(named).collect()
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Float(_) | Value::Unit)
}

fn summary(chart: &Chart) -> String {
    let counts = || chart.lines.iter().map(|line| line.points().count());
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let upto = if least == most { "" } else { "up to " };
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let what = match (chart.y_label.as_str(), chart.x_label.as_str()) {
        ("", "") => String::new(),
        (y, "") => format!("{y}, "),
        ("", x) => format!("by {x}, "),
        (y, x) => format!("{y} by {x}, "),
    };
    let lines = chart.lines.len();
    format!("lines: {what}{lines} line{} of {upto}{most} point{}", plural(lines), plural(most))
}

fn caption(chart: &Chart) -> String {
    let intervals = chart.lines.iter().flat_map(Line::points).any(|point| point.interval.is_some());
    let axes = match chart.logarithmic {
        [true, true] => "Both axes are logarithmic.",
        [true, false] => "The horizontal axis is logarithmic.",
        [false, true] => "The vertical axis is logarithmic.",
        [false, false] => "Lines join the points in their order.",
    };
    match (intervals, chart.bands) {
        (false, _) => axes.to_owned(),
        (true, true) => format!("{axes} Bands are the intervals that were given."),
        (true, false) => {
            format!(
                "{axes} Bars are the intervals that were given, side by side where they would overlap."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Anchor, Scene, Shape, lettering::width, png, svg};

    fn floats(values: &[f64]) -> Value {
        Value::List(values.iter().map(|value| Value::Float(*value)).collect())
    }

    fn series(name: &str, lists: &[(&str, &[f64])]) -> Value {
        let lists = lists.iter().map(|(key, values)| ((*key).to_owned(), floats(values)));
        let name = ("name".to_owned(), Value::Text(name.to_owned()));
        Value::Map(lists.chain([name]).collect())
    }

    fn plot(given: Value, options: &[(&str, Value)]) -> Result<Plot> {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        build(&Args::resolve(&ENTRY.spec, vec![given], options.collect())?)
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    /// The paths of a scene with their inks, in the order of the lines; samples of the key last.
    fn paths(scene: &Scene) -> Vec<(usize, Vec<(f64, f64)>)> {
        let path = |shape: &Shape| match shape {
            Shape::Path { points, ink: crate::plot::Ink::Series(line), .. } => {
                Some((*line, points.clone()))
            }
            _ => None,
        };
        scene.shapes.iter().filter_map(path).collect()
    }

    /// Fourteen lines of spectra, with long names, intervals and a gap.
    fn many() -> Value {
        let line = |line: usize| {
            let slope = 1.0 + line as f64 / 7.0;
            let y: Vec<f64> = (1..=32)
                .map(|k| if k == 5 && line == 2 { f64::NAN } else { f64::from(k).powf(-slope) })
                .collect();
            let [low, high] =
                [0.8, 1.2].map(|factor| y.iter().map(|y| factor * y).collect::<Vec<f64>>());
            let name = format!("a rather long name of line {line}, which breaks, and then ends");
            series(&name, &[("y", &y), ("low", &low), ("high", &high)])
        };
        Value::List((0..14).map(line).collect())
    }

    #[test]
    fn a_power_law_is_straight_on_logarithmic_axes_and_a_line_on_linear_ones() {
        let x: Vec<f64> = (1..=20).map(f64::from).collect();
        let law: Vec<f64> = x.iter().map(|x| 3.0 * x.powi(-2)).collect();
        for (log, y) in [("xy", &law), ("none", &x)] {
            let given = series("law", &[("x", &x), ("y", y)]);
            let scene = plot(given, &[("log", text(log))]).unwrap().scene;
            let (_, points) = &paths(&scene)[0];
            let slope = |a: (f64, f64), b: (f64, f64)| (b.1 - a.1) / (b.0 - a.0);
            let all = slope(points[0], points[19]);
            assert!(points.windows(2).all(|pair| (slope(pair[0], pair[1]) - all).abs() < 1e-9));
        }
    }

    #[test]
    fn what_is_no_number_breaks_a_line_and_single_points_are_dots() {
        let nan = f64::NAN;
        let scene = plot(floats(&[nan, 1.0, 2.0, nan, 3.0, nan]), &[]).unwrap().scene;
        let lengths: Vec<usize> = paths(&scene).iter().map(|(_, points)| points.len()).collect();
        assert_eq!(lengths, [2, 1]);
        let dots = scene.shapes.iter().filter(|shape| matches!(shape, Shape::Dot { .. })).count();
        assert_eq!(dots, 3);
    }

    #[test]
    fn words_do_not_overlap_each_other_or_lines_and_all_lies_inside() {
        let labels =
            ["title", "x_label", "y_label"].map(|key| (key, text("words with a unit (px)")));
        for (log, intervals) in [("xy", "band"), ("none", "bars"), ("x", "band"), ("y", "bars")] {
            let options = [&labels[..], &[("log", text(log)), ("intervals", text(intervals))]];
            let scene = plot(many(), &options.concat()).unwrap().scene;
            let mut boxes: Vec<[f64; 4]> = Vec::new();
            let mut right: f64 = 0.0;
            for shape in &scene.shapes {
                match shape {
                    Shape::Text { x, y, text, letters, anchor, .. } => {
                        let wide = width(text, *letters).unwrap();
                        let left = match anchor {
                            Anchor::Start => *x,
                            Anchor::Middle => x - wide / 2.0,
                            Anchor::End => x - wide,
                        };
                        boxes.push([left, y - 0.74 * letters.size, left + wide, y + 0.1]);
                    }
                    Shape::Path { points, .. } | Shape::Area { points, .. } => {
                        for (x, y) in points {
                            let inside = (0.0..scene.width).contains(x);
                            assert!(inside && (0.0..scene.height).contains(y), "{x} {y}");
                        }
                    }
                    Shape::Dot { x, .. } => right = right.max(*x),
                    _ => {}
                }
            }
            for (index, [left, top, end, bottom]) in boxes.iter().enumerate() {
                assert!(*left >= 0.0 && *end <= scene.width && *bottom <= scene.height);
                for other in &boxes[..index] {
                    let apart = other[2] <= *left || other[0] >= *end;
                    assert!(apart || other[3] <= *top || other[1] >= *bottom, "{other:?}");
                }
            }
            let names = boxes.iter().map(|box_| box_[0]).fold(0.0, f64::max);
            assert!(right < names, "a line runs into the key");
        }
    }

    #[test]
    fn lines_with_bars_at_one_place_lie_side_by_side() {
        let one = |name: &str| {
            series(name, &[("y", &[1.0, 2.0]), ("low", &[0.5, 1.5]), ("high", &[1.5, 2.5])])
        };
        let given = Value::List(["a", "b", "c"].map(one).to_vec());
        let starts = |intervals: &str| {
            let scene = plot(given.clone(), &[("intervals", text(intervals))]).unwrap().scene;
            let all = paths(&scene);
            (0..3)
                .map(|line| all.iter().find(|path| path.0 == line).unwrap().1[0])
                .collect::<Vec<_>>()
        };
        let (bands, bars) = (starts("band"), starts("bars"));
        assert!(bands.iter().all(|start| *start == bands[0]));
        // The middle one stays where it is, and none moves up or down.
        for ((bar, band), moved) in bars.iter().zip(&bands).zip([-5.0, 0.0, 5.0]) {
            assert!((bar.0 - band.0 - moved).abs() < 1e-9, "{bar:?} {band:?}");
        }
        assert!(bars.iter().all(|start| start.1 == bars[0].1));
    }

    #[test]
    fn colours_repeat_dashed_and_dashes_lie_on_the_line() {
        let scene = plot(many(), &[]).unwrap().scene;
        let of = |line| paths(&scene).into_iter().filter(|path| path.0 == line).count();
        // The line and its sample; a gap makes one more.
        assert_eq!((of(0), of(2)), (2, 3));
        assert!(of(7) > 20, "{}", of(7));
        let straight = Value::List((0..8).map(|_| floats(&[0.0, 1.0, 2.0])).collect());
        let scene = plot(straight, &[]).unwrap().scene;
        let whole = &paths(&scene)[0].1;
        let (from, to) = (whole[0], whole[2]);
        for (_, dash) in paths(&scene).iter().filter(|path| path.0 == 7) {
            for (x, y) in dash {
                let along = (x - from.0) / (to.0 - from.0);
                assert!((from.1 + along * (to.1 - from.1) - y).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn the_same_series_give_the_same_bytes() {
        let bytes = || {
            let scene = plot(many(), &[("log", text("xy"))]).unwrap().scene;
            (svg(&scene).unwrap(), png(&scene).unwrap())
        };
        assert_eq!(bytes(), bytes());
        assert!(bytes().0.as_str().contains("<polyline"));
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_with_its_reason() {
        let said =
            |given: Value, options: &[(&str, Value)]| plot(given, options).unwrap_err().to_string();
        let log = [("log", text("xy"))];
        assert_eq!(
            said(series("a", &[("y", &[1.0, 0.0])]), &log),
            "lines: a: y expected numbers above 0 on a logarithmic axis, found 0"
        );
        assert!(
            said(Value::List(vec![]), &[]).ends_with("expected at least one number, found none")
        );
        assert!(said(text("a"), &[]).contains("y expected a list of numbers, found \"a\""));
        assert!(said(series("a", &[("x", &[1.0])]), &[]).ends_with("y is missing"));
        assert!(said(series("a", &[("z", &[1.0])]), &[]).ends_with("unknown key z"));
        let uneven = series("a", &[("y", &[1.0, 2.0]), ("x", &[1.0])]);
        assert!(said(uneven, &[]).ends_with("x expected 2 numbers, as many as y, found 1"));
        assert!(said(series("a", &[("y", &[f64::NAN])]), &[]).contains("at least one number"));
        assert!(said(series("a", &[("y", &[f64::INFINITY])]), &[]).ends_with("found inf"));
        let half = series("a", &[("y", &[1.0]), ("low", &[0.5])]);
        assert!(said(half, &[]).ends_with("found one of them"));
        let crossed = series("a", &[("y", &[1.0]), ("low", &[2.0]), ("high", &[0.5])]);
        assert!(said(crossed, &[]).ends_with("found 2 and 0.5"));
        assert!(said(floats(&[1.0]), &[("x", text("a"))]).contains("x expected a list of numbers"));
        assert!(plot(floats(&[1.0, 2.0]), &[("x", Value::Ints(vec![3, 4]))]).is_ok());
        assert_eq!(plot(floats(&[1.0]), &[]).unwrap().summary, "lines: 1 line of 1 point");
    }
}
