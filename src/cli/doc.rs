//! `rtscript doc`: writes the manual.

use super::{SUCCESS, output};
use crate::error::{Error, Result};
use crate::script::{Reference, manual};
use crate::store;
use std::fs;
use std::path::Path;

/// Where the manual goes unless `--out` says otherwise.
const FOLDER: &str = "manual";

/// Writes all files of the manual into `folder` and says where.
///
/// # Errors
/// A folder that cannot be written.
pub fn run(reference: &Reference, folder: Option<&Path>) -> Result<u8> {
    let folder = folder.unwrap_or(Path::new(FOLDER));
    fs::create_dir_all(folder).map_err(|error| {
        Error::io(format!("doc: cannot create {}", folder.display()), &error)
            .hint("name a folder that can be written with --out DIR")
    })?;
    for file in manual::files(reference) {
        let path = folder.join(file.name);
        store::write(&path, file.text.as_bytes())?;
        output::stdout(&format!("manual: {}", path.display()));
    }
    Ok(SUCCESS)
}
