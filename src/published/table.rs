//! The entry that selects published numbers.

use super::{FILTERS, Select, Selection};
use crate::registry::{Entry, Example, Home, Spec};

/// `published::table(options)`.
pub const ENTRY: Entry<Select> = Entry {
    spec: Spec {
        name: "table",
        home: Home::Namespace("published"),
        doc: "Numbers that others published about robust networks and transfer, with their sources.\n\n\
            3,273 numbers: tables, figures and job files of Salman et al. 2020 (submission, arXiv \
            version and released code), an independent reproduction, and the follow-up of Utrera et \
            al. Every option selects by a column, with a name, a number or a list of them. Numbers \
            are as their sources printed them, most in percent; `src/published/README.md` tells \
            what each study is.",
        inputs: &[],
        params: &FILTERS,
        returns: "records",
        example: Example {
            code: "published::table(#{ study: \"table2_arxiv\", arch: \"vgg16_bn\" })",
            shows: "\
published numbers: table2_arxiv, vgg16_bn, top1
threat  eps  dataset   mode    value (%)
-----------------------------------------
none    0    ImageNet  source      73.66
none    0    CIFAR-10  full        96.08
l2      3    ImageNet  source      57.19
l2      3    CIFAR-10  full        97.27
- source: arXiv 2007.08489 Table 2 (archs printed as A-F; names matched by value to README), \
screenshots hoya012.github.io:assets/img/transfer-robust/10.PNG and ryul99 table-2.png",
        },
        cite: "Salman et al. 2020, arXiv 2007.08489; Utrera et al. 2021, arXiv 2007.05869",
        version: 1,
    },
    build: |args| Selection::all()?.filtered(args),
};
