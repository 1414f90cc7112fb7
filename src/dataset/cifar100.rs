//! CIFAR-100 (Krizhevsky 2009).

use super::cifar::Cifar;
use super::facts::{Facts, Metric};
use super::files::Layout;
use super::selection::PARAMS;
use super::{Build, Dataset};
use crate::context::Context;
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Spec};

/// Small pictures of 100 kinds of things.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "cifar100",
        home: Home::Namespace("dataset"),
        doc: "CIFAR-100: 50,000 training and 10,000 test images of 100 kinds of things, 32x32.\n\nReads \
              the binary version, with the fine labels.",
        inputs: &[],
        params: PARAMS,
        returns: "dataset",
        example: Example {
            code: "let classes = 100;\n\
                   try { classes = dataset::cifar100().classes; }\n\
                   catch { print(\"cifar100 needs --data DIR\"); }\n\
                   classes",
            shows: "100",
        },
        cite: "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf",
        version: 1,
    },
    build,
};

const FACTS: Facts = Facts::new(Metric::Accuracy, 50_000, 10_000)
    .normalised([[0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]]);

const CIFAR: Cifar = Cifar {
    layout: Layout {
        names: &["cifar-100-binary", "cifar100"],
        markers: &["fine_label_names.txt", "train.bin", "test.bin"],
        tree: "train.bin\n\
               test.bin\n\
               fine_label_names.txt",
    },
    train: &["train.bin"],
    test: "test.bin",
    names: "fine_label_names.txt",
    labels: 2,
    classes: 100,
    facts: &FACTS,
};

fn build(context: &Context, args: &Args) -> Result<Dataset> {
    CIFAR.build(context, args)
}
