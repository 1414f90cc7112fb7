//! A few training images of each class, for curves over their number.

use super::selection::ranked;
use super::split::{Dataset, Sample, Split};
use crate::error::{Error, Result};
use crate::registry::{Args, Example, Handle, Home, Kind, Param, Spec};
use crate::seed::Stream;

/// `data.few_shot(#{...})`.
pub const FEW_SHOT: Spec = Spec {
    name: "few_shot",
    home: Home::Method("dataset"),
    doc: "The dataset with a few training images of each class.\n\nThose for validation and for \
          testing stay, and so does what the store keeps of them; validation chooses between settings, \
          and no protocol learns from it. With one seed, fewer images are \
          among more, so that a curve over their number is a sweep: `shots: [1, 5, 20]` as an axis \
          and `data.few_shot(#{ per_class: c.shots, seed: c.seed })` in its cells.",
    inputs: &[],
    params: &[
        Param {
            name: "per_class",
            kind: Kind::Int { min: 1, max: i64::MAX },
            default: crate::registry::Default::Required,
            doc: "Training images of each class.",
            label: false,
        },
        Param::seed(),
        Param::label("Name in tables and plots. Left out: few_shot with the dataset's."),
    ],
    returns: "dataset",
    example: Example {
        code: "let few = dataset::digits().few_shot(#{ per_class: 5 });\n\
               [few.train.len, few.val.len, few.test.len]",
        shows: "[50, 120, 599]",
    },
    cite: "",
    version: 2,
};

/// The dataset with fewer training images; see [`FEW_SHOT`].
///
/// # Errors
/// Usage: a class with fewer images.
pub fn few_shot(data: &Dataset, args: &Args) -> Result<Dataset> {
    let count = args.int("per_class")?;
    let places = few_of(&data.train, count, args.int("seed")?)?;
    let samples = data.train.samples();
    let kept = places.into_iter().filter_map(|place| samples.get(place).copied()).collect();
    let derived = |lineage: &std::rc::Rc<crate::lineage::Lineage>| {
        args.lineage(&[], &[("data", lineage.clone())])
    };
    let few = data.with_few(kept, derived);
    let usual = || format!("few_shot({}, {count})", data.label());
    Ok(few.named(&args.optional_text("name")?.map_or_else(usual, str::to_owned)))
}

/// The places in a split, ascending, of `per_class` images of each class, drawn by `seed`. With one seed,
/// those of fewer images are among those of more.
///
/// # Errors
/// Usage: a class with fewer images.
pub fn few_of(split: &Split, per_class: i64, seed: i64) -> Result<Vec<usize>> {
    // Places stand for ids: `ranked` goes by classes and the order of the samples alone.
    let places: Vec<Sample> = (0..)
        .zip(split.samples())
        .map(|(place, sample)| Sample { id: place, label: sample.label })
        .collect();
    let mut kept = Vec::new();
    let mut found = vec![0; split.classes() as usize];
    for (rank, place) in ranked(&places, Stream::new(seed, "few_shot")) {
        if (rank as i64) < per_class {
            kept.push(place.id as usize);
            found[place.label as usize] += 1;
        }
    }
    if let Some(class) = found.iter().position(|&found| found < per_class) {
        let images = found[class];
        return Err(Error::usage(format!(
            "few_shot: expected {per_class} training images of class {class}, found {images}"
        ))
        .at_key("per_class"));
    }
    kept.sort_unstable();
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::super::laws::built_named;
    use super::*;
    use crate::registry::Value;
    use std::collections::BTreeSet;

    fn few(data: &Dataset, per_class: i64, seed: i64) -> Result<Dataset> {
        let options = [("per_class", per_class), ("seed", seed)]
            .map(|(key, value)| (key.to_owned(), Value::Int(value)));
        few_shot(data, &Args::resolve(&FEW_SHOT, Vec::new(), options.to_vec())?)
    }

    fn ids(data: &Dataset) -> BTreeSet<u64> {
        data.train.ids().into_iter().collect()
    }

    #[test]
    fn few_are_among_more_and_balanced_and_testing_stays() {
        let data = built_named("digits", &[]).unwrap();
        let (two, five) = (few(&data, 2, 0).unwrap(), few(&data, 5, 0).unwrap());
        assert!(ids(&two).is_subset(&ids(&five)) && ids(&five).is_subset(&ids(&data)));
        let labels = five.train.labels().unwrap();
        assert!((0..10).all(|class| labels.iter().filter(|label| **label == class).count() == 5));
        assert_ne!(ids(&five), ids(&few(&data, 5, 1).unwrap()));
        for (few, whole) in [(&five.val, &data.val), (&five.test, &data.test)] {
            assert_eq!(few.lineage().address(), whole.lineage().address());
            assert_eq!(few.ids(), whole.ids());
        }
        assert_ne!(five.train.lineage().address(), two.train.lineage().address());
        assert_eq!(data.with_val_in_train().unwrap().train.len(), data.train.len() + 120);
        assert_eq!(five.with_val_in_train().unwrap().train.len(), 50);
    }

    #[test]
    fn more_than_there_are_are_refused() {
        let data = built_named("digits", &[]).unwrap();
        let error = few(&data, 1000, 0).unwrap_err().to_string();
        assert!(error.contains("expected 1000 training images of class 0"), "{error}");
    }
}
