//! Means with confidence intervals: one row per level, one panel per place of the other axes.

use super::axis::Range;
use super::panel::{Mark, Panel};
use super::sheet::Sheet;
use super::{Build, Plot};
use crate::error::{Error, Result};
use crate::registry::{Args, Default, Entry, Example, Home, Kind, Param, Spec};
use crate::stats::{Estimate, REPLICATE, Records, Unit, estimates, replicate_axis};

/// `plot::bars(cells, options)`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "bars",
        home: Home::Namespace("plot"),
        doc: "Means with 95 % confidence intervals, one row per level of an axis.\n\n\
            Every combination of the remaining axes (target, mode, ...) is a panel. All panels \
            span the same length of the number axis, so that equal distances are equal \
            differences; they do not start at zero, hence dots and whiskers in place of bars. \
            Small dots are single replicates, the dashed line is the mean of the baseline. \
            Intervals are those of single means; `stats::paired_compare` tests differences.",
        inputs: &[Param::input("cells", Kind::Handle("cells"), "The cells of a grid.")],
        params: &[
            text("by", "arm", "Axis whose levels are the rows."),
            text("metric", "accuracy", "Name of the metric."),
            text("replicate", REPLICATE, "Axis whose levels are independent repetitions."),
            Param::optional("baseline", Kind::Text, "Level of `by` at the dashed line; the first."),
        ],
        returns: "plot",
        example: Example {
            code: "let accuracy = #{ a: [0.80, 0.81, 0.84], b: [0.82, 0.84, 0.85] };\n\
                let cells = sweep::grid(#{ arm: [\"a\", \"b\"], seed: 0..3 }, \
                |c| #{ accuracy: accuracy[c.arm][c.seed] });\n\
                plot::bars(cells, #{ by: \"arm\" })",
            shows: "bars: accuracy (%) by arm, 2 rows in 1 panel",
        },
        cite: "",
        version: 1,
    },
    build,
};

const fn text(name: &'static str, default: &'static str, doc: &'static str) -> Param {
    Param { name, kind: Kind::Text, default: Default::Text(default), doc, label: false }
}

/// Higher pictures would take more memory than they are worth.
const HIGHEST: f64 = 20_000.0;

fn build(records: &Records, args: &Args) -> Result<Plot> {
    let at = |error: Error, key: &str| error.within("bars").at_key(key);
    let by = records.axis(args.text("by")?).map_err(|error| at(error, "by"))?;
    let metric = args.text("metric")?;
    records.check_metric(metric).map_err(|error| error.within("bars"))?;
    let baseline = match args.optional_text("baseline")? {
        Some(name) => records.level(by, name).map_err(|error| at(error, "baseline"))?,
        None => 0,
    };
    let replicate =
        replicate_axis(records, args.text("replicate")?).map_err(|error| at(error, "replicate"))?;
    let sheet = sheet(records, by, metric, replicate, baseline);
    let scene = sheet.scene()?;
    if scene.height > HIGHEST {
        return Err(Error::usage(format!(
            "bars: {} panels of {} rows are too many for one picture",
            sheet.panels.len(),
            sheet.levels.len()
        ))
        .hint("plot a part of the grid, or give fewer axes"));
    }
    Ok(Plot { scene, summary: summary(&sheet), caption: caption(&sheet) })
}

fn sheet(
    records: &Records,
    by: usize,
    metric: &str,
    replicate: Option<usize>,
    baseline: usize,
) -> Sheet {
    let unit = Unit::of(records, metric);
    let replicate = replicate.filter(|axis| *axis != by);
    let fixed: Vec<usize> = [by].into_iter().chain(replicate).collect();
    let rest = records.other_axes(&fixed);
    let groups = estimates(records, &[rest.as_slice(), &[by]].concat(), metric, replicate);
    let levels: Vec<String> = records.axes.get(by).map_or(Vec::new(), |axis| axis.levels.clone());
    let panels: Vec<Panel> = groups
        .chunks(levels.len().max(1))
        .map(|chunk| Panel {
            title: chunk.first().map_or(String::new(), |group| title(records, &rest, group)),
            marks: chunk.iter().map(|group| mark(group, unit)).collect(),
        })
        .collect();
    let last = rest.last().and_then(|axis| records.axes.get(*axis));
    let columns = match last.map_or(1, |axis| axis.levels.len()) {
        columns @ (2 | 3) if rest.len() > 1 => columns,
        _ => panels.len().clamp(1, 2),
    };
    let name = replicate.map_or("cell", |axis| records.axis_name(axis));
    Sheet {
        heading: unit.heading(metric),
        by: records.axis_name(by).to_owned(),
        levels,
        baseline,
        reference: level(records, by, baseline),
        replicates: counted(name, &groups),
        panels,
        columns,
        bounds: (unit == Unit::Percent).then_some(Range { low: 0.0, high: 100.0 }),
    }
}

fn caption(sheet: &Sheet) -> String {
    let panels = match sheet.panels.len() {
        1 => "",
        _ => {
            " All panels span the same length of the axis: equal distances are equal \
                  differences."
        }
    };
    format!(
        "Large dots are means, lines their 95 % t intervals (an arrow where the interval goes \
             on), small dots {} each, the dashed line the mean of {}.{panels} The \
             intervals belong to single means; the paired comparison tests differences.",
        sheet.replicates, sheet.reference
    )
}

fn summary(sheet: &Sheet) -> String {
    let panels = sheet.panels.len();
    let rows = sheet.levels.len();
    let heading = &sheet.heading;
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    format!(
        "bars: {heading} by {}, {rows} row{} in {panels} panel{}",
        sheet.by,
        plural(rows),
        plural(panels)
    )
}

fn title(records: &Records, rest: &[usize], group: &Estimate) -> String {
    let names = rest.iter().zip(&group.place).map(|(axis, place)| level(records, *axis, *place));
    names.collect::<Vec<_>>().join(", ")
}

/// The name of a level; a number is preceded by its axis.
fn level(records: &Records, axis: usize, level: usize) -> String {
    let name = records.level_name(axis, level);
    match name.parse::<f64>() {
        Ok(_) => format!("{} {name}", records.axis_name(axis)),
        Err(_) => name.to_owned(),
    }
}

fn mark(group: &Estimate, unit: Unit) -> Option<Mark> {
    let factor = unit.factor();
    let mean = group.mean()?;
    let interval = group.interval(0.95);
    Some(Mark {
        values: group.values.iter().map(|value| factor * value).collect(),
        mean: factor * mean,
        interval: interval
            .map(|found| Range { low: factor * found.low, high: factor * found.high }),
        label: unit.show(mean),
    })
}

/// What a small dot is: `one seed (n = 3)`.
fn counted(replicate: &str, groups: &[Estimate]) -> String {
    let sizes = || groups.iter().map(|group| group.values.len()).filter(|size| *size > 0);
    let (least, most) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
    match least == most {
        true => format!("one {replicate} (n = {most})"),
        false => format!("one {replicate} (n = {least} to {most})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::lettering::width;
    use crate::plot::panel::MEANS;
    use crate::plot::{Anchor, Scene, Shape, png, svg};
    use crate::registry::Value;
    use crate::seed::Stream;
    use crate::stats::{Metric, grid};

    const ARMS: &[&str] = &[
        "standard",
        "more passes (matched in forwards)",
        "gaussian_noise(l2, eps 0.5)",
        "worst_of_noise(l2, eps 0.5, tries 4)",
        "shuffled(pgd)",
        "a name that is far too long to be drawn in two lines of any reasonable width",
        "random_sign(pgd)",
        "pgd(l2, eps 0.5, steps 3)",
    ];

    /// Eight arms, two targets, two modes, with effects, noise and a cell that diverged.
    fn study(seeds: &[&str]) -> Records {
        let axes: [(&str, &[&str]); 4] = [
            ("arm", ARMS),
            ("target", &["fashion_mnist(7..10)", "digits"]),
            ("mode", &["fixed_feature", "full_network"]),
            ("seed", seeds),
        ];
        let effect = [0.0, 0.4, -0.2, 0.3, 0.9, 1.5, 2.1, 4.3];
        let base = [[78.2, 91.0], [88.4, 97.1]];
        let mut records = grid(&axes, "accuracy", |at| {
            let stream = at.iter().fold(Stream::new(1, "plot"), |s, level| s.at(*level as u64));
            let noise = 0.6 * f64::from(stream.generator().normal());
            let share = if at[2] == 0 { 1.0 } else { 0.3 };
            (base[at[1]][at[2]] + share * effect[at[0]] + noise) / 100.0
        });
        for row in &mut records.rows {
            if row.levels[..3] == [4, 1, 0] {
                row.metrics.insert("accuracy".to_owned(), Metric::Number(f64::NAN));
            }
        }
        records
    }

    fn plot(records: &Records, options: &[(&str, &str)]) -> Result<Plot> {
        const SPEC: Spec = Spec { inputs: &[], ..ENTRY.spec };
        let options = options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::Text((*value).to_owned())))
            .collect();
        build(records, &Args::resolve(&SPEC, vec![], options).unwrap())
    }

    /// The boxes of all words: left, top, right, bottom.
    fn boxes(scene: &Scene) -> Vec<(String, [f64; 4])> {
        let text = |shape: &Shape| match shape {
            Shape::Text { x, y, text, letters, anchor, .. } => {
                let wide = width(text, *letters).unwrap();
                let left = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - wide / 2.0,
                    Anchor::End => x - wide,
                };
                let (top, bottom) = (y - 0.74 * letters.size, y + 0.22 * letters.size);
                Some((text.clone(), [left, top, left + wide, bottom]))
            }
            _ => None,
        };
        scene.shapes.iter().filter_map(text).collect()
    }

    #[test]
    fn no_words_overlap_or_leave_the_picture() {
        for (seeds, options) in [
            (&["0", "1", "2"][..], &[][..]),
            (&["0"], &[("by", "target"), ("baseline", "digits")]),
            (&["0", "1"], &[("by", "seed"), ("replicate", "arm")]),
        ] {
            let scene = plot(&study(seeds), options).unwrap().scene;
            let boxes = boxes(&scene);
            for (index, (text, [left, top, right, bottom])) in boxes.iter().enumerate() {
                let inside = *left >= 0.0 && *right <= scene.width;
                assert!(inside && *top >= 0.0 && *bottom <= scene.height, "{text} is cut off");
                for (other, box_) in &boxes[..index] {
                    let apart = box_[2] <= *left || box_[0] >= *right;
                    assert!(apart || box_[3] <= *top || box_[1] >= *bottom, "{text} on {other}");
                }
            }
        }
    }

    #[test]
    fn marks_stay_between_the_axes_of_their_panels() {
        let scene = plot(&study(&["0", "1"]), &[]).unwrap().scene;
        for shape in &scene.shapes {
            if let Shape::Dot { x, .. } | Shape::Arrow { x, .. } = shape {
                assert!((0.0..=scene.width - MEANS).contains(x), "{shape:?}");
            }
        }
    }

    #[test]
    fn the_same_records_give_the_same_bytes() {
        let bytes = || {
            let scene = plot(&study(&["0", "1", "2"]), &[]).unwrap().scene;
            (svg(&scene).unwrap(), png(&scene).unwrap())
        };
        let (first, second) = (bytes(), bytes());
        assert_eq!(first.0, second.0);
        assert_eq!(first.1, second.1);
    }

    #[test]
    fn the_example_shows_what_it_says() {
        let accuracy = [[0.80, 0.81, 0.84], [0.82, 0.84, 0.85]];
        let records = grid(&[("arm", &["a", "b"]), ("seed", &["0", "1", "2"])], "accuracy", |at| {
            accuracy[at[0]][at[1]]
        });
        let found = plot(&records, &[("by", "arm")]).unwrap();
        assert_eq!(found.summary, ENTRY.spec.example.shows);
        let error = plot(&records, &[("baseline", "c")]).unwrap_err();
        assert_eq!(error.key(), Some("baseline"));
    }
}
