//! The 8x8 digits of the UCI repository (Alpaydin, Kaynak 1998), as scikit-learn has them.

use super::archive::Archive;
use super::facts::{Facts, Metric};
use super::selection::{Contents, PARAMS, Pictures, is_in_share, ranked, select};
use super::stored::{Embedded, Stored};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};
use crate::seed::Stream;

/// Small grey images of handwritten digits.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "digits",
        home: Home::Namespace("dataset"),
        doc: "Digits: 1,797 grey 8x8 images of handwritten digits, part of the program.\n\nThere \
              is no official split: a third of each class, chosen by the seed, is test.",
        inputs: &[],
        params: PARAMS,
        returns: "dataset",
        example: Example { code: "dataset::digits().classes", shows: "10" },
        cite: "Alpaydin, Kaynak 1998, https://doi.org/10.24432/C50P49",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 1198, 599);

/// The share of each class that is test.
const TEST: f64 = 1.0 / 3.0;

static IMAGES: Embedded =
    Embedded::new("images-idx3-ubyte.gz", include_bytes!("embedded/digits/images-idx3-ubyte.gz"));
static LABELS: Embedded =
    Embedded::new("labels-idx1-ubyte.gz", include_bytes!("embedded/digits/labels-idx1-ubyte.gz"));

fn build(_: &Context, args: &Args) -> Result<Dataset> {
    build_embedded(args).map_err(|error| error.within(args.spec().name))
}

fn build_embedded(args: &Args) -> Result<Dataset> {
    let files = vec![(Stored::embedded(&IMAGES), Stored::embedded(&LABELS))];
    let (archive, samples) = Archive::open(files, [1, 8, 8], 10)?;
    let stream = Stream::new(args.int("seed")?, "digits test");
    let (test, train): (Vec<_>, Vec<_>) = ranked(&samples.concat(), stream)
        .into_iter()
        .partition(|(rank, _)| is_in_share(*rank, TEST));
    let [train, test] = [train, test]
        .map(|ranked| ranked.into_iter().map(|(_, sample)| sample).collect::<Vec<_>>());
    let source = archive.identity();
    // A stored pixel counts the inked cells of a 4x4 block.
    let pictures = Pictures::Packed(archive.encoding(16));
    let classes = (0..10).map(|digit: i32| digit.to_string()).collect();
    select(Contents { classes, facts: &FACTS, train, test, source, pictures }, args)
}

#[cfg(test)]
mod tests {
    use super::super::laws::{built, facts};
    use super::*;
    use crate::registry::Value;

    #[test]
    fn the_embedded_images_are_those_of_scikit_learn() {
        let digits = built(&ENTRY, &[]).unwrap();
        let most = digits.train.merged(&digits.val).unwrap().merged(&digits.test).unwrap();
        assert_eq!(most.ids(), (0..1797).collect::<Vec<_>>());
        facts("digits", "all", &most, 16.0);
    }

    #[test]
    fn a_third_of_each_class_is_test_and_the_seed_chooses_it() {
        let first = built(&ENTRY, &[]).unwrap();
        let labels = first.test.labels().unwrap();
        let count = |class| labels.iter().filter(|label| **label == class).count();
        let counts: Vec<usize> = (0..10).map(count).collect();
        // Class sizes 178 182 177 183 181 182 181 179 174 180, a third each, rounded.
        assert_eq!(counts, [59, 61, 59, 61, 60, 61, 60, 60, 58, 60]);
        let other = built(&ENTRY, &[("seed", Value::Int(1))]).unwrap();
        assert_eq!(first.test.len(), other.test.len());
        assert_ne!(first.test.ids(), other.test.ids());
    }
}
