//! Finding scripts.

use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The scripts that paths name: files as they are, and all `.rhai` below folders, sorted; hidden
/// folders and links to folders are left out. Each script comes once.
///
/// # Errors
/// A folder that cannot be read.
pub fn scripts(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        let mut own = Vec::new();
        if path.is_dir() {
            collect(path, &mut own)?
        } else {
            own.push(path.clone())
        }
        own.sort();
        found.extend(own);
    }
    let mut known = Vec::new();
    found.retain(|path| {
        let itself = path.canonicalize().unwrap_or_else(|_| path.clone());
        let new = !known.contains(&itself);
        known.push(itself);
        new
    });
    Ok(found)
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable =
        |error: std::io::Error| Error::io(format!("cannot read {}", folder.display()), &error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_dir() {
            if !hidden {
                collect(&path, into)?;
            }
        } else if !hidden && path.is_file() && path.extension().is_some_and(|end| end == "rhai") {
            into.push(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_come_sorted_once_and_not_from_hidden_folders() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b.rhai", "a/z.rhai", "a/b.out", ".git/x.rhai", "a/.y.rhai", "c.txt"] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let folder = root.path().to_owned();
        let names = |paths: &[PathBuf]| -> Vec<String> {
            let name = |path: &PathBuf| path.strip_prefix(&folder).unwrap().display().to_string();
            scripts(paths).unwrap().iter().map(name).collect()
        };
        assert_eq!(names(std::slice::from_ref(&folder)), ["a/z.rhai", "b.rhai"]);
        assert_eq!(
            names(&[folder.join("c.txt"), folder.join("a"), folder.clone()]),
            ["c.txt", "a/z.rhai", "b.rhai"]
        );
    }
}
