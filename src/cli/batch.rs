//! Scripts and one-liners.

use super::{SUCCESS, fail, output};
use crate::error::{Error, Result};
use crate::script::{Diagnostic, Ended, Session};
use std::fs;
use std::path::Path;

/// Runs the script at `path`.
///
/// # Errors
/// A file that cannot be read.
pub fn run(mut session: Session, path: &Path) -> Result<u8> {
    let source = read(path)?;
    let name = path.display().to_string();
    Ok(finish(session.run(&name, &source), |_| {}))
}

/// Runs code and prints its value.
pub fn eval(mut session: Session, code: &str) -> u8 {
    let ended = session.run("-e", code);
    finish(ended, output::stdout)
}

/// The text of a script.
///
/// # Errors
/// A file that cannot be read, with the path.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map_err(|error| Error::io(format!("script: cannot read {}", path.display()), &error))
}

fn finish(ended: std::result::Result<Ended, Diagnostic>, show: impl FnOnce(&str)) -> u8 {
    match ended {
        Ok(Ended::Value(value)) => {
            if let Some(value) = value {
                show(&value.text);
            }
        }
        Ok(Ended::ShardDone { done, of }) => output::stdout(&format!(
            "shard done: {done} of {of} cells; when all shards are done, run it without --shard"
        )),
        Err(diagnostic) => return fail(&diagnostic),
    }
    SUCCESS
}
