//! The preset `adversarial_transfer`: what of PGD's gain in transfer is due to what.
//!
//! The arms are one lead that trains on PGD examples, followers that train in lockstep on
//! transformations of its perturbations (`train::yoked`), and competitors of the same budget.

use super::contrast::{Check, Contrast};
use crate::error::Result;
use std::collections::BTreeMap;

/// The arms that the preset names.
pub(super) const ARMS: &[&str] = &[
    "standard",
    "noise",
    "other_class",
    "within_class",
    "random_sign",
    "same",
    "pgd",
    "compute_matched",
    "frozen_pgd",
    "grad_norm",
    "damage_matched",
];

/// The contrasts that add up to the total.
pub(super) const PARTS: &[&str] = &["perturbation", "structure", "input", "label", "adaptivity"];

/// How near accuracies must be to count as matched.
const MATCHED: f64 = 0.03;

type Weights = &'static [(&'static str, f64)];

/// Name, weights, and the metric whose contrast must be above zero, or else near zero.
const CONTRASTS: &[(&str, Weights, &str, bool)] = &[
    ("total", &[("pgd", 1.0), ("standard", -1.0)], "loss_increase", true),
    ("perturbation", &[("noise", 1.0), ("standard", -1.0)], "norm", true),
    ("structure", &[("other_class", 1.0), ("noise", -1.0)], "loss_increase", true),
    (
        "input",
        &[("random_sign", 0.5), ("other_class", -0.5), ("same", 0.5), ("within_class", -0.5)],
        "loss_increase",
        true,
    ),
    (
        "label",
        &[("within_class", 0.5), ("other_class", -0.5), ("same", 0.5), ("random_sign", -0.5)],
        "loss_increase",
        true,
    ),
    ("adaptivity", &[("pgd", 1.0), ("same", -1.0)], "robust_accuracy", true),
    (
        "input x label",
        &[("same", 1.0), ("within_class", -1.0), ("random_sign", -1.0), ("other_class", 1.0)],
        "",
        true,
    ),
    ("compute", &[("compute_matched", 1.0), ("standard", -1.0)], "", true),
    ("beyond a fixed adversary", &[("pgd", 1.0), ("frozen_pgd", -1.0)], "robust_accuracy", true),
    ("beyond the regulariser", &[("pgd", 1.0), ("grad_norm", -1.0)], "robust_accuracy", false),
    ("beyond the damage", &[("pgd", 1.0), ("damage_matched", -1.0)], "source_accuracy", false),
];

/// In which order the parts take the total apart, and which of them depend on it.
pub(super) fn path(level: impl Fn(&str) -> Option<String>) -> String {
    let arms = ["standard", "noise", "other_class", "same", "pgd"];
    let mut levels: Vec<String> = arms.iter().filter_map(|arm| level(arm)).collect();
    levels.dedup();
    format!(
        "path: {}, one after another; along another path perturbation and structure would share \
         their sum otherwise; only input and label, the main effects of the two by two, have no order",
        levels.join(" > ")
    )
}

/// The contrasts whose arms there are; `level` tells which level plays the part of an arm.
///
/// # Errors
/// Internal only.
pub(super) fn contrasts(level: impl Fn(&str) -> Option<String>) -> Result<Vec<Contrast>> {
    let mut found = Vec::new();
    for (name, arms, metric, above) in CONTRASTS {
        let mut weights: BTreeMap<String, f64> = BTreeMap::new();
        let all = arms.iter().all(|(arm, weight)| {
            level(arm).map(|level| *weights.entry(level).or_default() += weight).is_some()
        });
        // One level in two parts of a contrast leaves nothing of it.
        weights.retain(|_, weight| *weight != 0.0);
        if !all || weights.is_empty() {
            continue;
        }
        let check = match (*metric, above) {
            ("", _) => None,
            (metric, true) => Some(Check::Above(metric.to_owned())),
            (metric, false) => Some(Check::Near(metric.to_owned(), MATCHED)),
        };
        found.push(Contrast::new(name, weights, check)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_to_the_total_whatever_the_arms_measure() {
        let all = contrasts(|arm| Some(arm.to_owned())).unwrap();
        assert_eq!(all.len(), CONTRASTS.len());
        let parts: Vec<&Contrast> =
            all.iter().filter(|contrast| PARTS.contains(&contrast.name.as_str())).collect();
        assert_eq!(parts.len(), PARTS.len());
        assert!(all[0].is_sum_of(&parts));
        assert!(!all[0].is_sum_of(&parts[1..]));
    }

    #[test]
    fn every_arm_is_known_and_used() {
        let used: std::collections::BTreeSet<&str> =
            CONTRASTS.iter().flat_map(|(_, arms, ..)| arms.iter().map(|(arm, _)| *arm)).collect();
        assert_eq!(used, ARMS.iter().copied().collect());
    }

    #[test]
    fn without_yoked_twins_pgd_itself_closes_the_two_by_two() {
        let level = |arm: &str| match arm {
            "same" => Some("pgd".to_owned()),
            other => Some(other.to_owned()),
        };
        let all = contrasts(level).unwrap();
        assert!(all.iter().all(|contrast| contrast.name != "adaptivity"));
        assert!(path(level).starts_with("path: standard > noise > other_class > pgd, one"));
        let parts: Vec<&Contrast> =
            all.iter().filter(|contrast| PARTS.contains(&contrast.name.as_str())).collect();
        assert!(all[0].is_sum_of(&parts));
    }
}
