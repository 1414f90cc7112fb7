//! What a decomposition is asked for.

use super::adversarial_transfer;
use super::contrast::{Check, Contrast};
use crate::error::{Error, Result, nearest};
use crate::registry::{Args, Value};
use crate::stats::arms::axis;
use crate::stats::records::Records;
use std::collections::BTreeMap;

/// What a decomposition is asked for.
#[derive(Debug)]
pub(super) struct Request {
    /// The contrasts, the total first.
    pub(super) contrasts: Vec<Contrast>,
    /// The index of the total, and of the parts that add up to it.
    pub(super) identity: Option<(usize, Vec<usize>)>,
    /// How the split depends on the order of the parts, where they add up.
    pub(super) path: Option<String>,
    /// Contrasts of the preset whose arms are missing.
    pub(super) absent: Vec<String>,
    /// The axis of the arms.
    pub(super) by: usize,
    /// The axis of repetitions.
    pub(super) replicate: usize,
    /// The metric.
    pub(super) metric: String,
    /// Whether shares become log odds.
    pub(super) logit: bool,
    /// Whether shares of the total are shown, where it is clear.
    pub(super) shares: bool,
    /// Whether the mean is given without each target, too.
    pub(super) without: bool,
    /// The coverage of the intervals of one target together.
    pub(super) level: f64,
}

/// The coverage of each of `count` intervals that hold together with probability `level`.
pub(super) fn together(level: f64, count: usize) -> f64 {
    1.0 - (1.0 - level) / count as f64
}

fn wrong(key: &str, what: impl std::fmt::Display) -> Error {
    Error::usage(format!("decompose: {what}")).at_key(key)
}

impl Request {
    /// The coverage of each interval that gives all of one target the level together (Bonferroni).
    pub(super) fn together(&self) -> f64 {
        together(self.level, self.contrasts.len())
    }

    /// Reads the options of `stats::decompose`.
    ///
    /// # Errors
    /// Usage, with the option at fault: unknown axes, levels, contrasts and metrics, weights that
    /// do not add up to zero, parts that do not add up to the total.
    pub(super) fn read(records: &Records, args: &Args) -> Result<Self> {
        let by = axis(records, args, "by")?;
        let replicate = axis(records, args, "replicate")?;
        if by == replicate {
            return Err(wrong("by", "by and replicate are the same axis"));
        }
        let metric = args.text("metric")?.to_owned();
        records.check_metric(&metric).map_err(|error| error.within("decompose"))?;
        let (mut contrasts, absent, path) = match args.value("contrasts")? {
            Value::Map(given) => (given_contrasts(records, by, given)?, Vec::new(), None),
            Value::Unit => preset(records, by, args.value("levels")?)?,
            other => {
                let found = other.found();
                return Err(wrong(
                    "contrasts",
                    format!("expected a map of contrasts, found {found}"),
                )
                .hint("contrasts: #{ total: #{ pgd: 1, standard: -1 } }"));
            }
        };
        add_checks(&mut contrasts, args.value("checks")?)?;
        let preset = path.is_some();
        let (total, parts) = match (args.optional_text("total")?, preset) {
            (None, true) => {
                let parts = adversarial_transfer::PARTS.iter().map(|part| (*part).to_owned());
                let there = |part: &String| contrasts.iter().any(|known| known.name == *part);
                (Some("total".to_owned()), parts.filter(there).collect())
            }
            (total, _) => (total.map(str::to_owned), args.texts("parts")?),
        };
        let identity = identity(&contrasts, total.as_deref(), &parts, preset)?;
        let path = path.unwrap_or_else(|| {
            "the split is that of these parts; along another path from arm to arm it would differ"
                .to_owned()
        });
        Ok(Self {
            contrasts,
            path: identity.is_some().then_some(path),
            identity,
            absent,
            by,
            replicate,
            metric,
            logit: args.text("scale")? == "logit",
            shares: args.bool("shares")?,
            without: args.bool("without")?,
            level: args.float("level")?,
        })
    }
}

/// The map under `key`.
fn map<'v>(key: &str, value: &'v Value) -> Result<&'v BTreeMap<String, Value>> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(wrong(key, format!("expected a map for {key}, found {}", other.found()))),
    }
}

fn given_contrasts(
    records: &Records,
    by: usize,
    given: &BTreeMap<String, Value>,
) -> Result<Vec<Contrast>> {
    let mut found = Vec::new();
    for (name, weights) in given {
        let mut read = BTreeMap::new();
        for (arm, weight) in map("contrasts", weights)? {
            let weight = match weight {
                Value::Int(weight) => *weight as f64,
                Value::Float(weight) if weight.is_finite() => *weight,
                other => {
                    let found = other.found();
                    let what = format!("expected a weight of {arm} in {name}, found {found}");
                    return Err(wrong("contrasts", what));
                }
            };
            records
                .level(by, arm)
                .map_err(|error| error.within("decompose").at_key("contrasts"))?;
            read.insert(arm.clone(), weight);
        }
        found.push(Contrast::new(name, read, None)?);
    }
    // A map of the language is sorted by name; the total comes first.
    found.sort_by_key(|contrast| contrast.name != "total");
    Ok(found)
}

/// Contrasts, those whose arms are missing, and the path of the parts.
type Preset = (Vec<Contrast>, Vec<String>, Option<String>);

fn preset(records: &Records, by: usize, levels: &Value) -> Result<Preset> {
    let none = BTreeMap::new();
    let levels = if matches!(levels, Value::Unit) { &none } else { map("levels", levels)? };
    let mut named = BTreeMap::new();
    for (arm, level) in levels {
        if !adversarial_transfer::ARMS.contains(&arm.as_str()) {
            let meant = nearest(arm, adversarial_transfer::ARMS.iter().copied())
                .map(|arm| format!(", did you mean {arm}?"))
                .unwrap_or_default();
            return Err(wrong("levels", format!("the preset has no arm {arm}{meant}"))
                .hint(format!("arms: {}", adversarial_transfer::ARMS.join(", "))));
        }
        let Value::Text(level) = level else {
            let found = level.found();
            return Err(wrong("levels", format!("expected a level for {arm}, found {found}")));
        };
        records.level(by, level).map_err(|error| error.within("decompose").at_key("levels"))?;
        named.insert(arm.as_str(), level.clone());
    }
    let plays = |arm: &str| {
        let itself = || records.level(by, arm).is_ok().then(|| arm.to_owned());
        named.get(arm).cloned().or_else(itself)
    };
    let found = adversarial_transfer::contrasts(plays)?;
    if found.is_empty() {
        return Err(wrong("levels", "no contrast of adversarial_transfer has all its arms")
            .hint("levels: #{ pgd: \"my pgd\", standard: \"my standard\" }"));
    }
    let all = adversarial_transfer::contrasts(|arm| Some(arm.to_owned()))?;
    let missing = all.iter().filter(|known| found.iter().all(|there| there.name != known.name));
    let absent = missing.map(|contrast| contrast.name.clone()).collect();
    Ok((found, absent, Some(adversarial_transfer::path(plays))))
}

fn add_checks(contrasts: &mut [Contrast], checks: &Value) -> Result<()> {
    if matches!(checks, Value::Unit) {
        return Ok(());
    }
    for (name, metric) in map("checks", checks)? {
        let place = index(contrasts, name, "checks")?;
        let Value::Text(metric) = metric else {
            let found = metric.found();
            return Err(wrong("checks", format!("expected a metric for {name}, found {found}")));
        };
        contrasts[place].check = Some(Check::Above(metric.clone()));
    }
    Ok(())
}

fn index(contrasts: &[Contrast], name: &str, key: &str) -> Result<usize> {
    contrasts.iter().position(|contrast| contrast.name == name).ok_or_else(|| {
        let known: Vec<&str> = contrasts.iter().map(|contrast| contrast.name.as_str()).collect();
        wrong(key, format!("there is no contrast {name}"))
            .hint(format!("contrasts: {}", known.join(", ")))
    })
}

fn identity(
    contrasts: &[Contrast],
    total: Option<&str>,
    parts: &[String],
    preset: bool,
) -> Result<Option<(usize, Vec<usize>)>> {
    let Some(total) = total else {
        return Ok(None);
    };
    if preset && contrasts.iter().all(|contrast| contrast.name != total) {
        return Ok(None);
    }
    let whole = index(contrasts, total, "total")?;
    let parts: Vec<usize> =
        parts.iter().map(|part| index(contrasts, part, "parts")).collect::<Result<_>>()?;
    let each: Vec<&Contrast> = parts.iter().map(|part| &contrasts[*part]).collect();
    if contrasts[whole].is_sum_of(&each) {
        return Ok(Some((whole, parts)));
    }
    // Parts of the preset whose arms are missing leave a gap, which the table tells.
    if preset {
        return Ok(None);
    }
    Err(wrong("parts", format!("the weights of the parts do not add up to those of {total}"))
        .hint("each arm's weights in the parts must sum to its weight in the total"))
}
