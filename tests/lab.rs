//! A laboratory for tests: the built program in a folder of its own, and sessions in process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A temporary folder in which the program runs with one thread.
pub struct Lab {
    folder: TempDir,
}

/// What a run of the program left.
pub struct Ran {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Lab {
    /// An empty laboratory.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a script and returns its path.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("a script");
        path
    }

    /// The program with arguments, in this folder, on one thread unless they say otherwise.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rtscript"));
        if !arguments.contains(&"--threads") {
            command.args(["--threads", "1"]);
        }
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("RTSCRIPT_DATA")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("the program starts").into()
    }

    /// Runs the program and expects success.
    pub fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}\n{}\n{}", ran.out, ran.err);
        ran
    }

    /// The names of all files under a folder of this laboratory, sorted.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.path().join(folder)];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Whether some line of `shown` has a caret for exactly the text `under`.
pub fn points_at(shown: &str, under: &str) -> bool {
    let lines: Vec<&str> = shown.lines().collect();
    lines.windows(2).any(|pair| {
        let Some(at) = pair[1].find('^') else { return false };
        let column = pair[1][..at].chars().count();
        let length = pair[1][at..].trim_end().chars().count();
        let text: String = pair[0].chars().skip(column).take(length).collect();
        text == under
    })
}

/// The study that all golden and resume tests run, at its smallest.
pub fn study() -> String {
    format!("{}/scripts/first_study.rhai", env!("CARGO_MANIFEST_DIR"))
}
