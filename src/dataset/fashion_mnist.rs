//! Fashion-MNIST (Xiao, Rasul, Vollgraf 2017).

use super::archive::Archive;
use super::facts::{Facts, Metric};
use super::selection::{PARAMS, select};
use super::stored::{Embedded, Stored, find};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Grey images of clothing.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "fashion_mnist",
        home: Home::Namespace("dataset"),
        doc: "Fashion-MNIST: grey 28x28 images of 10 kinds of clothing.\n\nWith a data folder, the \
              60,000 training and 10,000 test images of the official files in \
              DIR/fashion-mnist. Without one, the 6,000 and 1,000 that are part of the program: \
              the first 600 and 100 of each class.",
        inputs: &[],
        params: PARAMS,
        returns: "dataset",
        example: Example {
            code: "dataset::fashion_mnist(#{ classes: 0..7, limit: 700 }).classes",
            shows: "7",
        },
        cite: "Xiao, Rasul, Vollgraf 2017, https://arxiv.org/abs/1708.07747",
        version: 1,
    },
    build,
};

const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];
const FACTS: Facts = Facts::new(Metric::Accuracy, 60_000, 10_000);
const FOLDERS: &[&str] = &["fashion-mnist", "fashion_mnist", "FashionMNIST/raw"];

macro_rules! embedded {
    ($name:literal) => {
        Embedded::new($name, include_bytes!(concat!("embedded/fashion_mnist/", $name)))
    };
}

/// Images and labels of train, then of test.
static EMBEDDED: [[Embedded; 2]; 2] = [
    [embedded!("train-images-idx3-ubyte.gz"), embedded!("train-labels-idx1-ubyte.gz")],
    [embedded!("t10k-images-idx3-ubyte.gz"), embedded!("t10k-labels-idx1-ubyte.gz")],
];

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    let files = match &context.data {
        Some(data) => find(data, FOLDERS, &|path| context.store.content_hash(path)),
        None => Ok(EMBEDDED
            .each_ref()
            .map(|[images, labels]| (Stored::embedded(images), Stored::embedded(labels)))),
    };
    files
        .and_then(|files| Archive::contents(files, [1, 28, 28], &CLASSES, &FACTS))
        .and_then(|contents| select(contents, args))
        .map_err(|error| error.within(args.spec().name))
}

#[cfg(test)]
mod tests {
    use super::super::laws::{built, context, facts};
    use super::*;
    use crate::registry::Value;
    use std::fs;
    use tch::{Device, Kind};

    #[test]
    fn the_embedded_images_are_those_of_the_official_files() {
        let whole = built(&ENTRY, &[("val", Value::Float(0.0))]).unwrap();
        facts("fashion_mnist", "train", &whole.train, 255.0);
        facts("fashion_mnist", "t10k", &whole.test, 255.0);
    }

    #[test]
    fn chosen_classes_are_numbered_in_their_order() {
        let whole = built(&ENTRY, &[]).unwrap();
        let two = built(&ENTRY, &[("classes", Value::Ints(vec![9, 2]))]).unwrap();
        assert_eq!((two.classes(), two.test.len()), (2, 200));
        assert_eq!(two.name(), "fashion_mnist(9, 2)");
        let [whole, two] = [whole.test, two.test]
            .map(|split| split.batch(&(0..split.len()).collect::<Vec<_>>(), Device::Cpu).unwrap());
        for (official, label) in [(9, 0), (2, 1)] {
            let ours = two.x.index_select(0, &two.y.eq(label).nonzero().view([-1]));
            let theirs = whole.x.index_select(0, &whole.y.eq(official).nonzero().view([-1]));
            assert_eq!(ours, theirs);
        }
        assert_eq!(two.y.kind(), Kind::Int64);
    }

    #[test]
    fn a_data_folder_without_the_files_is_refused_with_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args::resolve(&ENTRY.spec, vec![], vec![]).unwrap();
        let refused = || build(&context(Some(folder.path())).0, &args).unwrap_err();
        let error = refused();
        assert!(error.to_string().starts_with("fashion_mnist: files not found in"), "{error}");
        assert!(error.hints()[0].contains("DIR/fashion-mnist/train-images-idx3-ubyte[.gz]"));
        fs::create_dir(folder.path().join("fashion_mnist")).unwrap();
        let error = refused();
        assert!(error.to_string().contains("train-images-idx3-ubyte[.gz] not found"), "{error}");
    }
}
