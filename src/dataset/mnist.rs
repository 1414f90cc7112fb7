//! MNIST (LeCun, Bottou, Bengio, Haffner 1998).

use super::archive::Archive;
use super::facts::{Facts, Metric};
use super::selection::{PARAMS, select};
use super::stored::{find, tree};
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Grey images of handwritten digits.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "mnist",
        home: Home::Namespace("dataset"),
        doc: "MNIST: 60,000 training and 10,000 test images of handwritten digits, grey, \
              28x28.\n\nReads the official files from DIR/mnist of the data folder; they are no \
              part of the program.",
        inputs: &[],
        params: PARAMS,
        returns: "dataset",
        example: Example {
            code: "let classes = 3;\n\
                   try { classes = dataset::mnist(#{ classes: 0..3 }).classes; }\n\
                   catch { print(\"mnist needs --data DIR\"); }\n\
                   classes",
            shows: "3",
        },
        cite: "LeCun, Bottou, Bengio, Haffner 1998, https://doi.org/10.1109/5.726791",
        version: 1,
    },
    build,
};

const CLASSES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const FACTS: Facts = Facts::new(Metric::Accuracy, 60_000, 10_000);
const FOLDERS: &[&str] = &["mnist", "MNIST/raw"];

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    let files = match &context.data {
        Some(data) => find(data, FOLDERS, &|path| context.store.content_hash(path)),
        None => Err(Error::usage("no data folder was named, and the files are not embedded")
            .hint("name it with --data DIR")
            .hint(tree(FOLDERS))),
    };
    files
        .and_then(|files| Archive::contents(files, [1, 28, 28], &CLASSES, &FACTS))
        .and_then(|contents| select(contents, args))
        .map_err(|error| error.within(args.spec().name))
}

#[cfg(test)]
mod tests {
    use super::super::archive::tests::{Official, write};
    use super::super::laws::{built_in, context};
    use super::*;
    use crate::error::Kind;
    use crate::lineage::Address;
    use crate::registry::{Handle, Value};
    use std::path::Path;
    use tch::Device;

    fn built(data: &Path) -> Result<Dataset> {
        built_in(data, &ENTRY, vec![], &[("val", Value::Float(0.5))])
    }

    #[test]
    fn the_data_folder_is_required() {
        let args = Args::resolve(&ENTRY.spec, vec![], vec![]).unwrap();
        let error = build(&context(None).0, &args).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().starts_with("mnist: no data folder"), "{error}");
        assert!(error.hints()[0].contains("--data"));
    }

    #[test]
    fn the_address_is_that_of_the_content_wherever_it_lies() {
        let address = |place: &str, official: &Official| -> Address {
            let root = tempfile::tempdir().unwrap();
            write(&root.path().join(place), official);
            built(root.path()).unwrap().lineage().address().clone()
        };
        let official = Official::default();
        let first = address("mnist", &official);
        assert_eq!(first, address("MNIST/raw", &official));
        let root = tempfile::tempdir().unwrap();
        let itself = root.path().join("mnist");
        write(&itself, &official);
        assert_eq!(&first, built(&itself).unwrap().lineage().address());
        let other = Official { brightness: 1, ..official };
        assert_ne!(first, address("mnist", &other));
        assert!(!built(&itself).unwrap().lineage().to_json().to_string().contains("tmp"));
    }

    #[test]
    fn images_keep_their_labels_and_ids() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("mnist"), &Official::default());
        let mnist = built(root.path()).unwrap();
        assert_eq!((mnist.train.len(), mnist.val.len(), mnist.test.len()), (20, 20, 10));
        for (split, offset) in [(&mnist.train, 0), (&mnist.val, 0), (&mnist.test, 40)] {
            let batch = split.batch(&[3, 0, 3], Device::Cpu).unwrap();
            for (row, id) in batch.ids.iter().enumerate() {
                let row = row as i64;
                let position = (id - offset) as i64;
                assert_eq!(batch.y.int64_value(&[row]), position % 10);
                let first = batch.x.double_value(&[row, 0, 0, 0]) * 255.0;
                assert!((first - position as f64).abs() < 1e-4, "{first} for {position}");
            }
        }
    }
}
