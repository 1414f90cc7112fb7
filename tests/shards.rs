//! Two processes on one store train everything once, and leave the report of one process, a page
//! that works.

use crate::browser::every_page_works;
use crate::lab::{Lab, Ran};
use crate::resume::reports;
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// What makes a study small, beside `scale=tiny`: enough arms to share a network and to lock steps.
const SMALLER: &[(&str, &[&str])] = &[
    ("decomposition", &["seeds=1", "arms=4", "attacked=0", "tuning=0"]),
    ("epsilon_transfer", &["archs=resnet8_w4", "datasets=digits"]),
    ("first_study", &["seeds=1"]),
    ("fixed_eps_architectures", &["seeds=1", "datasets=digits"]),
    ("frequency_sensitivity", &["seeds=1"]),
    ("gate", &["arms=3"]),
    ("granularity", &["archs=resnet8_w4"]),
    ("inversion", &["archs=resnet8_w4"]),
    ("noise_vs_pgd", &["seeds=1", "arms=3", "attacked=0"]),
    ("precision", &["seeds=1"]),
    ("published_claims", &[]),
    ("robust_cifar10", &["seeds=1"]),
    ("sample_matched", &["seeds=1", "arms=3", "attacked=0"]),
    ("source_accuracy", &["archs=resnet8_w4"]),
    ("texture", &["archs=resnet8_w4", "datasets=stylized"]),
    ("transfer_protocols", &["seeds=1"]),
    ("upscaling", &["seeds=1", "arms=3", "attacked=0", "protocols=0"]),
    ("width", &["datasets=digits"]),
];

/// One trial per script with a sweep.
pub fn tests() -> Vec<Trial> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut found: Vec<String> = Vec::new();
    for entry in fs::read_dir(&folder).expect("the scripts").flatten() {
        let text = fs::read_to_string(entry.path()).expect("a script");
        if text.contains("sweep::grid") {
            found.push(entry.path().file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    found.sort();
    let trial = |name: String| {
        Trial::test(format!("shards::two_processes_leave_the_report_of_one::{name}"), move || {
            both(&name)
        })
    };
    found.into_iter().map(trial).collect()
}

fn both(name: &str) -> Result<(), Failed> {
    let smaller = SMALLER.iter().find(|(known, _)| *known == name);
    let (_, settings) = smaller.ok_or("no settings that make it small; add them to SMALLER")?;
    let script = format!("{}/scripts/{name}.rhai", env!("CARGO_MANIFEST_DIR"));
    let mut arguments = vec![script.as_str()];
    if name != "published_claims" {
        arguments.extend(["--set", "scale=tiny"]);
    }
    for setting in *settings {
        arguments.extend(["--set", setting]);
    }
    let whole = Lab::new();
    let expected = whole.ok(&arguments);

    let lab = Lab::new();
    let spawn = |shard: &str| {
        let mut command = lab.command(&arguments);
        command.args(["--shard", shard]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    let mut log = String::new();
    for child in [spawn("0/2")?, spawn("1/2")?] {
        let ran: Ran = child.wait_with_output()?.into();
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
        assert!(ran.out.contains("shard done"), "{}", ran.out);
        log.push_str(&ran.err);
    }
    let trained = |log: &str| {
        let mut count = BTreeMap::new();
        for line in log.lines().filter(|line| line.starts_with("train ")) {
            *count.entry(line.to_owned()).or_insert(0) += 1;
        }
        count
    };
    // One process may train a lead with its followers first, and need it alone no more.
    let alone = trained(&expected.err);
    for (line, count) in &trained(&log) {
        let once = *count <= *alone.get(line).unwrap_or(&1);
        assert!(once, "trained twice: {line}\n{log}");
    }
    for line in alone.keys() {
        assert!(trained(&log).contains_key(line), "not trained: {line}\n{log}");
    }

    let merged = lab.ok(&arguments);
    assert_eq!(merged.out, expected.out);
    assert_eq!(reports(&lab), reports(&whole));
    assert!(!merged.err.contains("train "), "the merge trained:\n{}", merged.err);
    every_page_works(&lab)
}
