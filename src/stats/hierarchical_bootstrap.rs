//! The hierarchical bootstrap: networks are drawn anew, and images within each.

use super::arms::{Arms, BASELINE, BY, REPLICATES, text};
use super::bootstrap::quantile;
use super::interval::{Interval, mean, sd};
use super::records::{Metric, Records};
use super::show::{bracketed, or_dash, place_names, rounded, signed};
use super::statistic::{LEVEL, Tabulate};
use super::unit::Unit;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;
use crate::table::{Column, Table};

/// What one pair of networks did on the same images.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pair {
    images: u64,
    /// Images that only the arm, and only the baseline, classifies correctly.
    gained: u64,
    lost: u64,
}

impl Pair {
    /// None where the lists do not pair.
    fn of(arm: &[bool], base: &[bool]) -> Option<Self> {
        let count =
            |a: bool, b: bool| arm.iter().zip(base).filter(|x| *x == (&a, &b)).count() as u64;
        (arm.len() == base.len() && !arm.is_empty()).then(|| Self {
            images: arm.len() as u64,
            gained: count(true, false),
            lost: count(false, true),
        })
    }

    fn difference(&self) -> f64 {
        (self.gained as f64 - self.lost as f64) / self.images as f64
    }

    /// The standard error that its images alone give the difference.
    fn image_error(&self) -> f64 {
        let moved = (self.gained + self.lost) as f64 / self.images as f64;
        ((moved - self.difference().powi(2)).max(0.0) / self.images as f64).sqrt()
    }
}

/// Mean differences of resamples: pairs are drawn with replacement, then images within each pair; how
/// many of those are gained and lost is multinomial.
fn resampled(pairs: &[Pair], resamples: usize, stream: Stream) -> Vec<f64> {
    let mut draw = stream.generator();
    let mut one = || {
        let mut sum = 0.0;
        for _ in pairs {
            let pair = pairs[draw.below(pairs.len())];
            let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
            let gained = draw.binomial(pair.images, share(pair.gained, pair.images));
            let rest = pair.images - gained;
            let lost = draw.binomial(rest, share(pair.lost, pair.images - pair.gained));
            sum += (gained as f64 - lost as f64) / pair.images as f64;
        }
        sum / pairs.len() as f64
    };
    (0..resamples).map(|_| one()).collect()
}

/// The percentile interval of the mean difference.
fn interval(pairs: &[Pair], level: f64, resamples: usize, stream: Stream) -> Option<Interval> {
    if pairs.len() < 2 {
        return None;
    }
    let mut means = resampled(pairs, resamples, stream);
    means.sort_by(f64::total_cmp);
    let low = quantile(&means, (1.0 - level) / 2.0)?;
    Some(Interval { low, high: quantile(&means, (1.0 + level) / 2.0)? })
}

fn build(records: &Records, args: &Args) -> Result<Table> {
    let arms = Arms::read(records, args)?;
    let (metric, level) = (args.text("metric")?, args.float("level")?);
    let resamples = args.int("resamples")? as usize;
    let seed = args.int("seed")?;
    let rest = records.other_axes(&[arms.by, arms.replicate]);
    let axes = [rest.as_slice(), &[arms.by, arms.replicate]].concat();
    let cells = records.cells();
    let hits = |place: &[usize]| {
        let mut levels = vec![0; axes.len()];
        axes.iter().zip(place).for_each(|(axis, level)| levels[*axis] = *level);
        match cells.get(levels.as_slice())?.metrics.get(metric)? {
            Metric::Correct(hits) => Some(hits.as_slice()),
            _ => None,
        }
    };
    let unit = Unit::Percent;
    let (by, replicate) = (records.axis_name(arms.by), records.axis_name(arms.replicate));
    let baseline = records.level_name(arms.by, arms.baseline);
    let names = rest.iter().chain([&arms.by]).map(|axis| records.axis_name(*axis));
    let mut columns: Vec<Column> = names.map(Column::words).collect();
    let heading = format!("{} % CI", rounded(100.0 * level));
    let spread = format!("sd over {replicate}");
    let numbers = [unit.difference_heading(), &heading, "n", "images", &spread, "image error"];
    columns.extend(numbers.map(Column::numbers));
    let title = format!("accuracy of each {by} minus {baseline}, {replicate} and images resampled");
    let mut table = Table::new(title, columns);
    let mut found = false;
    for (row_index, place) in records.places(&rest).into_iter().enumerate() {
        for level_index in arms.others(records) {
            let at = |level: usize, replicate: usize| {
                hits(&[place.as_slice(), &[level, replicate]].concat())
            };
            let pairs: Vec<Pair> = records
                .places(&[arms.replicate])
                .concat()
                .into_iter()
                .filter_map(|one| Pair::of(at(level_index, one)?, at(arms.baseline, one)?))
                .collect();
            found |= !pairs.is_empty();
            let differences: Vec<f64> = pairs.iter().map(Pair::difference).collect();
            let errors: Vec<f64> = pairs.iter().map(Pair::image_error).collect();
            let stream = Stream::new(seed, "hierarchical bootstrap")
                .at(row_index as u64)
                .at(level_index as u64);
            let mut row = place_names(records, &rest, &place);
            row.push(records.level_name(arms.by, level_index).to_owned());
            row.push(or_dash(mean(&differences), |value| signed(unit, value)));
            row.push(bracketed(interval(&pairs, level, resamples, stream), |end| unit.show(end)));
            row.push(pairs.len().to_string());
            row.push(pairs.first().map_or("-".to_owned(), |pair| pair.images.to_string()));
            row.push(or_dash(sd(&differences), |value| unit.show(value)));
            row.push(or_dash(mean(&errors), |value| unit.show(value)));
            table.rows.push(row);
        }
    }
    if !found {
        return Err(Error::usage(format!(
            "hierarchical_bootstrap: expected {metric} to be correctness image by image"
        ))
        .at_key("metric")
        .hint("return it from the cell: #{ correct: r.correct }"));
    }
    table.notes.push(format!(
        "{resamples} resamples of {replicate}, then of images within each; percentile interval, too \
         narrow for fewer than some ten networks: read it beside stats::paired_compare"
    ));
    table.notes.push(format!(
        "sd over {replicate} is that of the differences; image error is what of it the choice of \
         test images alone explains"
    ));
    Ok(table)
}

/// `stats::hierarchical_bootstrap`.
pub const ENTRY: Entry<Tabulate> = Entry {
    spec: Spec {
        name: "hierarchical_bootstrap",
        home: Home::Namespace("stats"),
        doc: "Differences to a baseline with intervals that resample networks, then images.\n\n\
            A check of `stats::paired_compare` that assumes no normal errors and shows how much of \
            the spread between networks the choice of test images explains. Both networks of a \
            pair are judged on the same drawn images. With few networks its intervals are too \
            narrow, by the factor sqrt((n - 1)/n) at least.",
        inputs: &[Param::input("cells", Kind::Handle("cells"), "The cells of a grid.")],
        params: &[
            BASELINE,
            BY,
            text("metric", "correct", "Name of the correctness, image by image."),
            REPLICATES,
            LEVEL,
            Param::int("resamples", 9999, 100, "Resamples.").up_to(1e6),
            Param::seed(),
        ],
        returns: "table",
        example: Example {
            code: "let data = dataset::digits(#{ limit: 200 });\n\
                   let cells = sweep::grid(#{ width: [4, 8], seed: 0..2 }, |c| {\n\
                   \x20   let m = model::resnet8(#{ width: c.width, size: 8, seed: c.seed });\n\
                   \x20   let t = m.transfer(data, #{ protocol: \"fixed_feature\", seed: c.seed });\n\
                   \x20   #{ correct: t.correct }\n\
                   });\n\
                   let table = stats::hierarchical_bootstrap(cells, #{ baseline: \"4\", by: \"width\" });\n\
                   table.to_string().split(\"\\n\")[0]",
            shows: "accuracy of each width minus 4, seed and images resampled",
        },
        cite: "",
        version: 1,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::fixture::CellsFixture;

    fn pairs(pairs: &[[u64; 3]]) -> Vec<Pair> {
        pairs.iter().map(|&[images, gained, lost]| Pair { images, gained, lost }).collect()
    }

    #[test]
    fn resamples_are_distributed_as_those_of_single_images_by_numpy() {
        for case in CellsFixture::read().bootstraps {
            let mut means = resampled(&pairs(&case.pairs), 40_000, Stream::new(0, "test"));
            means.sort_by(f64::total_cmp);
            // Five standard errors of each: of the mean, of the deviation, of a quantile on both sides.
            let off = (mean(&means).unwrap() - case.mean).abs() / case.sd;
            assert!(off < 5.0 / 40_000f64.sqrt(), "mean off by {off} sd");
            let ratio = sd(&means).unwrap() / case.sd;
            assert!((ratio - 1.0).abs() < 5.0 / 80_000f64.sqrt(), "sd {ratio}");
            for (share, expected) in case.shares.iter().zip(&case.quantiles) {
                let off = (quantile(&means, *share).unwrap() - expected).abs() / case.sd;
                assert!(off < 0.1, "quantile {share} off by {off} sd");
            }
        }
    }

    #[test]
    fn the_distribution_of_few_images_is_the_enumerated_one() {
        const RESAMPLES: usize = 40_000;
        for case in CellsFixture::read().enumerated {
            let pairs = pairs(&case.pairs);
            let whole = (pairs.len() as u64 * pairs[0].images) as f64;
            let sums: Vec<f64> = resampled(&pairs, RESAMPLES, Stream::new(1, "test"))
                .iter()
                .map(|mean| (mean * whole).round())
                .collect();
            for (sum, expected) in case.sums.iter().zip(&case.probabilities) {
                let share = sums.iter().filter(|found| *found == sum).count() as f64;
                let share = share / RESAMPLES as f64;
                let error = (expected * (1.0 - expected) / RESAMPLES as f64).sqrt();
                assert!((share - expected).abs() < 5.0 * error, "{sum}: {share} for {expected}");
            }
            assert!(sums.iter().all(|sum| case.sums.contains(sum)));
        }
    }

    const PAIRS: [Pair; 4] = [
        Pair { images: 400, gained: 60, lost: 20 },
        Pair { images: 400, gained: 40, lost: 30 },
        Pair { images: 400, gained: 80, lost: 16 },
        Pair { images: 400, gained: 52, lost: 40 },
    ];

    #[test]
    fn the_interval_is_as_wide_as_both_variances_make_it() {
        let differences: Vec<f64> = PAIRS.iter().map(Pair::difference).collect();
        let centre = mean(&differences).unwrap();
        let between = differences.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / 4.0;
        let within = PAIRS.iter().map(|pair| pair.image_error().powi(2)).sum::<f64>() / 4.0;
        let error = ((between + within) / 4.0).sqrt();
        let found = interval(&PAIRS, 0.9, 40_000, Stream::new(0, "test")).unwrap();
        let half = (found.high - found.low) / 2.0;
        assert!((half / (1.6449 * error) - 1.0).abs() < 0.03, "{half} {error}");
    }

    #[test]
    fn pairs_count_what_only_one_of_them_gets_right() {
        let (arm, base) = ([true, true, false, true], [true, false, true, false]);
        let pair = Pair::of(&arm, &base).unwrap();
        assert_eq!(pair, Pair { images: 4, gained: 2, lost: 1 });
        assert_eq!(pair.difference(), 0.25);
        assert_eq!(Pair::of(&arm, &base[1..]), None);
    }

    #[test]
    fn one_network_has_no_interval() {
        assert_eq!(interval(&PAIRS[..1], 0.95, 100, Stream::new(0, "test")), None);
    }
}
