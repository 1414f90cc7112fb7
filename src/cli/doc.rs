//! `rtscript doc`: writes the manual.

use super::args::Args;
use super::progress::Progress;
use super::{SUCCESS, idle, output};
use crate::error::{Error, Result};
use crate::script::manual;
use crate::store;
use std::fs;
use std::path::Path;
use std::rc::Rc;

/// Where the manual goes unless `--out` says otherwise.
const FOLDER: &str = "manual";

/// Writes all files of the manual into the folder `--out` and says where.
///
/// # Errors
/// A folder that cannot be written.
pub fn run(args: &Args) -> Result<u8> {
    let progress = Rc::new(Progress::new(args.checkpoint_seconds, None, true));
    let session = idle(args, None, &progress)?;
    let folder = args.out.as_deref().unwrap_or(Path::new(FOLDER));
    fs::create_dir_all(folder).map_err(|error| {
        Error::io(format!("doc: cannot create {}", folder.display()), &error)
            .hint("name a folder that can be written with --out DIR")
    })?;
    for file in manual::files(session.reference()) {
        let path = folder.join(file.name);
        store::write(&path, file.text.as_bytes())?;
        output::stdout(&format!("manual: {}", path.display()));
    }
    Ok(SUCCESS)
}
