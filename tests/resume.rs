//! Killed, shared and repeated runs end with the same bytes.

use crate::lab::{Lab, study};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The trials.
pub fn tests() -> Vec<Trial> {
    vec![
        Trial::test("resume::a_study_killed_again_and_again_ends_with_the_same_bytes", killed),
        Trial::test("resume::a_training_resumes_inside_an_epoch_bit_for_bit", inside_an_epoch),
        Trial::test("resume::a_partial_run_of_other_threads_is_refused", other_threads),
        Trial::test("resume::a_signal_ends_with_75_and_resumes", signalled),
    ]
}

const TINY: [&str; 4] = ["--set", "scale=tiny", "--set", "seeds=1"];

/// The whole files below a folder; a kill in the middle of a write leaves a temporary one, which
/// counts as nothing.
fn whole_files(lab: &Lab, folder: &str) -> impl Iterator<Item = PathBuf> {
    let temporary = |path: &PathBuf| path.to_string_lossy().contains("/.tmp-");
    lab.files(folder).into_iter().filter(move |path| !temporary(path))
}

/// The reports by name.
pub fn reports(lab: &Lab) -> BTreeMap<String, Vec<u8>> {
    whole_files(lab, "runs/reports")
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
        })
        .collect()
}

/// All results of a store: what was asked and what came out.
fn results(lab: &Lab) -> BTreeMap<String, serde_json::Value> {
    whole_files(lab, "runs/results")
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                json["record"]["payload"].clone(),
            )
        })
        .collect()
}

fn killed() -> Result<(), Failed> {
    let script = study();
    let arguments: Vec<&str> = [script.as_str()].into_iter().chain(TINY).collect();
    let whole = Lab::new();
    let expected = whole.ok(&arguments);

    let lab = Lab::new();
    let mut kills = 0;
    for attempt in 0..8u64 {
        let mut checkpointing = vec!["--checkpoint-seconds", "0"];
        checkpointing.extend(&arguments);
        let mut child =
            lab.command(&checkpointing).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(Duration::from_millis(500 + 211 * attempt));
        if child.try_wait()?.is_none() {
            child.kill()?;
            kills += 1;
        }
        child.wait()?;
    }
    let resumed = lab.ok(&arguments);
    assert!(kills >= 3, "only {kills} of 8 runs were still alive to be killed");
    assert_eq!(resumed.out, expected.out);
    assert_eq!(reports(&lab), reports(&whole));
    assert_eq!(results(&lab), results(&whole));
    assert!(!reports(&lab).is_empty());

    let start = Instant::now();
    let again = lab.ok(&arguments);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(again.out, expected.out);
    assert!(seconds < 2.0, "a finished study took {seconds:.2} s to rerun");
    Ok(())
}

const ONE_EPOCH: &str = "let pgd = attack::pgd(#{ eps: 0.5 });\n\
     let m = model::resnet8(#{ width: 4, size: 8 });\n\
     let r = m.train(dataset::digits(), #{ epochs: 1, batch_size: 8,\n\
         objective: train::perturbed(pgd), on_epoch: |e| print(`${e.epoch} ${e.loss}`) });\n\
     print(m.evaluate(dataset::digits().test).loss);";

/// The files of weights, by content.
fn weights(lab: &Lab) -> Vec<Vec<u8>> {
    let files: Vec<PathBuf> = lab.files("runs/blobs");
    let mut all: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    all.sort();
    all
}

fn inside_an_epoch() -> Result<(), Failed> {
    let whole = Lab::new();
    whole.script("s.rhai", ONE_EPOCH);
    let expected = whole.ok(&["s.rhai"]);

    let lab = Lab::new();
    lab.script("s.rhai", ONE_EPOCH);
    let mut steps = Vec::new();
    for _ in 0..6 {
        let mut child = lab
            .command(&["--checkpoint-seconds", "0", "s.rhai"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let before = lab.files("runs/partial").len();
        let deadline = Instant::now() + Duration::from_secs(20);
        while lab.files("runs/partial").len() <= before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(60));
        child.kill()?;
        child.wait()?;
        steps.push(lab.files("runs/partial").len());
    }
    assert!(steps.iter().any(|files| *files > 0), "no checkpoint was left inside the epoch");
    let resumed = lab.ok(&["s.rhai"]);
    assert_eq!(resumed.out, expected.out);
    assert_eq!(weights(&lab), weights(&whole));
    assert!(lab.files("runs/partial").is_empty(), "a finished training leaves no checkpoint");
    Ok(())
}

fn other_threads() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("s.rhai", ONE_EPOCH);
    interrupt(&lab, "s.rhai")?;
    let refused = lab.run(&["--threads", "2", "s.rhai"]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert!(refused.err.contains("threads was 1, is 2"), "{}", refused.err);
    assert!(refused.err.contains("--restart-partial"), "{}", refused.err);
    let anew = lab.ok(&["--threads", "2", "--restart-partial", "s.rhai"]);
    assert_eq!(lab.ok(&["--threads", "1", "s.rhai"]).out, anew.out, "a finished result is reused");
    Ok(())
}

/// Starts a script, waits for a checkpoint, sends SIGINT and returns the exit code.
fn interrupt(lab: &Lab, script: &str) -> Result<Option<i32>, Failed> {
    let child = lab
        .command(&["--checkpoint-seconds", "0", script])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while lab.files("runs/partial").is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: the process is our child and was not waited for.
    unsafe {
        libc::kill(child.id() as i32, libc::SIGINT);
    }
    let mut child = child;
    Ok(child.wait()?.code())
}

fn signalled() -> Result<(), Failed> {
    let whole = Lab::new();
    whole.script("s.rhai", ONE_EPOCH);
    let expected = whole.ok(&["s.rhai"]);
    let lab = Lab::new();
    lab.script("s.rhai", ONE_EPOCH);
    assert_eq!(interrupt(&lab, "s.rhai")?, Some(75));
    assert!(!lab.files("runs/partial").is_empty());
    assert_eq!(lab.ok(&["s.rhai"]).out, expected.out);
    assert_eq!(weights(&lab), weights(&whole));
    Ok(())
}
