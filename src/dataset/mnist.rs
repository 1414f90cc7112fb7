//! MNIST (LeCun, Bottou, Bengio, Haffner 1998).

use super::archive::Archive;
use super::files::{find, tree};
use super::selection::{PARAMS, select};
use super::{Build, Dataset, Source};
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

const FOLDERS: &[&str] = &["mnist", "MNIST/raw"];

fn build(source: &Source, args: &Args) -> Result<Dataset> {
    let files = match source.data {
        Some(data) => find(data, FOLDERS, source.hash),
        None => Err(Error::usage("no data folder was named, and the files are not embedded")
            .hint("name it with --data DIR")
            .hint(tree(FOLDERS))),
    };
    files
        .and_then(|files| Archive::contents(files, [1, 28, 28], 10))
        .and_then(|contents| select(contents, args))
        .map_err(|error| error.within(args.spec().name))
}

#[cfg(test)]
mod tests {
    use super::super::archive::tests::{Official, write};
    use super::super::laws::source;
    use super::*;
    use crate::error::Kind;
    use crate::lineage::Address;
    use crate::registry::{Handle, Value};
    use std::path::Path;
    use tch::Device;

    fn built(data: Option<&Path>) -> Result<Dataset> {
        let options = vec![("val".to_owned(), Value::Float(0.5))];
        build(&source(data), &Args::resolve(&ENTRY.spec, vec![], options).unwrap())
    }

    #[test]
    fn the_data_folder_is_required() {
        let error = built(None).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().starts_with("mnist: no data folder"), "{error}");
        assert!(error.hints()[0].contains("--data"));
    }

    #[test]
    fn the_address_is_that_of_the_content_wherever_it_lies() {
        let address = |place: &str, official: &Official| -> Address {
            let root = tempfile::tempdir().unwrap();
            write(&root.path().join(place), official);
            built(Some(root.path())).unwrap().lineage().address().clone()
        };
        let official = Official::default();
        let first = address("mnist", &official);
        assert_eq!(first, address("MNIST/raw", &official));
        let root = tempfile::tempdir().unwrap();
        let itself = root.path().join("mnist");
        write(&itself, &official);
        assert_eq!(&first, built(Some(&itself)).unwrap().lineage().address());
        let other = Official { brightness: 1, ..official };
        assert_ne!(first, address("mnist", &other));
        assert!(!built(Some(&itself)).unwrap().lineage().to_json().to_string().contains("tmp"));
    }

    #[test]
    fn images_keep_their_labels_and_ids() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("mnist"), &Official::default());
        let mnist = built(Some(root.path())).unwrap();
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
