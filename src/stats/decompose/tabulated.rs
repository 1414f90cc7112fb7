//! A decomposition as a table, with its conditions and limits.

use super::contrast::{Check, Contrast};
use super::effect::{Effect, Values, share};
use super::request::Request;
use crate::stats::arms::Lookup;
use crate::stats::holm::holm;
use crate::stats::interval::{Interval, mean};
use crate::stats::records::Records;
use crate::stats::show::{bracketed, or_dash, p_value, place_names, rounded, signed};
use crate::stats::unit::Unit;
use crate::table::{Column, Table};

/// The values of the arms that `contrasts` weigh, as means over `places` of the axes `rest`.
fn values(
    records: &Records,
    request: &Request,
    metric: &str,
    rest: &[usize],
    places: &[Vec<usize>],
    logit: bool,
) -> Values {
    let axes = [rest, &[request.by, request.replicate]].concat();
    let lookup = Lookup::new(records, axes, metric);
    let replicates = records.places(&[request.replicate]).concat();
    let arms: std::collections::BTreeSet<&String> =
        request.contrasts.iter().flat_map(|contrast| contrast.weights.keys()).collect();
    let scaled = |value: f64| if logit { (value / (1.0 - value)).ln() } else { value };
    arms.into_iter()
        .filter_map(|arm| {
            let level = records.level(request.by, arm).ok()?;
            let at = |replicate: usize| -> Option<f64> {
                let one = |place: &Vec<usize>| {
                    lookup.number(&[place.as_slice(), &[level, replicate]].concat())
                };
                let all: Option<Vec<f64>> =
                    places.iter().map(|place| one(place).map(scaled)).collect();
                mean(&all?).filter(|mean| mean.is_finite())
            };
            Some((arm.clone(), replicates.iter().map(|replicate| at(*replicate)).collect()))
        })
        .collect()
}

/// What a check found, in words; none without a check.
fn verdict(
    records: &Records,
    request: &Request,
    contrast: &Contrast,
    rest: &[usize],
    places: &[Vec<usize>],
) -> Option<String> {
    let check = contrast.check.as_ref()?;
    let metric = check.metric();
    let values = values(records, request, metric, rest, places, false);
    let found = Effect::of(contrast, &values);
    // A norm that is the same in every replicate has no error, and is above zero all the same.
    let exact = |effect: &Effect| Interval { low: effect.estimate, high: effect.estimate };
    let interval = found.as_ref().filter(|effect| effect.n > 1);
    let interval =
        interval.map(|effect| effect.interval(request.level).unwrap_or_else(|| exact(effect)));
    let Some((effect, interval)) = found.zip(interval) else {
        return Some(format!("not checked: no {metric}"));
    };
    let unit = Unit::of(records, metric);
    let shown = format!("{metric} {}", signed(unit, effect.estimate));
    let holds = match check {
        Check::Above(_) => interval.low > 0.0,
        Check::Near(_, margin) => interval.low > -margin && interval.high < *margin,
    };
    Some(match (holds, check) {
        (true, _) => format!("holds: {shown}"),
        (false, Check::Above(_)) => format!("not separated: {shown}"),
        (false, Check::Near(..)) => format!("not matched: {shown}"),
    })
}

/// The decomposition as a table.
pub(super) fn table(records: &Records, request: &Request) -> Table {
    let rest = records.other_axes(&[request.by, request.replicate]);
    let places = records.places(&rest);
    let unit = match request.logit {
        true => Unit::Plain,
        false => Unit::of(records, &request.metric),
    };
    let replicate = records.axis_name(request.replicate);
    let scale = if request.logit { "log odds of " } else { "" };
    let title = format!("decomposition of {scale}{}, paired by {replicate}", request.metric);
    let together = request.together();
    let heading = format!("{} % simultaneous CI", rounded(100.0 * request.level));
    let mut columns: Vec<Column> =
        rest.iter().map(|axis| Column::words(records.axis_name(*axis))).collect();
    columns.push(Column::words("contrast"));
    let numbers = [unit.difference_heading(), &heading, "n", "df", "p (Holm)"];
    columns.extend(numbers.map(Column::numbers));
    if request.shares {
        columns.push(Column::numbers("share of total"));
    }
    columns.push(Column::words("manipulation check"));
    let mut table = Table::new(title, columns);

    let mut groups = vec![(vec!["(mean)".to_owned(); rest.len()], places.clone())];
    // Without one of two there is the other, which has its own rows.
    if request.without && places.len() > 2 {
        groups.extend(places.iter().map(|left| {
            let names = place_names(records, &rest, left);
            let others = places.iter().filter(|place| *place != left).cloned().collect();
            (names.iter().map(|name| format!("(without {name})")).collect(), others)
        }));
    }
    if places.len() > 1 {
        let each = places.iter().map(|at| (place_names(records, &rest, at), vec![at.clone()]));
        groups.extend(each);
    }
    let mut residual: Option<f64> = None;
    let mut alone = false;
    for (index, (names, places)) in groups.iter().enumerate() {
        let values = values(records, request, &request.metric, &rest, places, request.logit);
        let effects: Vec<Option<Effect>> =
            request.contrasts.iter().map(|contrast| Effect::of(contrast, &values)).collect();
        let family: Vec<f64> = effects.iter().flatten().filter_map(Effect::p).collect();
        let mut corrected = holm(&family).into_iter();
        let whole = request.identity.as_ref().and_then(|(whole, _)| {
            effects[*whole].as_ref().map(|effect| (effect, &request.contrasts[*whole]))
        });
        for (place, (contrast, effect)) in request.contrasts.iter().zip(&effects).enumerate() {
            let effect = effect.as_ref();
            alone |= effect.is_some_and(|effect| !effect.pooled);
            let is_part =
                request.identity.as_ref().is_some_and(|(_, parts)| parts.contains(&place));
            let part = effect.zip(whole).filter(|_| is_part);
            let share = part.and_then(|(effect, whole)| share((effect, contrast), whole, together));
            let mut row = names.clone();
            row.push(contrast.name.clone());
            row.push(or_dash(effect.map(|effect| effect.estimate), |value| signed(unit, value)));
            row.push(bracketed(effect.and_then(|effect| effect.interval(together)), |end| {
                unit.show(end)
            }));
            row.push(effect.map_or("0".to_owned(), |effect| effect.n.to_string()));
            row.push(
                effect.filter(|e| e.error.is_some()).map_or("-".to_owned(), |e| e.df.to_string()),
            );
            row.push(or_dash(effect.and_then(Effect::p).and_then(|_| corrected.next()), p_value));
            if request.shares {
                row.push(share.map_or("-".to_owned(), |(share, interval)| {
                    let percent = |value: f64| format!("{:.0}", 100.0 * value);
                    format!("{} % {}", percent(share), bracketed(Some(interval), percent))
                }));
            }
            let check = (index == 0)
                .then(|| verdict(records, request, contrast, &rest, places))
                .flatten()
                .unwrap_or_else(|| "-".to_owned());
            row.push(check);
            table.rows.push(row);
        }
        if let Some((whole, parts)) = &request.identity {
            let of = |place: &usize| effects[*place].as_ref().map(|effect| effect.estimate);
            let sum: Option<f64> = parts.iter().map(of).sum();
            if let Some(gap) = sum.zip(of(whole)).map(|(sum, whole)| (sum - whole).abs()) {
                residual = Some(residual.unwrap_or(0.0).max(gap));
            }
        }
    }
    table.notes = notes(request, residual, alone, replicate);
    table
}

fn notes(request: &Request, residual: Option<f64>, alone: bool, replicate: &str) -> Vec<String> {
    let count = request.contrasts.len();
    let mut notes = vec![format!(
        "error pooled over all arms in randomised blocks of {replicate}; intervals hold together \
         over the {count} contrasts of a row group (Bonferroni), p (Holm) over the same"
    )];
    if alone {
        notes.push(format!(
            "where cells are missing, a contrast has the error of its own values per {replicate}"
        ));
    }
    for contrast in &request.contrasts {
        let mut weights: Vec<(&String, &f64)> = contrast.weights.iter().collect();
        weights.sort_by(|a, b| b.1.total_cmp(a.1));
        let terms = weights.into_iter().map(|(arm, weight)| {
            let size = rounded(weight.abs());
            let times = if size == 1.0 { String::new() } else { format!("{size} ") };
            format!("{} {times}{arm}", if *weight < 0.0 { "-" } else { "+" })
        });
        let terms = terms.collect::<Vec<_>>().join(" ");
        notes.push(format!("{} = {}", contrast.name, terms.trim_start_matches("+ ")));
    }
    match &request.identity {
        Some((whole, parts)) => {
            let names: Vec<&str> =
                parts.iter().map(|part| request.contrasts[*part].name.as_str()).collect();
            let whole = &request.contrasts[*whole].name;
            let gap = residual.map_or("-".to_owned(), |gap| {
                if gap < 1e-12 { "below 1e-12".to_owned() } else { format!("{gap:.1e}") }
            });
            notes.push(format!("{whole} = {} exactly; residual {gap}", names.join(" + ")));
            notes.extend(request.path.clone());
            if request.shares {
                notes.push(
                    "a share is shown where the total lies two half-widths of its interval from \
                     zero"
                        .to_owned(),
                );
            }
        }
        None => notes.push("the contrasts are not parts of one total".to_owned()),
    }
    if !request.absent.is_empty() {
        notes.push(format!("left out, since arms are missing: {}", request.absent.join(", ")));
    }
    notes.push(format!(
        "{}effects of other targets, recipes and sizes of network; a contrast that is not \
         separated, or not matched, does not mean what it is called",
        crate::stats::LIMITS
    ));
    notes
}
