//! Golden scripts: `rtscript test` passes every script of `tests/golden/`.
//!
//! What a script may expect and how it is compared: `src/script/golden/mod.rs`.
//! `RTSCRIPT_BLESS=1` rewrites the expectations that fail.

use crate::lab::Lab;
use libtest_mimic::{Failed, Trial};
use rtscript::script::golden::scripts;
use std::path::{Path, PathBuf};

/// One trial per golden script.
pub fn tests() -> Vec<Trial> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let trial = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap_or(&path).with_extension("");
        Trial::test(format!("golden::{}", name.display()), move || check(&path))
    };
    let paths = scripts(std::slice::from_ref(&root)).expect("the golden folder");
    paths.into_iter().map(trial).collect()
}

fn check(path: &Path) -> Result<(), Failed> {
    let path = path.to_string_lossy();
    let mut arguments = vec!["test", &path];
    if std::env::var_os("RTSCRIPT_BLESS").is_some() {
        arguments.push("--bless");
    }
    let ran = Lab::new().run(&arguments);
    let passed = ["... ok\n", "... blessed\n"].iter().any(|end| ran.out.contains(end));
    if ran.code == Some(0) && passed {
        return Ok(());
    }
    if ran.code == Some(0) && ran.out.contains("... skipped: ") {
        println!("{}", ran.out);
        return Ok(());
    }
    Err(format!("{}{}", ran.out, ran.err).into())
}
