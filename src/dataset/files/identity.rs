//! The identity of many files: a hash over their paths, sizes and contents, which is that of the
//! same files elsewhere, packed or not. Each folder is hashed once and its hash kept while sizes,
//! times and inodes stay.

use super::tree::File;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::lineage::sha256_hex;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// More bytes than this take long enough for a progress bar.
const LONG: u64 = 64 << 20;

/// Number, size and hash of the files, for the lineage; each file comes once.
///
/// # Errors
/// Io; Data: a file changes meanwhile. Interrupted: what was hashed is kept.
pub fn identity(context: &Context, what: &str, files: &[&File]) -> Result<Json> {
    let mut folders: BTreeMap<(&str, &std::path::Path), Vec<&File>> = BTreeMap::new();
    for file in files {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders.entry((folder, file.container())).or_default().push(file);
    }
    let folders: Vec<(String, Vec<&File>)> = folders
        .into_iter()
        .map(|((_, container), mut files)| {
            files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            files.dedup_by(|a, b| a.path == b.path);
            let lines: String = files.iter().map(|file| file.version_line()).collect();
            let place = container.canonicalize().unwrap_or_else(|_| container.to_owned());
            (format!("{}\n{lines}", place.display()), files)
        })
        .collect();
    let known: Vec<Option<String>> =
        folders.iter().map(|(version, _)| context.store.known_digest(version)).collect();
    let size = |files: &[&File]| files.iter().map(|file| file.size).sum::<u64>();
    let unknown = folders.iter().zip(&known).filter(|(_, known)| known.is_none());
    let (count, left) =
        unknown.fold((0, 0), |(count, sum), ((_, files), _)| (count + 1, sum + size(files)));
    let watched = left > LONG;
    if watched {
        context.monitor.begin(&format!("hash {what}"), count, 0);
    }
    let mut hashes = Vec::new();
    for ((version, files), known) in folders.iter().zip(known) {
        hashes.push(match known {
            Some(hash) => Ok(hash),
            None => hashed(context, version, files, watched),
        });
        if hashes.last().is_some_and(Result::is_err) {
            break;
        }
    }
    if watched {
        context.monitor.end();
    }
    let hashes = hashes.into_iter().collect::<Result<Vec<String>>>()?;
    let all: Vec<&File> = folders.iter().flat_map(|(_, files)| files).copied().collect();
    Ok(json!({
        "files": all.len(), "size": size(&all), "sha256": sha256_hex(hashes.join("\n").as_bytes()),
    }))
}

fn hashed(context: &Context, version: &str, files: &[&File], watched: bool) -> Result<String> {
    let mut lines = String::new();
    for file in files {
        if context.interrupt.is_requested() {
            return Err(Error::interrupted("interrupted while files are hashed"));
        }
        let hash = sha256_hex(&file.read()?);
        lines.push_str(&format!("{}\t{}\t{hash}\n", file.path, file.size));
    }
    let hash = sha256_hex(lines.as_bytes());
    let newest = files.iter().map(|file| file.modified_ns()).max().unwrap_or_default();
    context.store.keep_digest(version, newest, &hash);
    if watched {
        context.monitor.advance("");
    }
    Ok(hash)
}
