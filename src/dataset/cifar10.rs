//! CIFAR-10 (Krizhevsky 2009).

use super::cifar::Cifar;
use super::facts::{Facts, Metric};
use super::files::Layout;
use super::selection::PARAMS;
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Small pictures of 10 kinds of things.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "cifar10",
        home: Home::Namespace("dataset"),
        doc: "CIFAR-10: 50,000 training and 10,000 test images of 10 kinds of things, 32x32.\n\nReads the \
              binary version; of its five training files those that are there.",
        inputs: &[],
        params: PARAMS,
        returns: "dataset",
        example: Example {
            code: "let classes = 10;\n\
                   try { classes = dataset::cifar10().classes; }\n\
                   catch { print(\"cifar10 needs --data DIR\"); }\n\
                   classes",
            shows: "10",
        },
        cite: "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 50_000, 10_000)
    .normalised([[0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]]);

const CIFAR: Cifar = Cifar {
    layout: Layout {
        names: &["cifar-10-batches-bin", "cifar10"],
        markers: &["batches.meta.txt", "test_batch.bin"],
        tree: "data_batch_1.bin, ..., data_batch_5.bin\n\
               test_batch.bin\n\
               batches.meta.txt",
    },
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: "test_batch.bin",
    names: "batches.meta.txt",
    labels: 1,
    classes: 10,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    CIFAR.build(context, args)
}
