//! Scripts and one-liners.

use super::{SUCCESS, fail, output};
use crate::error::{Error, Result};
use crate::script::{Diagnostic, Ended, Session};
use std::fs;
use std::io::Read;
use std::path::Path;

/// The most bytes of a script.
const BYTES: u64 = 4 << 20;

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
    let failed = |error| Error::io(format!("script: cannot read {}", path.display()), &error);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    let path = path.display();
    if bytes.len() as u64 > BYTES {
        return Err(Error::data(format!("script: expected at most {BYTES} bytes in {path}")));
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::data(format!("script: expected UTF-8 text in {path}")))
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
