//! Which pictures cannot be decoded: all are tried once, and the answer is kept under their
//! identity.

use super::tree::File;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::decode;
use crate::lineage::Lineage;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

/// Raised when a decoder refuses or accepts other files than before.
const VERSION: u32 = 1;
/// Files between two looks at an interrupt.
const CHUNK: usize = 256;

/// The paths of the pictures that cannot be decoded, with the reasons.
///
/// # Errors
/// Data, with the first of them: there are more than `most`. Io. Interrupted.
pub fn undecodable(
    context: &Context,
    what: &str,
    source: &Json,
    files: &[&File],
    most: usize,
) -> Result<BTreeSet<String>> {
    let options = BTreeMap::from([("source".to_owned(), source.clone())]);
    let lineage = Lineage::new("dataset.scan", VERSION, options, BTreeMap::new());
    let bad: Vec<(String, String)> = match context.found(lineage.address())? {
        Some(bad) => bad,
        None => {
            let bad = scanned(context, what, files)?;
            context.keep(&lineage, &bad)?;
            bad
        }
    };
    if bad.len() <= most {
        if !bad.is_empty() {
            let paths: Vec<&str> = bad.iter().map(|(path, _)| path.as_str()).collect();
            let count = bad.len();
            context.monitor.warn(&format!("{what}: {count} left out: {}", paths.join(", ")));
        }
        return Ok(bad.into_iter().map(|(path, _)| path).collect());
    }
    let error = Error::data(format!(
        "expected at most {most} pictures that cannot be decoded, found {}",
        bad.len()
    ));
    Err(bad.iter().take(5).fold(error.at_key("skip_bad"), |error, (_, why)| error.hint(why)))
}

fn scanned(context: &Context, what: &str, files: &[&File]) -> Result<Vec<(String, String)>> {
    let workers = usize::try_from(tch::get_num_threads()).unwrap_or(1).max(1);
    context.monitor.begin(&format!("decode {what}"), files.len().div_ceil(CHUNK) as u64, 0);
    let mut bad = Ok(Vec::new());
    for chunk in files.chunks(CHUNK) {
        if context.interrupt.is_requested() {
            bad = Err(Error::interrupted("interrupted while pictures are tried"));
            break;
        }
        let found: Vec<_> = thread::scope(|scope| {
            let parts = chunk.chunks(chunk.len().div_ceil(workers));
            let running: Vec<_> = parts.map(|part| scope.spawn(|| tried(part))).collect();
            running.into_iter().map(|worker| worker.join()).collect()
        });
        for part in found {
            let part = part.unwrap_or_else(|_| Err(Error::internal("a decoder's thread ended")));
            bad = bad.and_then(|mut bad: Vec<_>| {
                bad.extend(part?);
                Ok(bad)
            });
        }
        if bad.is_err() {
            break;
        }
        context.monitor.advance("");
    }
    context.monitor.end();
    bad
}

fn tried(files: &[&File]) -> Result<Vec<(String, String)>> {
    let mut bad = Vec::new();
    for file in files {
        if let Err(error) = decode(&file.read()?, &file.place()) {
            // Without the place: the answer holds wherever the files lie.
            let said = decode(&file.read()?, &file.path).err().unwrap_or(error);
            bad.push((file.path.clone(), said.to_string()));
        }
    }
    Ok(bad)
}
