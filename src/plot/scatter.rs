//! Points over a number axis, with a line of least squares.

use super::chart::Chart;
use super::series::{Line, Point};
use super::{Picture, Plot, lines};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::stats;

/// `plot::scatter(series, options)`.
pub const ENTRY: Entry<Picture> = Entry {
    spec: Spec {
        name: "scatter",
        home: Home::Namespace("plot"),
        doc: "Points over a number axis, a colour for each series, with a fitted line.\n\n\
            A series is as for `plot::lines`, with x. The line is that of least squares (see \
            `stats::linear_fit`) through the points of the first series alone, of all, or there \
            is none; it ends with the points it was fitted to.",
        inputs: &[Param::input("series", Kind::Any, "A list of maps #{ name, x, y }, or one.")],
        params: &[
            Param::optional("title", Kind::Text, "Words above the picture."),
            Param::optional("x_label", Kind::Text, "What lies along the picture, with its unit."),
            Param::optional("y_label", Kind::Text, "What is drawn, with its unit."),
            Param::choice(
                "fit",
                &["first", "all", "none"],
                "The points that the line is fitted to.",
            ),
        ],
        returns: "plot",
        example: Example {
            code: "let series = [#{ name: \"noise\", x: [10, 12, 15], y: [50, 52, 54] }, \
                #{ name: \"pgd\", x: [30], y: [51] }];\n\
                plot::scatter(series, #{ x_label: \"robust (%)\", y_label: \"transfer (%)\" })",
            shows: "scatter: transfer (%) by robust (%), 4 points of 2 series",
        },
        cite: "",
        version: 1,
    },
    build,
};

fn build(args: &Args) -> Result<Plot> {
    let given = lines::series(args, "scatter", None, [false; 2])?;
    let fitted = match args.text("fit")? {
        "first" => given.first().map_or(Vec::new(), |line| line.points().copied().collect()),
        "all" => given.iter().flat_map(Line::points).copied().collect(),
        _ => Vec::new(),
    };
    let fit = line(&fitted);
    let label = |key| args.optional_text(key).map(|text| text.unwrap_or_default().to_owned());
    let points: usize = given.iter().map(|line| line.points().count()).sum();
    let summary = format!("{points} points of {} series", given.len());
    let chart = Chart {
        title: label("title")?,
        x_label: label("x_label")?,
        y_label: label("y_label")?,
        logarithmic: [false; 2],
        bands: false,
        joined: false,
        lines: given,
        fit,
    };
    let what = match (chart.y_label.as_str(), chart.x_label.as_str()) {
        ("", "") => String::new(),
        (y, x) => format!("{y} by {x}, "),
    };
    let caption = match (chart.fit, args.text("fit")?) {
        (None, _) => "One dot for each point.".to_owned(),
        (Some(_), "first") => {
            let name = chart.lines.first().map_or("", |line| &line.name);
            format!("The line is that of least squares through the points of {name} alone.")
        }
        _ => "The line is that of least squares through all points.".to_owned(),
    };
    Ok(Plot { scene: chart.scene()?, summary: format!("scatter: {what}{summary}"), caption })
}

/// The ends of the line of least squares; none of fewer than two places.
fn line(points: &[Point]) -> Option<[(f64, f64); 2]> {
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|point| (point.x, point.y)).unzip();
    let (intercept, slope) = stats::line(&x, &y)?;
    let (low, high) = (x.iter().copied().reduce(f64::min)?, x.iter().copied().reduce(f64::max)?);
    Some([low, high].map(|x| (x, intercept + slope * x)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Ink, Shape};
    use crate::registry::Value;

    fn series(name: &str, x: &[f64], y: &[f64]) -> Value {
        let list = |values: &[f64]| Value::Floats(values.to_vec());
        let map = [("name", Value::from(name)), ("x", list(x)), ("y", list(y))];
        Value::Map(map.map(|(key, value)| (key.to_owned(), value)).into())
    }

    fn plot(fit: &str) -> Plot {
        let given = vec![
            series("noise", &[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]),
            series("pgd", &[4.0], &[0.0]),
        ];
        let options = vec![("fit".to_owned(), Value::from(fit))];
        build(&Args::resolve(&ENTRY.spec, vec![Value::List(given)], options).unwrap()).unwrap()
    }

    #[test]
    fn points_are_not_joined_and_the_line_goes_through_those_it_is_fitted_to() {
        for (fit, paths) in [("first", 1), ("all", 1), ("none", 0)] {
            let scene = plot(fit).scene;
            let dots: Vec<(f64, f64)> = scene
                .shapes
                .iter()
                .filter_map(|shape| match shape {
                    Shape::Dot { x, y, ink: Ink::Series(0), .. } => Some((*x, *y)),
                    _ => None,
                })
                .collect();
            let lines: Vec<&Vec<(f64, f64)>> = scene
                .shapes
                .iter()
                .filter_map(|shape| match shape {
                    Shape::Path { points, .. } => Some(points),
                    _ => None,
                })
                .collect();
            assert_eq!(lines.len(), paths, "{fit}");
            if fit == "first" {
                // Its points lie on a line, so that it joins the first and the last.
                for (end, dot) in [(lines[0][0], dots[0]), (lines[0][1], dots[2])] {
                    assert!((end.0 - dot.0).abs() + (end.1 - dot.1).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn a_single_place_has_no_line() {
        let place = Point { x: 1.0, y: 2.0, interval: None };
        assert_eq!(line(&[place, place]), None);
        assert_eq!(line(&[]), None);
    }
}
