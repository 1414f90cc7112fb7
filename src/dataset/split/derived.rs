//! Datasets made of others: other pixels, other training images, splits together.

use super::super::pixels::Pixels;
use super::{Dataset, Origin, Sample, Split};
use crate::error::{Error, Result};
use crate::lineage::Lineage;
use std::collections::BTreeMap;
use std::rc::Rc;

impl Dataset {
    /// The same samples with other pixels; `derived` gives the lineage of the dataset and of each
    /// split from what it was.
    pub(in crate::dataset) fn with_pixels(
        &self,
        pixels: Pixels,
        derived: impl Fn(&Rc<Lineage>) -> Rc<Lineage>,
    ) -> Self {
        let lineage = derived(&self.lineage);
        let pixels = Rc::new(pixels);
        let [train, val, test] = [&self.train, &self.val, &self.test].map(|split| {
            let inner = &split.0;
            let origin =
                Origin { lineage: lineage.clone(), pixels: pixels.clone(), ..inner.origin.clone() };
            let (part, samples) = (inner.part.clone(), inner.samples.clone());
            Split::new(origin, part, samples, derived(&inner.lineage))
        });
        let name = self.name.clone();
        Self { train, val, test, name, lineage, val_only_chooses: self.val_only_chooses }
    }

    /// The same dataset with few training images, some of its own, and val for choosing between
    /// settings only; `derived` gives the lineage of the dataset and of `train` from what it was.
    pub(in crate::dataset) fn with_few(
        &self,
        samples: Vec<Sample>,
        derived: impl Fn(&Rc<Lineage>) -> Rc<Lineage>,
    ) -> Self {
        let lineage = derived(&self.lineage);
        let of = |split: &Split, samples, own| {
            let origin = Origin { lineage: lineage.clone(), ..split.0.origin.clone() };
            Split::new(origin, split.0.part.clone(), samples, own)
        };
        let same = |split: &Split| of(split, split.0.samples.clone(), split.0.lineage.clone());
        Self {
            train: of(&self.train, samples, derived(&self.train.0.lineage)),
            val: same(&self.val),
            test: same(&self.test),
            name: self.name.clone(),
            lineage: lineage.clone(),
            val_only_chooses: true,
        }
    }

    /// The same dataset with other labels in one split.
    #[cfg(test)]
    pub fn with_labels(&self, part: &str, change: impl Fn(i64) -> i64, name: &str) -> Self {
        let derived = |lineage: &Rc<Lineage>| {
            let inputs = BTreeMap::from([("data".to_owned(), lineage.clone())]);
            Lineage::new(name, 1, BTreeMap::new(), inputs)
        };
        let lineage = derived(&self.lineage);
        let [train, val, test] = [&self.train, &self.val, &self.test].map(|split| {
            let inner = &split.0;
            let changes = inner.part == part;
            let own = if changes { derived(&inner.lineage) } else { inner.lineage.clone() };
            let label = |label: i64| if changes { change(label) } else { label };
            let changed = |sample: &Sample| Sample { label: label(sample.label), ..*sample };
            let samples = inner.samples.iter().map(changed).collect();
            let origin = Origin { lineage: lineage.clone(), ..inner.origin.clone() };
            Split::new(origin, inner.part.clone(), samples, own)
        });
        Self { train, val, test, lineage, ..self.clone() }
    }

    /// The same dataset under another name.
    pub(in crate::dataset) fn named(&self, name: &str) -> Self {
        let name: Rc<str> = name.into();
        let [train, val, test] = [&self.train, &self.val, &self.test].map(|split| {
            let inner = &split.0;
            let origin = Origin { dataset: name.clone(), ..inner.origin.clone() };
            Split::new(origin, inner.part.clone(), inner.samples.clone(), inner.lineage.clone())
        });
        let (lineage, val_only_chooses) = (self.lineage.clone(), self.val_only_chooses);
        Self { train, val, test, name, lineage, val_only_chooses }
    }

    /// The same dataset with its images for validation among those for training, if it
    /// [refits on them](Self::refits_on_val).
    ///
    /// # Errors
    /// Internal: splits that share images.
    pub fn with_val_in_train(&self) -> Result<Self> {
        if self.val.is_empty() || self.val_only_chooses {
            return Ok(self.clone());
        }
        Ok(Self { train: self.train.merged(&self.val)?, ..self.clone() })
    }
}

impl Split {
    /// The samples of both splits of one dataset, for example train and val for a last fit.
    ///
    /// # Errors
    /// Usage: splits of two datasets, or splits that share an image.
    pub fn merged(&self, other: &Self) -> Result<Self> {
        let (ours, theirs) = (&self.0.origin, &other.0.origin);
        let names = || format!("merge {} with {}", self.name(), other.name());
        if ours.lineage.address() != theirs.lineage.address() {
            return Err(Error::usage(format!("{}: expected splits of one dataset", names())));
        }
        let mut samples = [self.0.samples.as_slice(), &other.0.samples].concat();
        samples.sort_unstable();
        if samples.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::usage(format!("{}: they share images", names())));
        }
        let part = format!("{}+{}", self.0.part, other.0.part);
        let inputs = BTreeMap::from([
            ("first".to_owned(), self.0.lineage.clone()),
            ("second".to_owned(), other.0.lineage.clone()),
        ]);
        let lineage = Lineage::new("split.merged", 1, BTreeMap::new(), inputs);
        Ok(Self::new(ours.clone(), part, samples, lineage))
    }
}
